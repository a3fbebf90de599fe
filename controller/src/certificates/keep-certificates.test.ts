import { pino } from 'pino'
import { afterEach, beforeAll, describe, expect, it } from 'vitest'
import { KubeError } from '../kube/errors.ts'
import type { Certificates } from '../rooms.ts'
import { issueAuthority, issueServing } from './issue.ts'
import { keepCertificates } from './keep-certificates.ts'
import type { Served } from './serving-problem.ts'

const day = 86_400_000
const log = pino({ level: 'silent' })
const { signal } = new AbortController()

let first: Served
let second: Served
beforeAll(async () => {
  const make = async (): Promise<Served> => {
    const authority = await issueAuthority('test', Date.now(), day)
    return { serving: await issueServing(authority, ['a.svc'], Date.now(), day), bundle: authority.cert }
  }
  ;[first, second] = [await make(), await make()]
})

/** A Secret and an API server, as the keeper sees them. */
class World {
  secret: Served | null = null
  trusted: Served | null = null
  isAway = false
  loads = 0
  #changed = Promise.withResolvers<undefined>()

  open(): Promise<Certificates> {
    return keepCertificates({
      what: 'the certificate',
      load: () => {
        this.loads += 1
        this.#changed.resolve(undefined)
        this.#changed = Promise.withResolvers()
        if (this.isAway) return Promise.reject(new KubeError('unreachable', 'away'))
        return Promise.resolve(this.secret ? { kind: 'Found', value: this.secret } : { kind: 'NotYet', why: 'none' })
      },
      trust: (served) => {
        if (this.isAway) return Promise.reject(new KubeError('unreachable', 'away'))
        return Promise.resolve(served === this.trusted ? null : 'another authority')
      },
      log,
      signal,
      checkMs: 5,
      urgentMs: 1,
    })
  }

  /** Resolves when it has looked twice more: whatever the first look led to is done then. */
  async looked(): Promise<void> {
    const wanted = this.loads + 2
    while (this.loads < wanted) await this.#changed.promise
  }
}

let certificates: Certificates | null = null
afterEach(() => certificates?.close())

describe('keepCertificates', () => {
  it('waits for the first certificate, and is published when the API server trusts it', async () => {
    const world = new World()
    const opening = world.open()
    await world.looked()
    world.secret = first
    certificates = await opening
    expect(certificates.current()).toBe(first.serving)
    expect(certificates.isPublished()).toBe(false)
    world.trusted = first
    await world.looked()
    expect(certificates.isPublished()).toBe(true)
    expect(certificates.expiresAtMs()).toBeGreaterThan(Date.now())
  })

  it('serves a new certificate only once it is trusted, if the old one is', async () => {
    const world = new World()
    world.secret = first
    world.trusted = first
    certificates = await world.open()
    const heard: string[] = []
    certificates.subscribe(() => heard.push('changed'))
    world.secret = second
    await world.looked()
    expect(certificates.current()).toBe(first.serving)
    expect(certificates.isPublished()).toBe(true)
    world.trusted = second
    await world.looked()
    expect(certificates.current()).toBe(second.serving)
    expect(certificates.caBundle()).toBe(second.bundle)
    expect(heard).toEqual(['changed'])
  })

  it('keeps what it has while the API server is away or the Secret is gone', async () => {
    const world = new World()
    world.secret = first
    world.trusted = first
    certificates = await world.open()
    world.isAway = true
    await world.looked()
    expect(certificates.isPublished()).toBe(true)
    world.isAway = false
    world.secret = null
    await world.looked()
    expect(certificates.current()).toBe(first.serving)
    expect(certificates.isPublished()).toBe(true)
  })
})
