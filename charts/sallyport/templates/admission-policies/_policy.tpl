{{- /*
Backstop of the webhook: what a pod looks like in the end, whoever made it and whatever other webhooks did. The same words as
the webhook's, see docs/reasons.md. Constants are those of controller/src/injection; test/hostile-pods holds the two together.
*/ -}}

{{- /* Head of a policy; call with (list $ "pods"). */ -}}
{{- define "sallyport.policyHead" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicy
metadata:
  name: {{ include "sallyport.name" (index . 0) }}-{{ index . 1 }}
  labels:
    {{- include "sallyport.labels" (index . 0) | nindent 4 }}
{{- end }}

{{- /* Binds a policy wherever it matches; call with (list $ "pods"). */ -}}
{{- define "sallyport.policyBinding" -}}
apiVersion: admissionregistration.k8s.io/v1
kind: ValidatingAdmissionPolicyBinding
metadata:
  name: {{ include "sallyport.name" (index . 0) }}-{{ index . 1 }}
  labels:
    {{- include "sallyport.labels" (index . 0) | nindent 4 }}
spec:
  policyName: {{ include "sallyport.name" (index . 0) }}-{{ index . 1 }}
  validationActions: [Deny]
{{- end }}

{{- /* securityContext of a container of ours, as CEL; call with (list 5555 "" ) or capabilities to add. */ -}}
{{- define "sallyport.celHardened" -}}
{
  'runAsUser': dyn({{ index . 0 }}), 'runAsGroup': dyn({{ index . 0 }}), 'runAsNonRoot': dyn({{ ne (index . 0) 0 }}),
  'readOnlyRootFilesystem': dyn(true), 'allowPrivilegeEscalation': dyn(false),
  'capabilities': dyn({'drop': ['ALL']{{ with index . 1 }}, 'add': ['{{ . }}']{{ end }}}),
  'seccompProfile': dyn({'type': 'RuntimeDefault'})
}
{{- end }}

{{- /* What sidecars dial; --controller-url of the controller. */ -}}
{{- define "sallyport.controllerUrl" -}}
{{ .Values.controller.url | default (printf "https://%s.%s.svc:8443" (include "sallyport.controllerName" .) .Release.Namespace) }}
{{- end }}

{{- /* Where the images a pod may carry are. While nobody has said any, no pod that must have one is made. */ -}}
{{- define "sallyport.policyImages" -}}
paramRef:
  name: {{ include "sallyport.name" . }}-injection
  namespace: {{ .Release.Namespace }}
  parameterNotFoundAction: Deny
{{- end }}
