import { describe, expect, it } from 'vitest'
import { changeObject } from './change-object.ts'

const pod = {
  metadata: { name: 'x' },
  spec: {
    initContainers: [
      { name: 'a', args: ['1', '2'] },
      { name: 'b', args: [] },
    ],
  },
}

describe('changeObject', () => {
  it.each<[string, Parameters<typeof changeObject>[1], object]>([
    ['a field', { name: '', set: { 'spec.hostPID': true } }, { spec: { ...pod.spec, hostPID: true } }],
    ['a quoted field of an object that is not there', { name: '', set: { 'metadata.labels["a.b/c"]': 'd' } }, { metadata: { name: 'x', labels: { 'a.b/c': 'd' } } }], // prettier-ignore
    ['an element behind the last', { name: '', set: { '{a}.args[+]': '3' } }, { spec: { initContainers: [{ name: 'a', args: ['1', '2', '3'] }, pod.spec.initContainers[1]] } }], // prettier-ignore
    ['a list that is not there', { name: '', set: { 'spec.volumes[+]': 1 } }, { spec: { ...pod.spec, volumes: [1] } }],
    ['an element before the first', { name: '', set: { 'spec.initContainers[^]': { name: 'c' } } }, { spec: { initContainers: [{ name: 'c' }, ...pod.spec.initContainers] } }], // prettier-ignore
    ['an element less', { name: '', remove: ['{a}.args[0]'] }, { spec: { initContainers: [{ name: 'a', args: ['2'] }, pod.spec.initContainers[1]] } }], // prettier-ignore
    ['an element by name less', { name: '', remove: ['{a}'] }, { spec: { initContainers: [pod.spec.initContainers[1]] } }], // prettier-ignore
    ['two that change places', { name: '', swap: ['{a}', '{b}'] }, { spec: { initContainers: pod.spec.initContainers.toReversed() } }], // prettier-ignore
  ])('makes %s', (_what, change, expected) => {
    const before = structuredClone(pod)
    expect(changeObject(pod, change)).toEqual({ ...pod, ...expected })
    expect(pod).toEqual(before)
  })

  it('finds nothing that is not there', () => {
    expect(() => changeObject(pod, { name: '', set: { '{c}.image': 'x' } })).toThrow('nothing is called c')
  })
})
