import { requestJson } from '../rig/request-json.ts'
import type { Credentials } from './credentials.ts'
import { ClusterError } from './errors.ts'
import { dnsService, node } from './layout.ts'

/** Makes what CoreDNS needs, and the Service by which pods reach it. @throws ClusterError */
export async function makeBootstrapObjects({ url, adminToken: token }: Credentials, ipv6: boolean): Promise<void> {
  for (const [path, body] of objects(ipv6)) {
    const answer = await requestJson(`${url}/${path}`, { method: 'POST', token, body })
    if (answer.status !== 201) throw new ClusterError(`${path}: ${answer.status} ${JSON.stringify(answer.body)}`)
  }
}

function objects(ipv6: boolean): readonly (readonly [string, unknown])[] {
  const rbac = 'apis/rbac.authorization.k8s.io/v1'
  const apiGroup = 'rbac.authorization.k8s.io'
  const name = 'system:coredns'
  const reads = { verbs: ['list', 'watch'] }
  return [
    [
      `${rbac}/clusterroles`,
      {
        metadata: { name },
        rules: [
          { apiGroups: [''], resources: ['services', 'namespaces', 'pods'], ...reads },
          { apiGroups: ['discovery.k8s.io'], resources: ['endpointslices'], ...reads },
        ],
      },
    ],
    [
      `${rbac}/clusterrolebindings`,
      {
        metadata: { name },
        roleRef: { apiGroup, kind: 'ClusterRole', name },
        subjects: [{ apiGroup, kind: 'User', name }],
      },
    ],
    [
      'api/v1/namespaces/kube-system/services',
      {
        metadata: { name: 'kube-dns', labels: { 'k8s-app': 'kube-dns' } },
        spec: {
          clusterIP: dnsService.ipv4,
          clusterIPs: ipv6 ? [dnsService.ipv4, dnsService.ipv6] : [dnsService.ipv4],
          ipFamilyPolicy: ipv6 ? 'RequireDualStack' : 'SingleStack',
          ports: [
            { name: 'dns', port: 53, protocol: 'UDP' },
            { name: 'dns-tcp', port: 53, protocol: 'TCP' },
          ],
        },
      },
    ],
    dnsEndpoints('IPv4', node.ipv4),
    ...(ipv6 ? [dnsEndpoints('IPv6', node.ipv6)] : []),
  ]
}

/** CoreDNS is a process of the node, so no controller finds its addresses. */
function dnsEndpoints(addressType: 'IPv4' | 'IPv6', address: string): readonly [string, unknown] {
  return [
    'apis/discovery.k8s.io/v1/namespaces/kube-system/endpointslices',
    {
      metadata: {
        name: `kube-dns-${addressType.toLowerCase()}`,
        labels: { 'kubernetes.io/service-name': 'kube-dns', 'endpointslice.kubernetes.io/managed-by': 'sallyport' },
      },
      addressType,
      endpoints: [{ addresses: [address], conditions: { ready: true } }],
      ports: [
        { name: 'dns', port: 53, protocol: 'UDP' },
        { name: 'dns-tcp', port: 53, protocol: 'TCP' },
      ],
    },
  ]
}
