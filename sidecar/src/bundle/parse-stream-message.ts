import { engines, maskKinds, operations, tlsModes, type StreamMessage } from '@sallyport/crds'
import { BundleError } from './bundle-error.ts'
import {
  count,
  filled,
  filledList,
  list,
  map,
  matching,
  object,
  oneOf,
  orNull,
  port,
  shape,
  text,
  yesOrNo,
} from './shape.ts'

/**
 * Checks one message of the controller, field by field. Fields nobody knows are let through: a newer controller may send
 * more than this sidecar needs, never less.
 * @throws BundleError `malformed` with the path of the first field that is not as it must be.
 */
export function parseStreamMessage(value: unknown): StreamMessage {
  const kind = typeof value === 'object' && value !== null && 'kind' in value ? value.kind : undefined
  if (kind === 'Heartbeat') heartbeat(value, '', refuse)
  else if (kind === 'Snapshot') snapshot(value, '', refuse)
  else refuse('kind', 'Snapshot or Heartbeat')
  return value as StreamMessage
}

const time = shape('a time', (value) => typeof value === 'number' && Number.isFinite(value))
const digest = matching('a sha256 digest', /^sha256:[0-9a-f]{64}$/)

const heartbeat = object({ unixMs: time, revision: filled })

const reference = { namespace: filled, name: filled }

const database = object({
  ...reference,
  engine: oneOf(...engines),
  host: filled,
  port,
  localPort: port,
  databases: filledList(filled),
  tls: object({ mode: oneOf(...tlsModes), 'ca?': filled }),
  credentials: orNull(object({ username: text, password: text })),
  'problem?': text,
  sensitive: list(object({ column: filled, class: text, mask: oneOf(...maskKinds) })),
  hashKey: filled,
  audit: object({ durability: oneOf('Process', 'Disk', 'Collector'), literals: oneOf('Redacted', 'Encrypted') }),
})

const permission = object({
  operations: filledList(oneOf(...operations)),
  relations: filledList(filled),
  'columns?': list(filled),
  'maxAffectedRows?': count,
})

const grant = object({
  ...reference,
  uid: filled,
  revision: filled,
  database: object(reference),
  activatedAtMs: time,
  expiresAtMs: time,
  reason: text,
  permissions: list(permission),
  functions: list(filled),
  catalog: oneOf('None', 'Introspect', 'Dump'),
  limits: object({
    'rowsPerStatement?': count,
    'bytesPerStatement?': count,
    'rowsTotal?': count,
    'statementTimeoutMs?': count,
    'idleInTransactionMs?': count,
    'connections?': count,
    'affectedRowsPerTransaction?': count,
  }),
})

const policy = object({
  kind: oneOf('AccessPolicy', 'ClusterAccessPolicy'),
  'namespace?': filled,
  name: filled,
  mode: oneOf('Enforce', 'DryRun'),
  digest,
  volatile: yesOrNo,
})

const snapshot = object({
  revision: filled,
  unixMs: time,
  'caBundle?': filled,
  subject: object({ namespace: filled, serviceAccount: filled, pod: filled, podUID: filled, labels: map(text) }),
  databases: list(database),
  grants: list(grant),
  policies: list(policy),
})

function refuse(path: string, expected: string): never {
  throw new BundleError('malformed', `a message of the controller: ${path === '' ? 'it' : path} must be ${expected}`)
}
