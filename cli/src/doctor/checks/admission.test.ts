import { describe, expect, it } from 'vitest'
import type { AdmissionPolicyFacts } from '../facts/admission-policies.ts'
import { selects } from '../facts/selector.ts'
import type { WebhookFact } from '../facts/webhooks.ts'
import { authority } from '../testing/certificates.ts'
import { judgeAdmissionPolicies } from './admission-policies.ts'
import { expectedWebhooks, judgeWebhooks } from './webhooks.ts'

const own = 'sallyport-system'
const elsewhere = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: [own, 'kube-system'] }
const enrolled = { matchExpressions: [{ key: 'sallyport.dev/inject', operator: 'In', values: ['enabled'] }, elsewhere] }
const others = { matchExpressions: [{ key: 'sallyport.dev/inject', operator: 'NotIn', values: ['enabled'] }, elsewhere] } // prettier-ignore

const webhook = (kind: WebhookFact['kind'], name: string): WebhookFact => ({
  kind,
  name,
  failurePolicy: 'Fail',
  caBundle: authority,
  host: 'sallyport-webhook.sallyport-system.svc',
  namespaceSelector: name === 'pods.sallyport.dev' ? enrolled : name.startsWith('labelled') ? others : undefined,
  objectSelector: name.startsWith('labelled') ? { matchLabels: { 'sallyport.dev/inject': 'enabled' } } : undefined,
  resources: name.includes('pods') ? ['pods'] : ['sallyport.dev/accessgrants'],
})
const mutating = expectedWebhooks.Mutating.map((name) => webhook('Mutating', name))
const validating = expectedWebhooks.Validating.map((name) => webhook('Validating', name))
const changed = (name: string, over: Partial<WebhookFact>): readonly WebhookFact[] =>
  mutating.map((one) => (one.name === name ? { ...one, ...over } : one))

describe('judgeWebhooks', () => {
  it('takes what the chart installs', () => {
    expect(judgeWebhooks({ mutating, validating }, own)).toMatchObject({ result: 'Ok' })
  })

  it.each([
    ['the configuration is missing', null, 'MutatingWebhookConfiguration'],
    ['a webhook is missing', mutating.slice(1), 'Mutating pods.sallyport.dev: is not there'],
    ['caBundle is not set', changed('pods.sallyport.dev', { caBundle: '' }), 'caBundle is not set'],
    ['caBundle is no certificate', changed('pods.sallyport.dev', { caBundle: 'nonsense' }), 'caBundle is not set'],
    ['it fails open', changed('pods.sallyport.dev', { failurePolicy: 'Ignore' }), 'failurePolicy is Ignore'],
    ['enrolled namespaces are left out', changed('pods.sallyport.dev', { namespaceSelector: others }), 'no webhook sees the pods of enrolled'], // prettier-ignore
    ['labelled pods are left out', changed('labelled-pods.sallyport.dev', { namespaceSelector: enrolled }), 'no webhook sees labelled pods'], // prettier-ignore
    ['every pod is seen', changed('labelled-pods.sallyport.dev', { objectSelector: {} }), 'sees pods that nobody enrolled'], // prettier-ignore
    ['its own pods are seen', changed('pods.sallyport.dev', { namespaceSelector: { matchLabels: { 'sallyport.dev/inject': 'enabled' } } }), `sees the pods of ${own}`], // prettier-ignore
  ])('fails where %s', (_name, given, problem) => {
    const finding = judgeWebhooks({ mutating: given, validating }, own)
    expect(finding.result).toBe('Failed')
    expect(JSON.stringify(finding)).toContain(problem)
  })
})

describe('judgeAdmissionPolicies', () => {
  const policy = { name: 'sallyport-pods', failurePolicy: 'Fail', warnings: [] }
  const binding = { name: 'sallyport-pods', policy: 'sallyport-pods', actions: ['Deny'], params: 'a/b', missingParams: 'Deny' } // prettier-ignore
  const facts = (over: Partial<AdmissionPolicyFacts> = {}): AdmissionPolicyFacts => ({
    policies: [policy],
    bindings: [binding],
    lostParams: [],
    ...over,
  })

  it.each<[string, Partial<AdmissionPolicyFacts>, string]>([
    ['takes what is bound to deny', {}, 'Ok'],
    ['waits for the type check', { policies: [{ ...policy, warnings: null }] }, 'Ok'],
    ['tells what the type check warns of', { policies: [{ ...policy, warnings: ['spec.x: undefined field'] }] }, 'Warning'], // prettier-ignore
    ['fails where there is none', { policies: [] }, 'Failed'],
    ['fails where it is not bound', { bindings: [] }, 'Failed'],
    ['fails where it only warns', { bindings: [{ ...binding, actions: ['Warn', 'Audit'] }] }, 'Failed'],
    ['fails where it fails open', { policies: [{ ...policy, failurePolicy: 'Ignore' }] }, 'Failed'],
    ['fails where a binding has no policy', { bindings: [binding, { ...binding, policy: 'gone' }] }, 'Failed'],
    ['fails where missing parameters allow', { bindings: [{ ...binding, missingParams: 'Allow' }] }, 'Failed'],
    ['fails where parameters are lost', { lostParams: ['a/b'] }, 'Failed'],
  ])('%s', (_name, over, result) => {
    expect(judgeAdmissionPolicies(facts(over)).result).toBe(result)
  })
})

describe('selects', () => {
  it.each([
    [undefined, {}, true],
    [{ matchLabels: { a: '1' } }, { a: '1', b: '2' }, true],
    [{ matchLabels: { a: '1' } }, { a: '2' }, false],
    [{ matchExpressions: [{ key: 'a', operator: 'NotIn', values: ['1'] }] }, {}, true],
    [{ matchExpressions: [{ key: 'a', operator: 'Exists' }] }, {}, false],
    [{ matchExpressions: [{ key: 'a', operator: 'DoesNotExist' }] }, {}, true],
    [{ matchExpressions: [{ key: 'a', operator: 'Later' }] }, { a: '1' }, false],
  ])('%j on %j: %s', (selector, labels, result) => {
    expect(selects(selector, labels)).toBe(result)
  })
})
