{{- /* Prefix of every object of the release. */ -}}
{{- define "sallyport.name" -}}
{{- if contains "sallyport" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-sallyport" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- /* Names of Deployment, Service and ServiceAccount of the two roles. */ -}}
{{- define "sallyport.webhookName" -}}
{{ include "sallyport.name" . }}-webhook
{{- end }}
{{- define "sallyport.controllerName" -}}
{{ include "sallyport.name" . }}-controller
{{- end }}

{{- /* Labels of every object; what the release says of itself wins over commonLabels. */ -}}
{{- define "sallyport.labels" -}}
{{- $own := dict
  "app.kubernetes.io/name" "sallyport"
  "app.kubernetes.io/instance" .Release.Name
  "app.kubernetes.io/part-of" "sallyport"
  "app.kubernetes.io/version" .Chart.AppVersion
  "app.kubernetes.io/managed-by" .Release.Service
  "helm.sh/chart" (printf "%s-%s" .Chart.Name .Chart.Version | replace "+" "_")
-}}
{{ toYaml (merge $own .Values.commonLabels) }}
{{- end }}

{{- /* Labels of what belongs to one part of the release; call with (list $ "webhook"). */ -}}
{{- define "sallyport.partLabels" -}}
{{- $labels := include "sallyport.labels" (index . 0) | fromYaml -}}
{{ toYaml (set $labels "app.kubernetes.io/component" (index . 1)) }}
{{- end }}

{{- /* Labels of pods; call with (list $ "webhook" .Values.webhook.podLabels). */ -}}
{{- define "sallyport.podLabels" -}}
{{- $own := include "sallyport.partLabels" . | fromYaml -}}
{{ toYaml (merge $own (index . 2)) }}
{{- end }}

{{- /* What selects the pods of one role; call with (list $ "webhook"). It can never change: a Deployment's selector is immutable. */ -}}
{{- define "sallyport.selector" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{- /* Reference of an image; call with (list $ .Values.controller.image). A digest wins over the tag. */ -}}
{{- define "sallyport.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- $registry := $root.Values.global.imageRegistry | default $image.registry -}}
{{- with $registry }}{{ . }}/{{ end }}{{ $image.repository }}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end }}
{{- end }}

{{- /* Secret with the serving certificate. */ -}}
{{- define "sallyport.tlsSecret" -}}
{{- $given := .Values.certificates.secretName -}}
{{- if eq .Values.certificates.source "Secret" -}}
{{ $given | required "certificates.secretName: name your Secret, since certificates.source is Secret" }}
{{- else -}}
{{- if $given }}{{ fail "certificates.secretName: is for certificates.source Secret only" }}{{ end -}}
{{ include "sallyport.name" . }}-tls
{{- end }}
{{- end }}

{{- /* Flags that both roles have. */ -}}
{{- define "sallyport.args" -}}
- --namespace={{ .Release.Namespace }}
- --name={{ include "sallyport.name" . }}
- --service-name={{ include "sallyport.controllerName" . }}
- --webhook-service-name={{ include "sallyport.webhookName" . }}
- --certificate-source={{ get (dict "Own" "own" "CertManager" "cert-manager" "Secret" "secret") .Values.certificates.source }}
- --tls-secret={{ include "sallyport.tlsSecret" . }}
- --sidecar-image={{ include "sallyport.image" (list . .Values.sidecar.image) }}
- --redirect-image={{ include "sallyport.image" (list . .Values.redirect.image) }}
{{- with .Values.controller.url }}
- --controller-url={{ . }}
{{- end }}
{{- range .Values.controller.extraDnsNames }}
- --extra-dns-name={{ . }}
{{- end }}
{{- end }}

{{- /* securityContext of every pod of ours: what PodSecurity `restricted` asks for, and a uid nobody else has. */ -}}
{{- define "sallyport.podSecurityContext" -}}
runAsNonRoot: true
runAsUser: 5554
runAsGroup: 5554
fsGroup: 5554
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "sallyport.securityContext" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /* Probes of both roles, on the port named metrics. */ -}}
{{- define "sallyport.probes" -}}
readinessProbe:
  httpGet: { path: /readyz, port: metrics }
  periodSeconds: 2
livenessProbe:
  httpGet: { path: /healthz, port: metrics }
  periodSeconds: 10
  timeoutSeconds: 5
  failureThreshold: 6
{{- end }}

{{- /* Where pods of a role run; call with .Values.webhook or .Values.controller. */ -}}
{{- define "sallyport.placement" -}}
{{- with .priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .affinity }}
affinity:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* Namespaces no pod is touched in. */ -}}
{{- define "sallyport.excludedNamespaces" -}}
{{ prepend .Values.webhook.excludedNamespaces .Release.Namespace | uniq | toJson }}
{{- end }}

{{- /* clientConfig of a webhook; call with (list $ "path"). caBundle is left to whoever keeps the certificate: absent here, an upgrade never touches it. */ -}}
{{- define "sallyport.clientConfig" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.webhook.url -}}
url: {{ printf "%s/%s" $root.Values.webhook.url (index . 1) }}
{{- else -}}
service:
  name: {{ include "sallyport.webhookName" $root }}
  namespace: {{ $root.Release.Namespace }}
  path: /{{ index . 1 }}
  port: 443
{{- end -}}
{{- end }}
