import { describe, expect, it } from 'vitest'
import type { AdmissionPolicyFact, AdmissionPolicyFacts } from '../facts/admission-policies.ts'
import { selects } from '../facts/selector.ts'
import type { WebhookFact } from '../facts/webhooks.ts'
import { authority } from '../testing/certificates.ts'
import { expectedAdmission, judgeAdmissionPolicies } from './admission-policies.ts'
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
  const policies = expectedAdmission.policies.map((part): AdmissionPolicyFact => ({
    name: `sallyport-${part}`,
    failurePolicy: 'Fail',
    warnings: [],
  }))
  const bindings = expectedAdmission.bindings.map((part) => ({
    name: `sallyport-${part}`,
    policy: part === 'labelled-pods' ? 'sallyport-pods' : `sallyport-${part}`,
    actions: ['Deny'],
    params: part.endsWith('pods') ? 'sallyport-system/sallyport-injection' : null,
    missingParams: part.endsWith('pods') ? 'Deny' : '',
  }))
  const policy = { name: 'sallyport-pods', failurePolicy: 'Fail', warnings: [] }
  const binding = { name: 'sallyport-pods', policy: 'sallyport-pods', actions: ['Deny'], params: 'a/b', missingParams: 'Deny' } // prettier-ignore
  const replaced = <T extends { readonly name: string }>(list: readonly T[], one: T): readonly T[] =>
    list.map((other) => (other.name === one.name ? one : other))

  it.each<[string, Partial<AdmissionPolicyFacts>, string, string]>([
    ['takes what is bound to deny', {}, 'Ok', '7 policies'],
    [
      'waits for the type check',
      { policies: replaced(policies, { ...policy, warnings: null }) },
      'Ok',
      'not checked yet',
    ],
    ['tells what the type check warns of', { policies: replaced(policies, { ...policy, warnings: ['spec.x: undefined field'] }) }, 'Warning', 'spec.x: undefined field'], // prettier-ignore
    ['fails where there is none', { policies: [], bindings: [] }, 'Failed', 'admissionPolicies.enabled'],
    ['fails where one is missing', { policies: policies.slice(1) }, 'Failed', 'sallyport-conditions: is not there'],
    ['fails where one is not bound', { bindings: bindings.slice(1) }, 'Failed', 'sallyport-conditions: is not there'],
    ['fails where it only warns', { bindings: replaced(bindings, { ...binding, actions: ['Warn', 'Audit'] }) }, 'Failed', 'its actions are Warn, Audit'], // prettier-ignore
    ['fails where it fails open', { policies: replaced(policies, { ...policy, failurePolicy: 'Ignore' }) }, 'Failed', 'failurePolicy is Ignore'], // prettier-ignore
    ['fails where a binding has no policy', { bindings: replaced(bindings, { ...binding, policy: 'gone' }) }, 'Failed', 'binds gone'], // prettier-ignore
    ['fails where missing parameters allow', { bindings: replaced(bindings, { ...binding, missingParams: 'Allow' }) }, 'Failed', 'allows everything'], // prettier-ignore
    ['fails where parameters are lost', { lostParams: ['a/b'] }, 'Failed', 'ConfigMap a/b'],
  ])('%s', (_name, over, result, told) => {
    const finding = judgeAdmissionPolicies({ policies, bindings, lostParams: [], ...over }, 'sallyport')
    expect(finding.result).toBe(result)
    expect(JSON.stringify(finding)).toContain(told)
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
