import { describe, expect, it } from 'vitest'
import type { Answer } from './cluster.ts'
import { judgeInjection, judgeRefusal, readDryRun } from './dry-run.ts'

const right = 'kubectl auth can-i create pods -n default'
const answer = (status: number, body: unknown): Answer => ({ status, body, dateMs: 0, askedMs: 0, answeredMs: 0 })
const refusal = (status: number, message: string): Answer => answer(status, { kind: 'Status', message })
const pod = (...names: readonly string[]): Answer =>
  answer(201, { spec: { initContainers: names.map((name) => ({ name, image: `${name}:1` })) } })

const injected = pod('sallyport', 'migrate')
const naked = answer(201, { spec: { containers: [{ name: 'sallyport', image: 'a decoy' }] } })
const hostNetwork = refusal(403, 'admission webhook "labelled-pods.sallyport.dev" denied the request: host-network: spec.hostNetwork: must be false') // prettier-ignore
const foreign = refusal(400, 'admission webhook "validate.kyverno.svc" denied the request: no')
const backstop = refusal(422, `pods "p" is forbidden: ValidatingAdmissionPolicy 'sallyport-pods' with binding 'sallyport-pods' denied request: no sidecar`) // prettier-ignore
const down = refusal(500, 'Internal error occurred: failed calling webhook "pods.sallyport.dev": failed to call webhook: Post "https://…": dial tcp 10.0.0.1:443: connect: connection refused') // prettier-ignore
const forbidden = refusal(403, 'pods is forbidden: User "u" cannot create resource "pods" in API group "" in the namespace "default"') // prettier-ignore
const quota = refusal(403, 'pods "p" is forbidden: exceeded quota: all')

describe('judgeInjection', () => {
  it.each([
    ['takes a pod that has the sidecar', injected, 'Ok', 'the sidecar sallyport:1'],
    ['fails where there is none, whatever an application container is called', naked, 'Failed', 'without the sidecar'],
    ['fails where a policy refuses what nothing injected', backstop, 'Failed', 'refused by sallyport-pods'],
    ['fails where the webhook does not answer', down, 'Failed', 'connection refused'],
    ['fails where the namespace takes no pod', quota, 'Failed', 'exceeded quota'],
    ['is skipped without the right', forbidden, 'Skipped', 'no right'],
  ])('%s', (_name, given, result, message) => {
    const finding = judgeInjection(readDryRun(given, right), 'default')
    expect(finding.result).toBe(result)
    expect(finding.message).toContain(message)
  })

  it('says of a webhook that does not answer what the API server met, once', () => {
    expect(judgeInjection(readDryRun(down, right), 'default').message).toBe('the webhook pods.sallyport.dev does not answer: Post "https://…": dial tcp 10.0.0.1:443: connect: connection refused') // prettier-ignore
  })

  it('names the right that is missing', () => {
    expect(judgeInjection(readDryRun(forbidden, right), 'default')).toMatchObject({ right })
  })
})

describe('judgeRefusal', () => {
  it.each([
    ['takes our refusal', hostNetwork, 'Ok'],
    ['fails where the pod is taken', injected, 'Failed'],
    ['fails where the webhook does not answer', down, 'Failed'],
    ['is skipped where another refused first', foreign, 'Skipped'],
    ['is skipped where a quota refused first', quota, 'Skipped'],
    ['is skipped without the right', forbidden, 'Skipped'],
  ])('%s', (_name, given, result) => {
    expect(judgeRefusal(readDryRun(given, right), 'default').result).toBe(result)
  })
})
