{{- /* Spec of a hook's pod; call with (list $ "account" (list "argument" …)). */ -}}
{{- define "sallyport.hookPod" -}}
{{- $root := index . 0 -}}
serviceAccountName: {{ index . 1 }}
restartPolicy: Never
{{- with $root.Values.imagePullSecrets }}
imagePullSecrets:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.controller.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with $root.Values.controller.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
securityContext:
  {{- include "sallyport.podSecurityContext" $root | nindent 2 }}
containers:
  - name: hook
    image: {{ include "sallyport.image" (list $root $root.Values.controller.image) }}
    imagePullPolicy: {{ $root.Values.controller.image.pullPolicy }}
    command: [sallyport]
    args: {{ index . 2 | toJson }}
    terminationMessagePolicy: FallbackToLogsOnError
    resources:
      {{- toYaml $root.Values.hooks.resources | nindent 6 }}
    securityContext:
      {{- include "sallyport.securityContext" $root | nindent 6 }}
{{- end }}

{{- /*
  Labels and annotations of whatever belongs to a hook; call with (list $ "event" weight). Accounts and rights have a lower
  weight than what uses them, and like it they are there only while the hook runs.
*/ -}}
{{- define "sallyport.hookMetadata" -}}
labels:
  {{- include "sallyport.partLabels" (list (index . 0) "hook") | nindent 2 }}
annotations:
  helm.sh/hook: {{ index . 1 }}
  helm.sh/hook-weight: {{ index . 2 | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded
{{- end }}
