{{- define "sallyport.name" -}}
{{- if contains "sallyport" .Release.Name }}{{ .Release.Name | trunc 40 | trimSuffix "-" }}{{ else }}{{ printf "%s-sallyport" .Release.Name | trunc 40 | trimSuffix "-" }}{{ end }}
{{- end }}

{{- define "sallyport.selector" -}}
app.kubernetes.io/name: sallyport
app.kubernetes.io/instance: {{ .Release.Name }}
app.kubernetes.io/component: controller
{{- end }}

{{- define "sallyport.labels" -}}
{{ include "sallyport.selector" . }}
app.kubernetes.io/version: {{ .Chart.AppVersion | quote }}
app.kubernetes.io/managed-by: {{ .Release.Service }}
helm.sh/chart: {{ printf "%s-%s" .Chart.Name .Chart.Version }}
{{- end }}

{{- define "sallyport.serviceName" -}}
{{ include "sallyport.name" . }}-controller
{{- end }}

{{- define "sallyport.sidecarImage" -}}
{{ .Values.sidecar.image.repository }}:{{ .Values.sidecar.image.tag | default .Chart.AppVersion }}
{{- end }}

{{- /* clientConfig of a webhook; call with (list $ "path"). The controller adds its caBundle. */ -}}
{{- define "sallyport.clientConfig" -}}
{{- $root := index . 0 -}}
{{- if $root.Values.webhook.url -}}
url: {{ printf "%s/%s" $root.Values.webhook.url (index . 1) }}
{{- else -}}
service:
  name: {{ include "sallyport.serviceName" $root }}
  namespace: {{ $root.Release.Namespace }}
  path: /{{ index . 1 }}
  port: 443
{{- end -}}
{{- end }}
