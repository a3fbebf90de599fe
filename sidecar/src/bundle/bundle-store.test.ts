import { describe, expect, it } from 'vitest'
import { BundleStore } from './bundle-store.ts'
import { narrowSnapshot } from './narrow-snapshot.ts'
import { testGrant, testSnapshot } from './testing/test-controller.ts'

describe('BundleStore', () => {
  it('is stale before the first snapshot, and again when the controller said nothing for ten minutes', () => {
    let nowMs = 0
    const store = new BundleStore({ clock: { monotonic: () => nowMs } })
    expect(store.isStale()).toBe(true)
    store.swap(testSnapshot(), [])
    nowMs += 599_999
    expect(store.isStale()).toBe(false)
    nowMs += 1
    expect(store.isStale()).toBe(true)
    store.touch()
    expect(store.isStale()).toBe(false)
  })

  it('tells subscribers of a swap after it is in force, until they unsubscribe', () => {
    const store = new BundleStore({ clock: { monotonic: () => 0 } })
    const seen: (string | undefined)[] = []
    const unsubscribe = store.subscribe(() => seen.push(store.current()?.revision))
    store.swap(testSnapshot({ revision: 'a' }), [])
    unsubscribe()
    store.swap(testSnapshot({ revision: 'b' }), [])
    expect(seen).toEqual(['a'])
  })

  it('does not grow younger by narrowing', () => {
    let nowMs = 0
    const store = new BundleStore({ clock: { monotonic: () => nowMs }, maxStaleMs: 1000 })
    store.swap(testSnapshot(), [])
    nowMs = 1000
    store.narrow(testSnapshot())
    expect(store.isStale()).toBe(true)
  })
})

describe('narrowSnapshot', () => {
  const current = testSnapshot({
    grants: [testGrant('kept', 2000), testGrant('shortened', 2000), testGrant('ended', 2000)],
  })
  const next = testSnapshot({ grants: [testGrant('kept', 3000), testGrant('shortened', 500), testGrant('new', 3000)] })

  it('removes what ended, shortens what was shortened and adds nothing', () => {
    expect(narrowSnapshot(current, next).grants.map(({ name, expiresAtMs }) => [name, expiresAtMs])).toEqual([
      ['kept', 2000],
      ['shortened', 500],
    ])
  })

  it('removes a Database that is no longer bound, with its grants', () => {
    const narrowed = narrowSnapshot(current, { ...next, databases: [] })
    expect(narrowed).toMatchObject({ databases: [], grants: [], revision: current.revision })
  })
})
