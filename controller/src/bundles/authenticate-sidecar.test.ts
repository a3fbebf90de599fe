import { createServer, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { afterEach, beforeEach, describe, expect, it } from 'vitest'
import { KubeClient } from '../kube/client.ts'
import { PooledKubeConfig } from '../kube/kube-config.ts'
import { SidecarAuthenticator } from './authenticate-sidecar.ts'

const header = 'Bearer eyJhbGciOiJSUzI1NiJ9.e30.c2ln'
const review = {
  status: {
    authenticated: true,
    audiences: ['sallyport.dev'],
    user: {
      username: 'system:serviceaccount:agents:report-agent',
      extra: {
        'authentication.kubernetes.io/pod-name': ['report'],
        'authentication.kubernetes.io/pod-uid': ['uid-1'],
      },
    },
  },
}

let server: Server
let client: KubeClient
let podIPs: readonly object[] | undefined
let asked = 0

beforeEach(async () => {
  podIPs = [{ ip: '10.244.0.7' }, { ip: 'fd00:10:244::7' }]
  asked = 0
  server = createServer((request, response) => {
    const isReview = request.url?.endsWith('/tokenreviews') === true
    if (isReview) asked += 1
    const pod = {
      metadata: { name: 'report', namespace: 'agents', uid: 'uid-1', resourceVersion: '1' },
      spec: { serviceAccountName: 'report-agent' },
      status: { podIPs },
    }
    response.end(JSON.stringify(isReview ? review : pod))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const config = new PooledKubeConfig()
  const { port } = server.address() as AddressInfo
  config.loadFromClusterAndUser({ name: 'c', server: `http://127.0.0.1:${port}`, skipTLSVerify: true }, { name: 'u' })
  client = new KubeClient(config)
})

afterEach(async () => {
  await client.config.close()
  server.close()
})

function authenticator(checkAddress = true): SidecarAuthenticator {
  return new SidecarAuthenticator({
    client,
    nowMs: () => 0,
    onResult: () => undefined,
    findForgery: () => null,
    checkAddress,
  })
}

describe('a sidecar’s token', () => {
  it.each(['10.244.0.7', '::ffff:10.244.0.7', 'fd00:10:244::7'])(
    'counts from the pod’s own address %s',
    async (from) => {
      const { subject } = await authenticator().authenticate(header, from)
      expect(subject).toMatchObject({ namespace: 'agents', pod: 'report', podUID: 'uid-1' })
    },
  )

  it.each(['10.244.0.8', '::ffff:10.244.0.8', 'fd00:10:244::8', '127.0.0.1', undefined])(
    'counts for nothing from %s, cached or not',
    async (from) => {
      const own = authenticator()
      await expect(own.authenticate(header, from)).rejects.toMatchObject({ code: 'forbidden' })
      await own.authenticate(header, '10.244.0.7')
      await expect(own.authenticate(header, from)).rejects.toMatchObject({ code: 'forbidden' })
      expect(asked).toBe(1)
    },
  )

  it('is asked for again while the kubelet has not said where the pod is', async () => {
    const own = authenticator()
    podIPs = undefined
    await expect(own.authenticate(header, '10.244.0.7')).rejects.toMatchObject({ code: 'busy' })
    podIPs = [{ ip: '10.244.0.7' }]
    expect((await own.authenticate(header, '10.244.0.7')).subject.pod).toBe('report')
  })

  it('counts from anywhere where addresses are not kept on the way', async () => {
    expect((await authenticator(false).authenticate(header, '192.0.2.1')).subject.pod).toBe('report')
  })
})
