import { describe, expect, it } from 'vitest'
import type { EventSubject, ObjectEvent } from '../kube/events.ts'
import { recordRefusal, refusalTarget } from './record-refusal.ts'
import type { AdmissionRequest } from './review.ts'

function request(metadata: object, more: Partial<AdmissionRequest> = {}): AdmissionRequest {
  const object = { apiVersion: 'v1', kind: 'Pod', metadata, spec: { containers: [] } }
  const plain = { uid: 'r', operation: 'CREATE', username: 'u', groups: [], dryRun: false, oldObject: null }
  return { ...plain, namespace: 'agents', object, ...more }
}

const owner = { apiVersion: 'apps/v1', kind: 'ReplicaSet', name: 'report-5d8', uid: 'rs-1', controller: true }

describe('refusalTarget', () => {
  it('is what controls the pod', () => {
    const other = { apiVersion: 'v1', kind: 'Node', name: 'n', uid: 'n-1' }
    expect(refusalTarget(request({ generateName: 'report-5d8-', ownerReferences: [other, owner] }))).toEqual({
      kind: { apiVersion: 'apps/v1', kind: 'ReplicaSet' },
      metadata: { name: 'report-5d8', namespace: 'agents', uid: 'rs-1' },
    })
  })

  it('is the pod where nothing controls it, even before it has a name', () => {
    const kind = { apiVersion: 'v1', kind: 'Pod' }
    expect(refusalTarget(request({ name: 'alone', uid: 'p-1' }))).toEqual({
      kind,
      metadata: { name: 'alone', namespace: 'agents', uid: 'p-1' },
    })
    expect(refusalTarget(request({ generateName: 'job-' }))?.metadata).toEqual({
      name: 'job',
      namespace: 'agents',
      uid: '',
    })
  })

  it.each([
    { name: 'half a reference', metadata: { ownerReferences: [{ ...owner, uid: undefined }] } },
    { name: 'a reference that is none', metadata: { ownerReferences: ['report'] } },
    { name: 'no list', metadata: { ownerReferences: owner } },
  ])('does not trust $name', ({ metadata }) => {
    expect(refusalTarget(request({ ...metadata, name: 'pod' }))?.kind.kind).toBe('Pod')
  })

  it('is nothing for what is no pod, or has neither name nor namespace', () => {
    expect(refusalTarget(request({}))).toBeNull()
    expect(refusalTarget(request({ name: 'pod' }, { namespace: undefined }))).toBeNull()
    expect(refusalTarget(request({}, { object: { kind: 'AccessGrant', metadata: { name: 'g' } } }))).toBeNull()
    expect(refusalTarget(request({}, { object: null }))).toBeNull()
  })
})

describe('recordRefusal', () => {
  const recorded: { readonly name: string; readonly event: ObjectEvent }[] = []
  const events = {
    record: (subject: EventSubject, _kind: object, event: ObjectEvent) =>
      void recorded.push({ name: subject.metadata.name, event }),
  }

  it('writes a Warning whose note begins with the reason, and nothing for a dry run', () => {
    recordRefusal(events, request({ name: 'pod' }, { dryRun: true }), 'host-network: …')
    expect(recorded).toEqual([])
    recordRefusal(events, request({ name: 'pod' }), 'host-network: …')
    expect(recorded).toEqual([
      { name: 'pod', event: { type: 'Warning', reason: 'InjectionRefused', action: 'Admit', note: 'host-network: …' } },
    ])
  })
})
