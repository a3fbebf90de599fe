import { describe, expect, it } from 'vitest'
import { BundleError } from './bundle-error.ts'
import { parseStreamMessage } from './parse-stream-message.ts'
import { testGrant, testSnapshot } from './testing/test-controller.ts'

const policy = {
  kind: 'AccessPolicy',
  namespace: 'agents',
  name: 'p',
  mode: 'Enforce',
  digest: `sha256:${'a'.repeat(64)}`,
  volatile: false,
}
const whole: unknown = JSON.parse(
  JSON.stringify({ ...testSnapshot({ grants: [testGrant('g', 1)] }), policies: [policy], caBundle: 'PEM' }),
)

describe('parseStreamMessage', () => {
  it('takes a snapshot and a heartbeat, and fields it does not know', () => {
    expect(parseStreamMessage(whole)).toBe(whole)
    expect(parseStreamMessage({ kind: 'Heartbeat', unixMs: 1, revision: 'a', news: true })).toMatchObject({
      kind: 'Heartbeat',
    })
  })

  it('refuses a snapshot from which any one required field is missing', () => {
    for (const path of paths(whole)) {
      if (['caBundle', 'policies.0.namespace', 'subject.labels.app'].includes(path)) continue
      expect(() => parseStreamMessage(edited(path, undefined)), path).toThrow(BundleError)
    }
  })

  it('refuses a snapshot in which any one field is of another type', () => {
    for (const path of paths(whole)) expect(() => parseStreamMessage(edited(path, [null])), path).toThrow(BundleError)
  })

  it.each([
    { path: 'databases.0.engine', value: 'Oracle', says: 'databases[0].engine must be one of PostgreSQL' },
    { path: 'databases.0.port', value: 65_536, says: 'databases[0].port must be a port' },
    { path: 'databases.0.databases', value: [], says: 'databases[0].databases must be a list that is not empty' },
    {
      path: 'databases.0.sensitive',
      value: [{ column: 'a', class: '', mask: 'Rot13' }],
      says: 'databases[0].sensitive[0].mask',
    },
    { path: 'grants.0.expiresAtMs', value: null, says: 'grants[0].expiresAtMs must be a time' },
    {
      path: 'grants.0.limits.rowsPerStatement',
      value: -1,
      says: 'grants[0].limits.rowsPerStatement must be a whole number',
    },
    {
      path: 'grants.0.permissions.0.operations.0',
      value: 'Everything',
      says: 'grants[0].permissions[0].operations[0]',
    },
    { path: 'policies.0.digest', value: 'sha256:../../token', says: 'policies[0].digest must be a sha256 digest' },
  ])('says what $path must be', ({ path, value, says }) => {
    expect(() => parseStreamMessage(edited(path, value))).toThrow(says)
  })

  it.each([null, 1, 'x', [], {}, { kind: 'Delta' }, { kind: 'Heartbeat' }])('refuses %j', (value) => {
    expect(() => parseStreamMessage(value)).toThrow(BundleError)
  })
})

/** Every path of a value, but those of whole empty lists and objects. */
function paths(value: unknown, prefix = ''): string[] {
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).flatMap(([key, item]) => [`${prefix}${key}`, ...paths(item, `${prefix}${key}.`)])
}

function edited(path: string, value: unknown): unknown {
  const copy: unknown = structuredClone(whole)
  const keys = path.split('.')
  const last = keys.pop() ?? ''
  let target = copy as Record<string, unknown>
  for (const key of keys) target = target[key] as Record<string, unknown>
  target[last] = value
  return copy
}
