import { describe, expect, it } from 'vitest'
import { authority, intermediate, intermediateLeaf, leaf, madeMs, otherAuthority } from '../testing/certificates.ts'
import { judgeCertificates, type ServedCertificate } from './certificates.ts'

const dayMs = 86_400_000
const host = 'sallyport-webhook.sallyport-system.svc'
const served = (over: Partial<ServedCertificate> = {}): ServedCertificate => ({
  serving: leaf,
  trusted: [{ webhook: 'pods.sallyport.dev', bundle: authority }],
  hosts: [host, '127.0.0.1'],
  fix: 'do something',
  ...over,
})
const trusting = (bundle: string): ServedCertificate['trusted'] => [{ webhook: 'pods.sallyport.dev', bundle }]

describe('judgeCertificates', () => {
  it.each<[string, Partial<ServedCertificate>, number, string]>([
    ['takes what is trusted and young', {}, 1, 'Ok'],
    ['takes one of several authorities', { trusted: trusting(otherAuthority + authority) }, 1, 'Ok'],
    ['takes a chain', { serving: intermediateLeaf + intermediate }, 1, 'Ok'],
    ['warns when it should have been renewed', {}, 80, 'Warning'],
  ])('%s', (_name, over, days, result) => {
    expect(judgeCertificates(served(over), madeMs + days * dayMs).result).toBe(result)
  })

  it.each<[string, Partial<ServedCertificate>, number, string]>([
    ['that ended', {}, 92, 'it ended 2 d ago'],
    ['that has not begun', {}, -1, 'it begins in 23 h'],
    [
      'of another authority',
      { trusted: trusting(otherAuthority) },
      1,
      'pods.sallyport.dev: caBundle does not trust it',
    ],
    ['whose authority nobody named', { trusted: trusting('') }, 1, 'pods.sallyport.dev: caBundle is not set'],
    ['whose chain has a hole', { serving: intermediateLeaf }, 1, 'pods.sallyport.dev: caBundle does not trust it'],
    ['for other names', { hosts: [host, 'other.svc'] }, 1, 'it is not good for other.svc'],
    ['for other addresses', { hosts: ['127.0.0.2'] }, 1, 'it is not good for 127.0.0.2'],
  ])('fails one %s', (_name, over, days, problem) => {
    expect(judgeCertificates(served(over), madeMs + days * dayMs)).toMatchObject({ result: 'Failed', items: [problem] })
  })

  it('fails what is no certificate, and prints none of it', () => {
    const finding = judgeCertificates(served({ serving: '-----BEGIN PRIVATE KEY-----\nMIGH\n-----END PRIVATE KEY-----' }), madeMs) // prettier-ignore
    expect(finding.result).toBe('Failed')
    expect(JSON.stringify(finding)).not.toContain('MIGH')
  })
})
