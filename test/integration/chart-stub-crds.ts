/**
 * The kinds of others that the chart can make, as CRDs that take any spec: enough for the API server to know them. What
 * is in the specs is checked where they are rendered.
 */
export const stubCrds = {
  apiVersion: 'v1',
  kind: 'List',
  items: [
    stub('cert-manager.io', 'v1', 'Certificate', 'certificates'),
    stub('cert-manager.io', 'v1', 'Issuer', 'issuers'),
    stub('monitoring.coreos.com', 'v1', 'ServiceMonitor', 'servicemonitors'),
  ],
}

function stub(group: string, version: string, kind: string, plural: string): object {
  const spec = { type: 'object', 'x-kubernetes-preserve-unknown-fields': true }
  return {
    apiVersion: 'apiextensions.k8s.io/v1',
    kind: 'CustomResourceDefinition',
    metadata: { name: `${plural}.${group}` },
    spec: {
      group,
      scope: 'Namespaced',
      names: { kind, plural, singular: kind.toLowerCase() },
      versions: [
        { name: version, served: true, storage: true, schema: { openAPIV3Schema: { type: 'object', properties: { spec } } } }, // prettier-ignore
      ],
    },
  }
}
