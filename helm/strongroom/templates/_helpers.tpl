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

{{- define "strongroom.dataplaneSelector" -}}
app.kubernetes.io/name: strongroom
app.kubernetes.io/component: dataplane
{{- end }}

{{- define "strongroom.dataplaneLabels" -}}
{{ include "strongroom.labels" . }}
app.kubernetes.io/component: dataplane
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

{{- define "strongroom.containerSecurity" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities:
  drop: [ALL]
{{- end }}

{{/* What every pod has in common. */}}
{{- define "strongroom.podSettings" -}}
enableServiceLinks: false
{{- with .Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "strongroom.podSecurity" -}}
runAsNonRoot: true
runAsUser: 65532
runAsGroup: 65532
fsGroup: 65532
fsGroupChangePolicy: OnRootMismatch
seccompProfile: {type: RuntimeDefault}
{{- end }}

{{/* The one container that talks to the API server mounts this. */}}
{{- define "strongroom.apiTokenVolume" -}}
- name: api-token
  projected:
    defaultMode: 0440
    sources:
    - serviceAccountToken: {path: token, expirationSeconds: 3607}
    - configMap:
        name: kube-root-ca.crt
        items:
        - {key: ca.crt, path: ca.crt}
    - downwardAPI:
        items:
        - path: namespace
          fieldRef: {fieldPath: metadata.namespace}
{{- end }}

{{/* Both sides must give out the same URLs. */}}
{{- define "strongroom.urlEnv" -}}
- name: STRONGROOM_EXTERNAL_PORT
  value: {{ .Values.dataplane.externalPort | quote }}
{{- with .Values.controller.domain }}
- name: STRONGROOM_DOMAIN
  value: {{ . | quote }}
{{- end }}
{{- end }}

{{/* Rules of both network policies. */}}
{{- define "strongroom.scrapes" -}}
- from:
  {{- if .Values.networkPolicy.metricsFrom }}
  {{- toYaml .Values.networkPolicy.metricsFrom | nindent 2 }}
  {{- else }}
  - namespaceSelector: {}
  {{- end }}
  ports:
  - {protocol: TCP, port: metrics}
  {{- range include "strongroom.sidecars" . | fromJsonArray }}
  - {protocol: TCP, port: {{ .portName }}}
  {{- end }}
{{- end }}

{{/* Ports of the Services that are lists of what to scrape. */}}
{{- define "strongroom.metricsPorts" -}}
- {name: metrics, port: 9090, targetPort: metrics}
{{- range include "strongroom.sidecars" . | fromJsonArray }}
- {name: {{ .portName }}, port: {{ int .port }}, targetPort: {{ .portName }}}
{{- end }}
{{- end }}

{{- define "strongroom.metricsEndpoints" -}}
- {port: metrics, interval: {{ .Values.serviceMonitor.interval }}}
{{- range include "strongroom.sidecars" . | fromJsonArray }}
- {port: {{ .portName }}, interval: {{ $.Values.serviceMonitor.interval }}}
{{- end }}
{{- end }}

{{- define "strongroom.egress" -}}
# The API server.
- ports:
  {{- range .Values.networkPolicy.apiServer.ports }}
  - {protocol: TCP, port: {{ . }}}
  {{- end }}
  {{- with .Values.networkPolicy.apiServer.cidrs }}
  to:
  {{- range . }}
  - ipBlock: {cidr: {{ . | quote }}}
  {{- end }}
  {{- end }}
# Cluster DNS.
- ports:
  - {protocol: UDP, port: 53}
  - {protocol: TCP, port: 53}
  to:
  - {{ toYaml .Values.networkPolicy.dns | nindent 4 | trim }}
{{- with .Values.networkPolicy.extraEgress }}
{{- toYaml . | nindent 0 }}
{{- end }}
{{- end }}

{{/* Volumes of what the audit sinks read, by name. */}}
{{- define "strongroom.sinkFiles" -}}
{{- $sinks := .Values.dataplane.audit.sinks -}}
{{- if and $sinks.otlp.url $sinks.otlp.tokenSecret }}
audit-otlp:
  secret: {secretName: {{ $sinks.otlp.tokenSecret }}, defaultMode: 0440, items: [{key: token, path: token}]}
{{- end }}
{{- if and $sinks.otlp.url $sinks.otlp.caConfigMap }}
audit-otlp-ca:
  configMap: {name: {{ $sinks.otlp.caConfigMap }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- if and $sinks.s3.bucket $sinks.s3.credentialsSecret }}
audit-s3:
  secret:
    secretName: {{ $sinks.s3.credentialsSecret }}
    defaultMode: 0440
    items: [{key: access-key-id, path: access-key-id}, {key: secret-access-key, path: secret-access-key}]
{{- end }}
{{- if and $sinks.s3.bucket $sinks.s3.caConfigMap }}
audit-s3-ca:
  configMap: {name: {{ $sinks.s3.caConfigMap }}, items: [{key: ca.crt, path: ca.crt}]}
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
{{- range $list := list "pool" "classes" }}
{{- $seen := list }}
{{- range get $hsm $list }}
{{- if has .name $seen }}
{{- fail (printf "hsm.%s names %s twice: give each its own name" $list .name) }}
{{- end }}
{{- $seen = append $seen .name }}
{{- with .image }}
{{- if and .repository (not (or .tag .digest)) }}
{{- fail (printf "an image of hsm.%s has a repository: name its tag or digest too" $list) }}
{{- end }}
{{- end }}
{{- end }}
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
{{- if and .Values.dataplane.enabled (gt (int .Values.dataplane.replicas) 1) (not $hsm.softhsm.local.node) }}
{{- fail "a SoftHSM token is on one node only: with dataplane.replicas above 1, set hsm.softhsm.local.node, which binds all replicas to that node, or use a network HSM (hsm.kind pkcs11)" }}
{{- end }}
{{- if and $hsm.softhsm.local.node $hsm.softhsm.volume.existingClaim }}
{{- fail "set either hsm.softhsm.local.node or hsm.softhsm.volume.existingClaim, not both" }}
{{- end }}
{{- end }}
{{- end }}
