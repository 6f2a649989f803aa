{{/*
The HSM sidecars of a pod as a JSON list, the same beside the controller and beside the data plane: of the token, of further
tokens of its geography (hsm.pool), of dedicated ones (hsm.classes). Each has a volume of its own for its socket, which
the pod's main container sees in `directory`.
*/}}
{{- define "strongroom.sidecars" -}}
{{- $hsm := .Values.hsm }}
{{- $first := dict "container" "hsm" "run" "run" "directory" "/run/strongroom" "port" 9091 "portName" "hsm-metrics" }}
{{- $_ := merge $first (dict "softhsm" (eq $hsm.kind "softhsm") "module" $hsm.pkcs11.module "pin" "pin") }}
{{- $_ := merge $first (dict "image" (include "strongroom.hsmImage" .) "dedicated" false "probed" (empty $hsm.pool)) }}
{{- $_ := merge $first (pick $hsm "tokenLabel" "pinSecret" "workers" "extraEnv" "extraVolumes" "extraVolumeMounts" "resources") }}
{{- $all := list $first }}
{{- range $group, $members := dict "class" $hsm.classes "pool" $hsm.pool }}
{{- range $members }}
{{- $name := printf "%s-%s" $group .name }}
{{- $sidecar := dict "container" (printf "hsm-%s" $name) "run" (printf "run-%s" $name) "pin" (printf "pin-%s" $name) }}
{{- $_ := merge $sidecar (dict "group" $group "name" .name "directory" (printf "/run/strongroom-hsm/%s" $name)) }}
{{- $_ := merge $sidecar (dict "port" (add 9091 (len $all)) "portName" (printf "hsm-metrics-%d" (len $all))) }}
{{- $image := $first.image }}
{{- with .image }}
{{- if .repository }}
{{- $image = include "strongroom.reference" (dict "repository" .repository "digest" .digest "tag" .tag) }}
{{- end }}
{{- end }}
{{- $_ := merge $sidecar (dict "softhsm" false "image" $image "dedicated" (eq $group "class") "probed" false) }}
{{- $_ := merge $sidecar (pick . "module" "tokenLabel" "pinSecret" "workers" "extraEnv" "extraVolumes" "extraVolumeMounts" "resources") }}
{{- $_ := merge $sidecar (pick $hsm "workers" "resources") }}
{{- $all = append $all $sidecar }}
{{- end }}
{{- end }}
{{- toJson $all }}
{{- end }}

{{/* Where the main container finds them. */}}
{{- define "strongroom.hsmSocketEnv" -}}
{{- $pool := list }}
{{- $classes := list }}
{{- range include "strongroom.sidecars" . | fromJsonArray }}
{{- $socket := printf "%s/hsm/hsm.sock" .directory }}
{{- if .dedicated }}
{{- $classes = append $classes (printf "%s=%s" .name $socket) }}
{{- else }}
{{- $pool = append $pool $socket }}
{{- end }}
{{- end }}
- name: STRONGROOM_HSM_SOCKET
  value: {{ join "," $pool | quote }}
{{- with $classes }}
- name: STRONGROOM_HSM_CLASS
  value: {{ join "," . | quote }}
{{- end }}
{{- end }}

{{- define "strongroom.hsmSocketMounts" -}}
{{- range include "strongroom.sidecars" . | fromJsonArray }}
- name: {{ .run }}
  mountPath: {{ .directory }}
{{- end }}
{{- end }}

{{/* What a sidecar and the making of its token have in common. */}}
{{- define "strongroom.hsmEnv" -}}
- name: STRONGROOM_HSM_TOKEN_LABEL
  value: {{ .tokenLabel | quote }}
- name: STRONGROOM_HSM_PIN_FILE
  value: {{ if .pinSecret }}/etc/strongroom/hsm{{ else }}/var/lib/strongroom/hsm/pins{{ end }}/pin
{{- if .softhsm }}
- name: SOFTHSM2_CONF
  value: /etc/strongroom/softhsm/softhsm2.conf
{{- else }}
- name: STRONGROOM_HSM_MODULE
  value: {{ .module | quote }}
{{- end }}
{{- with .extraEnv }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "strongroom.hsmMounts" }}
{{- if .softhsm }}
- name: token
  mountPath: /var/lib/strongroom/hsm
- name: softhsm
  mountPath: /etc/strongroom/softhsm
  readOnly: true
{{- end }}
{{- with .extraVolumeMounts }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{- define "strongroom.hsmContainers" -}}
{{- range $sidecar := include "strongroom.sidecars" . | fromJsonArray }}
- name: {{ .container }}
  image: {{ .image | quote }}
  imagePullPolicy: {{ $.Values.image.pullPolicy }}
  args: [hsm]
  env:
  {{- include "strongroom.hsmEnv" . | nindent 2 }}
  {{- if .dedicated }}
  - name: STRONGROOM_HSM_DEDICATED
    value: "true"
  {{- end }}
  - name: STRONGROOM_HSM_SOCKET
    value: /run/strongroom/hsm/hsm.sock
  - name: STRONGROOM_HSM_METRICS_PORT
    value: {{ int .port | quote }}
  - name: STRONGROOM_HSM_LOG_FORMAT
    value: {{ $.Values.logFormat }}
  - name: STRONGROOM_HSM_WORKERS
    value: {{ int .workers | quote }}
  ports:
  - name: {{ .portName }}
    containerPort: {{ int .port }}
  # No liveness probe: a restart is a new try of the PIN, and some tokens lock after three.
  {{- if .probed }}
  readinessProbe:
    exec: {command: [strongroom, hsm, status]}
    periodSeconds: 15
    timeoutSeconds: 10
  {{- else }}
  # No readiness probe: without one of several tokens the pod still serves, and says by itself when it cannot.
  {{- end }}
  volumeMounts:
  # The sidecar makes the socket in a directory of mode 0700 below this, and all containers are one user.
  - name: {{ .run }}
    mountPath: /run/strongroom
  {{- with include "strongroom.hsmMounts" . | trim }}
  {{- . | nindent 2 }}
  {{- end }}
  {{- if .pinSecret }}
  - name: {{ .pin }}
    mountPath: /etc/strongroom/hsm
    readOnly: true
  {{- end }}
  resources:
    {{- toYaml .resources | nindent 4 }}
  securityContext:
    {{- include "strongroom.containerSecurity" . | nindent 4 }}
{{- end }}
{{- end }}

{{- define "strongroom.hsmVolumes" }}
{{- if include "strongroom.softhsm" . }}
- name: token
  persistentVolumeClaim:
    claimName: {{ include "strongroom.tokenClaim" . }}
- name: softhsm
  configMap: {name: strongroom-softhsm}
{{- end }}
{{- range include "strongroom.sidecars" . | fromJsonArray }}
- name: {{ .run }}
  emptyDir: {medium: Memory, sizeLimit: 1Mi}
{{- if .pinSecret }}
- name: {{ .pin }}
  secret:
    secretName: {{ .pinSecret }}
    defaultMode: 0440
    items:
    - {key: pin, path: pin}
{{- end }}
{{- with .extraVolumes }}
{{ toYaml . }}
{{- end }}
{{- end }}
{{- end }}
