import { describe, expect, it } from 'vitest'
import { defaultSelections, lacksSidecar, parseSelections } from './pod-selections.ts'

const pod = (metadata: object) => ({ metadata: { name: 'p', uid: 'u', resourceVersion: '1', ...metadata } })
const enabled = { 'sallyport.dev/inject': 'enabled' }
const named = (name: string, more: object = {}) => ({ 'kubernetes.io/metadata.name': name, ...more })
const selections = defaultSelections('sallyport-system')

describe('lacksSidecar', () => {
  it.each([
    { name: 'a pod of an enrolled namespace', of: pod({}), labels: named('agents', enabled), lacks: true },
    { name: 'a pod that asks for it', of: pod({ labels: enabled }), labels: named('default'), lacks: true },
    { name: 'a pod of another namespace', of: pod({}), labels: named('default'), lacks: false },
    { name: 'a pod of our own namespace', of: pod({ labels: enabled }), labels: named('sallyport-system', enabled), lacks: false }, // prettier-ignore
    { name: 'a pod with a sidecar', of: pod({ annotations: { 'sallyport.dev/injected': 'image' } }), labels: named('agents', enabled), lacks: false }, // prettier-ignore
    { name: 'a mirror pod', of: pod({ annotations: { 'kubernetes.io/config.mirror': 'x' } }), labels: named('agents', enabled), lacks: false }, // prettier-ignore
    { name: 'a pod that ends', of: pod({ deletionTimestamp: '2026-01-01T00:00:00Z' }), labels: named('agents', enabled), lacks: false }, // prettier-ignore
  ])('says $lacks of $name', ({ of, labels, lacks }) => {
    expect(lacksSidecar(of, labels, selections)).toBe(lacks)
  })
})

describe('parseSelections', () => {
  it('reads what webhooks on pods select, with the namespaces an installation excludes', () => {
    const rules = [{ resources: ['pods'] }]
    const notIn = { key: 'kubernetes.io/metadata.name', operator: 'NotIn', values: ['kube-system'] }
    const found = parseSelections({
      webhooks: [
        { name: 'pods', rules, namespaceSelector: { matchLabels: enabled, matchExpressions: [notIn] } },
        { name: 'grants', rules: [{ resources: ['accessgrants'] }] },
        { name: 'nothing' },
      ],
    })
    expect(found).toHaveLength(1)
    expect(lacksSidecar(pod({}), named('agents', enabled), found)).toBe(true)
    expect(lacksSidecar(pod({}), named('kube-system', enabled), found)).toBe(false)
  })

  it.each([null, {}, { webhooks: 'none' }, { webhooks: [null, 1] }])('finds nothing in %j', (configuration) => {
    expect(parseSelections(configuration)).toEqual([])
  })
})
