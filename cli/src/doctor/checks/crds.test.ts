import { customResources, digestOf } from '@sallyport/crds'
import { describe, expect, it } from 'vitest'
import { judgeCrds } from './crds.ts'

const schema = { type: 'object', properties: { spec: { type: 'object', properties: { reason: {}, limits: { items: { properties: { rows: {} } } } } } } } // prettier-ignore
const wanted = [{ name: 'accessgrants.sallyport.dev', kind: 'AccessGrant', version: 'v1alpha1', schemaDigest: digestOf(schema), schema }] // prettier-ignore

const crd = (
  over: { schema?: object; version?: string; served?: boolean; established?: string; stored?: string[] } = {},
) => ({
  // prettier-ignore
  spec: {
    versions: [
      {
        name: over.version ?? 'v1alpha1',
        served: over.served ?? true,
        schema: { openAPIV3Schema: over.schema ?? schema },
      },
    ],
  },
  status: {
    conditions: [{ type: 'Established', status: over.established ?? 'True' }],
    storedVersions: over.stored ?? ['v1alpha1'],
  },
})
const without = { type: 'object', properties: { spec: { type: 'object', properties: { reason: {} } } } }
const more = { ...schema, properties: { ...schema.properties, status: {} } }
const judge = (found: unknown) => judgeCrds(wanted, new Map([['accessgrants.sallyport.dev', found]]))

describe('judgeCrds', () => {
  it('takes the schema this build was made with', () => {
    expect(judge(crd()).result).toBe('Ok')
  })

  it.each([
    ['is missing', null, 'is not there'],
    ['is not established', crd({ established: 'False' }), 'is not established'],
    ['does not serve the version', crd({ served: false }), 'v1alpha1 is not served'],
    ['has another version', crd({ version: 'v1' }), 'v1alpha1 is not served'],
    ['would drop fields', crd({ schema: without }), 'does not know .spec.limits, .spec.limits[].rows'],
  ])('fails where a CRD %s', (_name, found, problem) => {
    expect(judge(found)).toMatchObject({ result: 'Failed', items: [`accessgrants.sallyport.dev: ${problem}`] })
  })

  it.each([
    ['knows more', crd({ schema: more })],
    ['stores objects as another version', crd({ stored: ['v1alpha1', 'v1'] })],
  ])('warns where a CRD %s', (_name, found) => {
    expect(judge(found).result).toBe('Warning')
  })

  it('knows every CRD of this build', () => {
    expect(customResources.map(({ kind }) => kind)).toEqual(['AccessGrant', 'AccessPolicy', 'AuditSegment', 'ClusterAccessPolicy', 'Database']) // prettier-ignore
  })
})
