{{- define "strongroom.labels" -}}
app.kubernetes.io/name: strongroom
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "strongroom.selector" -}}
app.kubernetes.io/name: strongroom
app.kubernetes.io/component: controller
{{- end }}

{{- define "strongroom.controllerLabels" -}}
{{ include "strongroom.labels" . }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "strongroom.reference" -}}
{{- if .digest -}}{{ .repository }}@{{ .digest }}{{- else -}}{{ .repository }}:{{ .tag }}{{- end -}}
{{- end }}

{{- define "strongroom.image" -}}
{{- $image := .Values.image -}}
{{- include "strongroom.reference" (dict "repository" $image.repository "digest" $image.digest "tag" ($image.tag | default .Chart.AppVersion)) -}}
{{- end }}

{{/* A repository of the sidecar's own comes with a tag or digest of its own. */}}
{{- define "strongroom.hsmImage" -}}
{{- $image := .Values.hsm.image -}}
{{- if $image.repository -}}
{{- include "strongroom.reference" (dict "repository" $image.repository "digest" $image.digest "tag" $image.tag) -}}
{{- else -}}
{{- include "strongroom.image" . -}}
{{- end -}}
{{- end }}

{{- define "strongroom.softhsm" -}}
{{- if eq .Values.hsm.kind "softhsm" }}true{{ end -}}
{{- end }}

{{- define "strongroom.tokenClaim" -}}
{{- .Values.hsm.softhsm.volume.existingClaim | default "strongroom-hsm-token" -}}
{{- end }}

{{- define "strongroom.pinDirectory" -}}
{{- if .Values.hsm.pinSecret }}/etc/strongroom/hsm{{ else }}/var/lib/strongroom/hsm/pins{{ end -}}
{{- end }}

{{- define "strongroom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What the sidecar and the making of its token have in common. */}}
{{- define "strongroom.hsmEnv" -}}
- name: STRONGROOM_HSM_TOKEN_LABEL
  value: {{ .Values.hsm.tokenLabel | quote }}
- name: STRONGROOM_HSM_PIN_FILE
  value: {{ include "strongroom.pinDirectory" . }}/pin
{{- if include "strongroom.softhsm" . }}
- name: SOFTHSM2_CONF
  value: /etc/strongroom/softhsm/softhsm2.conf
{{- else }}
- name: STRONGROOM_HSM_MODULE
  value: {{ .Values.hsm.pkcs11.module | quote }}
{{- end }}
{{- with .Values.hsm.extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "strongroom.hsmMounts" }}
{{- if include "strongroom.softhsm" . }}
- name: token
  mountPath: /var/lib/strongroom/hsm
- name: softhsm
  mountPath: /etc/strongroom/softhsm
  readOnly: true
{{- end }}
{{- with .Values.hsm.extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* What the schema cannot say. Each message tells what to do. */}}
{{- define "strongroom.validate" -}}
{{- if ne .Release.Namespace "strongroom-system" }}
{{- fail (printf "Strongroom lives in the namespace strongroom-system, not in %s: install with --namespace strongroom-system --create-namespace" .Release.Namespace) }}
{{- end }}
{{- $hsm := .Values.hsm }}
{{- if and $hsm.image.repository (not (or $hsm.image.tag $hsm.image.digest)) }}
{{- fail "hsm.image.repository is set: name its hsm.image.tag or hsm.image.digest too" }}
{{- end }}
{{- if eq $hsm.kind "pkcs11" }}
{{- if not $hsm.pkcs11.module }}
{{- fail "hsm.kind is pkcs11: set hsm.pkcs11.module to the path of the PKCS#11 module" }}
{{- end }}
{{- if not $hsm.pinSecret }}
{{- fail "hsm.kind is pkcs11: set hsm.pinSecret to the name of a Secret that holds the user PIN under the key pin" }}
{{- end }}
{{- else }}
{{- if and (or (gt (int .Values.controller.replicas) 1) .Values.controller.shards) (not $hsm.softhsm.local.node) }}
{{- fail "a SoftHSM token is on one node only: with controller.replicas above 1, or controller.shards, set hsm.softhsm.local.node, which binds all replicas to that node, or use a network HSM (hsm.kind pkcs11)" }}
{{- end }}
{{- if and $hsm.softhsm.local.node $hsm.softhsm.volume.existingClaim }}
{{- fail "set either hsm.softhsm.local.node or hsm.softhsm.volume.existingClaim, not both" }}
{{- end }}
{{- end }}
{{- end }}
