import { createServer, connect } from 'node:tls'
import { once } from 'node:events'
import { describe, expect, it } from 'vitest'
import { lifetimes, trustBundle, type RotationStep } from './plan-rotation.ts'
import { rotate } from './rotate.ts'

const names = ['sallyport-controller.sallyport-system.svc', '127.0.0.1']
const day = 86_400_000
const now = Date.UTC(2026, 0, 1)

async function stepsAt(
  held: Awaited<ReturnType<typeof rotate>>,
  nowMs: number,
  serving = names,
): Promise<{ state: Awaited<ReturnType<typeof rotate>>; steps: RotationStep['kind'][] }> {
  const steps: RotationStep['kind'][] = []
  const state = await rotate(held, serving, nowMs, (step) => steps.push(step))
  return { state, steps }
}

describe('rotate', () => {
  it('makes an authority and a certificate that a TLS client accepts for every name', async () => {
    const state = await rotate(null, names, Date.now())
    const server = createServer({ ...state.serving }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const address = server.address()
    if (address === null || typeof address === 'string') throw new Error('no port')
    for (const name of names) {
      const client = connect({ port: address.port, host: '127.0.0.1', ca: trustBundle(state), servername: name === '127.0.0.1' ? '' : name }) // prettier-ignore
      await once(client, 'secureConnect')
      expect(client.authorized).toBe(true)
      client.destroy()
    }
    server.close()
  })

  it('does nothing while all is well', async () => {
    const state = await rotate(null, names, now)
    const later = await stepsAt(state, now + day)
    expect(later.steps).toEqual([])
    expect(later.state).toBe(state)
  })

  it('renews the serving certificate a month before its end, and when a name is missing', async () => {
    const state = await rotate(null, names, now)
    expect((await stepsAt(state, now + lifetimes.servingMs - lifetimes.renewMs + day)).steps).toEqual(['RenewServing'])
    expect((await stepsAt(state, now, [...names, 'another.svc'])).steps).toEqual(['RenewServing'])
  })

  it('has the next authority trusted a day before it signs, and the previous one until its end', async () => {
    const first = await rotate(null, names, now)
    const late = now + lifetimes.authorityMs - lifetimes.announceMs + day
    const announced = await stepsAt(first, late)
    expect(announced.steps).toEqual(['Announce', 'RenewServing'])
    expect(trustBundle(announced.state).match(/BEGIN CERTIFICATE/g)).toHaveLength(2)
    expect(announced.state.signing).toEqual(first.signing)
    const switched = await stepsAt(announced.state, late + day)
    expect(switched.steps).toEqual(['Switch'])
    expect(switched.state.signing).toEqual(announced.state.next)
    expect(trustBundle(switched.state)).toContain(first.signing.cert.trim())
    const after = await stepsAt(switched.state, now + lifetimes.authorityMs + day)
    expect(after.steps).toContain('Forget')
    expect(trustBundle(after.state)).not.toContain(first.signing.cert.trim())
  })

  it('begins anew when the authority has ended', async () => {
    const first = await rotate(null, names, now)
    const later = await stepsAt(first, now + lifetimes.authorityMs + day)
    expect(later.steps).toEqual(['Begin'])
    expect(trustBundle(later.state)).not.toContain(first.signing.cert.trim())
  })
})
