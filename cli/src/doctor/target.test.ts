import { describe, expect, it } from 'vitest'
import { pathOf, rightOf, type Target } from './target.ts'

const pods: Target = { group: '', version: 'v1', resource: 'pods' }
const grants: Target = { group: 'sallyport.dev', version: 'v1alpha1', resource: 'accessgrants', namespace: 'agents' }
const metrics: Target = {
  ...pods,
  resource: 'services',
  namespace: 'sallyport-system',
  name: 'http:sallyport-controller:metrics',
  subresource: 'proxy',
  tail: '/metrics',
}
const crd: Target = { group: 'apiextensions.k8s.io', version: 'v1', resource: 'customresourcedefinitions', name: 'a.b' }

describe('pathOf', () => {
  it.each([
    ['a cluster-wide list', pods, '/api/v1/pods'],
    ['a namespace of a group', grants, '/apis/sallyport.dev/v1alpha1/namespaces/agents/accessgrants'],
    ['a proxied Service', metrics, '/api/v1/namespaces/sallyport-system/services/http%3Asallyport-controller%3Ametrics/proxy/metrics'], // prettier-ignore
    ['a name that would leave the path', { ...pods, namespace: '../x' }, '/api/v1/namespaces/..%2Fx/pods'],
  ])('writes %s', (_name, target, path) => {
    expect(pathOf(target)).toBe(path)
  })
})

describe('rightOf', () => {
  it.each([
    ['list', pods, 'kubectl auth can-i list pods --all-namespaces'],
    ['list', grants, 'kubectl auth can-i list accessgrants.sallyport.dev -n agents'],
    ['get', metrics, 'kubectl auth can-i get services/sallyport-controller --subresource=proxy -n sallyport-system'],
    ['get', crd, 'kubectl auth can-i get customresourcedefinitions.apiextensions.k8s.io/a.b'],
  ] as const)('asks for %s as kubectl does', (verb, target, command) => {
    expect(rightOf(verb, target)).toBe(command)
  })
})
