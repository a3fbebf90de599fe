import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pino } from 'pino'
import { afterAll, beforeEach, describe, expect, it } from 'vitest'
import { firstAuthority, secondAuthority, type TestCertificate } from './bundle/testing/certificates.ts'
import { ClientTls, ClientTlsError } from './client-tls.ts'

const dir = mkdtempSync(join(tmpdir(), 'sallyport-client-tls-'))
const files = { certFile: join(dir, 'tls.crt'), keyFile: join(dir, 'tls.key') }
const lines: string[] = []
const log = pino({ level: 'error' }, { write: (line) => lines.push(line) })

function put({ cert, key }: Pick<TestCertificate, 'cert' | 'key'>): void {
  writeFileSync(files.certFile, cert)
  writeFileSync(files.keyFile, key)
}

beforeEach(() => {
  put(firstAuthority)
  lines.length = 0
})
afterAll(() => rmSync(dir, { recursive: true }))

describe('the certificate for applications', () => {
  it.each<[string, () => void, RegExp]>([
    ['a file that is not there', () => rmSync(files.keyFile), /tls\.key cannot be read/],
    ['no certificate', () => writeFileSync(files.certFile, 'hello'), /tls\.crt holds no certificate/],
    ['no key', () => writeFileSync(files.keyFile, 'hello'), /tls\.key holds no private key/],
    ['an empty file', () => writeFileSync(files.keyFile, ''), /tls\.key holds no private key/],
    [
      'a key of another certificate',
      () => put({ cert: firstAuthority.cert, key: secondAuthority.key }),
      /is not the key/,
    ],
  ])('is refused with %s, and what the file holds is not told', (_what, break_, expected) => {
    break_()
    const open = (): ClientTls => new ClientTls(files, log)
    expect(open).toThrow(ClientTlsError)
    expect(open).toThrow(expected)
    expect(open).not.toThrow(/hello|BEGIN/)
  })

  it('stays as it is while its files do', () => {
    const { secureContext } = new ClientTls(files, log)
    expect(secureContext()).toBe(secureContext())
  })

  it('is the new one once both files are; the last good one until then', () => {
    const { secureContext } = new ClientTls(files, log)
    const first = secureContext()
    writeFileSync(files.certFile, secondAuthority.cert)
    expect(secureContext()).toBe(first)
    expect(lines.join()).toMatch(/could not be read again/)
    rmSync(files.keyFile)
    expect(secureContext()).toBe(first)
    put(secondAuthority)
    const second = secureContext()
    expect(second).not.toBe(first)
    expect(secureContext()).toBe(second)
  })
})
