/**
 * A pod the API server is asked to judge and never to store: restricted in the sense of the Pod Security Standards, and
 * labelled for injection.
 */
export function probePod(spec: object = {}): object {
  return {
    apiVersion: 'v1',
    kind: 'Pod',
    metadata: { generateName: 'sallyport-doctor-', labels: { 'sallyport.dev/inject': 'enabled' } },
    spec: {
      serviceAccountName: 'default',
      automountServiceAccountToken: false,
      restartPolicy: 'Never',
      securityContext: { runAsNonRoot: true, runAsUser: 65534, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'probe',
          image: 'registry.k8s.io/pause:3.10',
          // A quota may ask for them.
          resources: { requests: { cpu: '1m', memory: '1Mi' }, limits: { cpu: '10m', memory: '8Mi' } },
          securityContext: {
            allowPrivilegeEscalation: false,
            readOnlyRootFilesystem: true,
            capabilities: { drop: ['ALL'] },
          },
        },
      ],
      ...spec,
    },
  }
}
