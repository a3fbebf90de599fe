import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { kubeconfigFor } from '../rig/control-plane.ts'
import { makeAuthority, type Certificate } from './certificates.ts'
import { apiService, clusterDomain, node, type Layout } from './layout.ts'

/** Users by the name of their kubeconfig; their tokens are new with every cluster. */
const users = {
  admin: { user: 'admin', groups: 'system:masters' },
  'kube-controller-manager': { user: 'system:kube-controller-manager', groups: '' },
  'kube-scheduler': { user: 'system:kube-scheduler', groups: '' },
  'kube-proxy': { user: 'system:kube-proxy', groups: '' },
  kubelet: { user: `system:node:${node.name}`, groups: 'system:nodes' },
  coredns: { user: 'system:coredns', groups: '' },
} as const

export interface Credentials {
  readonly url: string
  readonly adminToken: string
  readonly caFile: string
  /** Path of a file in the folder of credentials. */
  readonly file: (name: string) => string
}

/** Writes certificates, the keys of ServiceAccounts' tokens, users with their tokens, and a kubeconfig for each. */
export async function makeCredentials(layout: Layout): Promise<Credentials> {
  const file = (name: string): string => join(layout.credentials, name)
  const save = (name: string, content: string): void => writeFileSync(file(name), content, { mode: 0o600 })
  const saveBoth = (name: string, { cert, key }: Certificate): void => {
    save(`${name}.crt`, cert)
    save(`${name}.key`, key)
  }
  const authority = await makeAuthority('sallyport-test-cluster')
  saveBoth('ca', authority)
  const service = [
    'kubernetes',
    'kubernetes.default',
    'kubernetes.default.svc',
    `kubernetes.default.svc.${clusterDomain}`,
  ]
  const addresses = [node.ipv4, node.ipv6, apiService.ipv4, apiService.ipv6, '127.0.0.1', '::1']
  saveBoth('apiserver', await authority.issue('CN=kube-apiserver', [...service, 'localhost', ...addresses]))
  saveBoth('kubelet', await authority.issue(`CN=system:node:${node.name}`, [node.name, node.ipv4, node.ipv6]))
  saveBoth('apiserver-kubelet-client', await authority.issue('CN=apiserver-kubelet-client, O=system:masters', []))
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  save('sa.key', privateKey.export({ type: 'pkcs1', format: 'pem' }).toString())
  save('sa.pub', publicKey.export({ type: 'spki', format: 'pem' }).toString())
  const url = `https://${node.ipv4}:${node.apiPort}`
  const tokens = Object.entries(users).map(([name, who]) => ({ name, ...who, token: randomBytes(16).toString('hex') }))
  save('tokens.csv', tokens.map(({ token, user, groups }) => `${token},${user},${user},${groups}\n`).join(''))
  for (const { name, token } of tokens) save(`${name}.kubeconfig`, kubeconfigFor(url, file('ca.crt'), token))
  const adminToken = tokens.find(({ name }) => name === 'admin')?.token ?? ''
  writeFileSync(layout.kubeconfig, kubeconfigFor(url, file('ca.crt'), adminToken), { mode: 0o600 })
  return { url, adminToken, caFile: file('ca.crt'), file }
}
