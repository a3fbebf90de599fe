import { describe, expect, it } from 'vitest'
import { CancelRegistry, type CancelKey } from './cancel-registry.ts'

function registered(length: 'short' | 'long'): {
  readonly registry: CancelRegistry
  readonly key: CancelKey
  readonly count: () => number
} {
  const registry = new CancelRegistry()
  let count = 0
  const key = registry.register(() => {
    count += 1
    return Promise.resolve()
  }, length)
  return { registry, key, count: () => count }
}

describe('a cancel key', () => {
  it.each(['short', 'long'] as const)('cancels its own session while there is one: %s', async (length) => {
    const { registry, key, count } = registered(length)
    expect(key.secretKey).toHaveLength(length === 'short' ? 4 : 32)
    await registry.cancel({ ...key, secretKey: Buffer.from(key.secretKey) })
    expect(count()).toBe(1)
    registry.release(key)
    await registry.cancel(key)
    expect(count()).toBe(1)
  })

  it.each<[string, (key: CancelKey) => CancelKey]>([
    [
      'another secret',
      ({ processId, secretKey }) => ({ processId, secretKey: secretKey.map((byte) => byte ^ 1) as Buffer }),
    ],
    [
      'a longer one',
      ({ processId, secretKey }) => ({ processId, secretKey: Buffer.concat([secretKey, Buffer.of(0)]) }),
    ],
    ['a shorter one', ({ processId, secretKey }) => ({ processId, secretKey: secretKey.subarray(1) })],
    ['none', ({ processId }) => ({ processId, secretKey: Buffer.alloc(0) })],
    ['another process', ({ processId, secretKey }) => ({ processId: processId ^ 1, secretKey })],
  ])('does nothing with %s', async (_what, change) => {
    const { registry, key, count } = registered('long')
    await registry.cancel(change(key))
    expect(count()).toBe(0)
  })
})
