import { engines, maskKinds, operations, parseDurationMs, parseQuantity, tlsModes } from '@sallyport/crds'
import {
  closedObject,
  count,
  filled,
  filledList,
  list,
  map,
  matching,
  object,
  oneOf,
  port,
  positive,
  zero,
  shape,
  type Shape,
} from './shape.ts'

export interface ManifestProblem {
  /** As in `spec.permissions[0].operations`. */
  readonly path: string
  readonly problem: string
}

/**
 * Everything wrong with one of our own manifests by itself. A field nobody here knows is wrong, too: a limit that is
 * misspelt, or that only a controller can keep, must not silently be none.
 */
export function checkManifest(kind: keyof typeof specs, manifest: unknown): readonly ManifestProblem[] {
  const problems: ManifestProblem[] = []
  const say = (path: string, expected: string): unknown => problems.push({ path, problem: `must be ${expected}` })
  const whole = {
    apiVersion: filled,
    kind: filled,
    metadata: object({ name: filled }),
    spec: specs[kind],
    'status?': anything,
  }
  closedObject(whole)(manifest, '', say)
  return problems
}

const anything: Shape = () => undefined

const duration = shape(
  'a duration above 0, such as 30m',
  (value) => typeof value === 'string' && (parseDurationMs(value) ?? 0) > 0,
)
const instant = shape(
  'a time of RFC 3339, such as 2026-01-02T15:04:05Z',
  (value) =>
    typeof value === 'string' &&
    /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/.test(value) &&
    !Number.isNaN(Date.parse(value)),
)
const quantity = shape(
  'a quantity, such as 10Mi',
  (value) => (typeof value === 'string' || typeof value === 'number') && parseQuantity(value) !== null,
)
const reference = closedObject({ name: filled })
const relation = matching('schema.table or schema.*', /^[^.\s*][^.*]*\.([^.*]+|\*)$/)
const column = matching('schema.table.column', /^[^.]+\.[^.]+\.[^.]+$/)
const qualified = matching('schema.name', /^[^.]+\.[^.]+$/)
const selector = closedObject({ 'matchLabels?': map(filled), 'matchExpressions?': list(anything) })

const permission = closedObject({
  operations: filledList(oneOf(...operations)),
  relations: filledList(relation),
  'columns?': filledList(filled),
  'maxAffectedRows?': count,
})

const limits = closedObject({
  'rowsPerStatement?': positive,
  'bytesPerStatement?': quantity,
  'rowsTotal?': positive,
  'statementTimeout?': duration,
  'idleInTransaction?': duration,
  'connections?': positive,
  'affectedRowsPerTransaction?': count,
})

const grant = closedObject({
  subject: closedObject({ serviceAccountName: filled, 'podSelector?': selector }),
  databaseRef: closedObject({ name: filled, 'namespace?': filled }),
  reason: filled,
  'duration?': duration,
  'notBefore?': instant,
  'notAfter?': instant,
  permissions: filledList(permission),
  'functions?': list(qualified),
  'catalog?': oneOf('None', 'Introspect', 'Dump'),
  'limits?': limits,
  'policyRefs?': list(reference),
  'approval?': closedObject({ 'required?': count }),
  'retainFor?': duration,
})

const grantWithEnd: Shape = (value, path, say) => {
  grant(value, path, say)
  const ends = typeof value === 'object' && value !== null && ('duration' in value || 'notAfter' in value)
  if (!ends) say(path, 'limited in time: give duration or notAfter')
}

const policy = {
  'mode?': oneOf('Enforce', 'DryRun', 'Disabled'),
  rego: filled,
}

const specs = {
  Database: closedObject({
    engine: oneOf(...engines),
    host: filled,
    'port?': port,
    localPort: port,
    databases: filledList(filled),
    'tls?': closedObject({
      'mode?': oneOf(...tlsModes),
      'caSecretRef?': closedObject({ name: filled, 'key?': filled }),
    }),
    credentials: closedObject({ 'static?': closedObject({ secretRef: reference }), 'ephemeral?': anything }),
    'sensitive?': list(closedObject({ columns: filledList(column), 'class?': filled, mask: oneOf(...maskKinds) })),
    'grantableTo?': closedObject({ 'from?': oneOf('Same', 'All', 'Selector'), 'namespaceSelector?': selector }),
    'audit?': closedObject({
      'durability?': oneOf('Process', 'Disk', 'Collector'),
      'literals?': oneOf('Redacted'),
    }),
    'limits?': closedObject({ 'maxGrantDuration?': duration, 'requiredApprovals?': zero }),
  }),
  AccessGrant: grantWithEnd,
  AccessPolicy: closedObject(policy),
  ClusterAccessPolicy: closedObject({ ...policy, 'namespaceSelector?': selector }),
} as const satisfies Record<string, Shape>
