import { Validation, Spec } from '@cyclonedx/cyclonedx-library'
import { describe, expect, it } from 'vitest'
import type { Part } from './part.ts'
import { planSbom } from './sbom.ts'

const subject = {
  name: 'ghcr.io/sallyport-dev/sallyport-sidecar',
  version: '0.1.0',
  digest: `sha256:${'ab'.repeat(32)}`,
  created: new Date(0),
}
const parts: readonly Part[] = [
  { kind: 'npm', name: 'pino', version: '10.4.0', license: 'MIT' },
  { kind: 'npm', name: '@kubernetes/client-node', version: '2.0.1', license: 'Apache-2.0' },
  { kind: 'npm', name: 'two', version: '1.0.0', license: '(MIT OR Apache-2.0)' },
  { kind: 'npm', name: 'odd', version: '1.0.0', license: 'do what you like' },
  { kind: 'npm', name: 'none', version: '1.0.0', license: null },
  { kind: 'deb', name: 'libc6', version: '2.36-9+deb12u14', arch: 'amd64', distro: 'debian-12' },
  { kind: 'go', name: 'golang.org/x/sys', version: 'v0.38.0' },
  { kind: 'go', name: 'stdlib', version: '1.26.8' },
  { kind: 'node', version: '24.21.0', contains: { openssl: '3.5.4', v8: '13.6.233.17-node.37' } },
]

interface Sbom {
  readonly serialNumber?: string
  readonly metadata: { readonly timestamp: string; readonly component: { readonly hashes: unknown } }
  readonly components: readonly {
    readonly purl: string
    readonly components?: readonly { readonly purl: string }[]
  }[]
}

describe('planSbom', () => {
  it('is CycloneDX', async () => {
    const validator = new Validation.JsonStrictValidator(Spec.Version.v1dot6)
    expect(await validator.validate(planSbom(subject, parts))).toBeNull()
    expect(await validator.validate(planSbom(subject, parts).replace('"container"', '"vessel"'))).not.toBeNull()
  })

  it('names each part as scanners look for it', () => {
    const { components } = JSON.parse(planSbom(subject, parts)) as Sbom
    expect(components.map(({ purl }) => purl).sort()).toEqual([
      'pkg:deb/debian/libc6@2.36-9+deb12u14?arch=amd64&distro=debian-12',
      'pkg:generic/node@24.21.0',
      'pkg:golang/golang.org/x/sys@v0.38.0',
      'pkg:golang/stdlib@1.26.8',
      'pkg:npm/%40kubernetes/client-node@2.0.1',
      'pkg:npm/none@1.0.0',
      'pkg:npm/odd@1.0.0',
      'pkg:npm/pino@10.4.0',
      'pkg:npm/two@1.0.0',
    ])
    const node = components.find(({ purl }) => purl.startsWith('pkg:generic/'))
    expect(node?.components?.map(({ purl }) => purl)).toContain('pkg:generic/openssl@3.5.4')
  })

  it('is the same for the same parts, in whatever order and however often they were found', () => {
    expect(planSbom(subject, [...parts, ...parts].reverse())).toBe(planSbom(subject, parts))
    const { serialNumber, metadata } = JSON.parse(planSbom(subject, parts)) as Sbom
    expect(serialNumber).toBeUndefined()
    expect(metadata.timestamp).toBe('1970-01-01T00:00:00.000Z')
    expect(metadata.component.hashes).toEqual([{ alg: 'SHA-256', content: 'ab'.repeat(32) }])
  })
})
