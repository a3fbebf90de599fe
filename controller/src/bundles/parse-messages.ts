import {
  interceptionModes,
  sealReasons,
  sealStatuses,
  type AuditBatch,
  type SidecarSeal,
  type SidecarStatus,
} from '@sallyport/crds'
import { isRecord } from '../kube/objects.ts'
import { BundleError } from './errors.ts'

/** @throws BundleError `bad-request`. */
export function parseAuditBatch(value: unknown): AuditBatch {
  if (!isRecord(value)) throw new BundleError('bad-request', 'the body is no AuditBatch')
  const { source, namespace, pod, lines } = value
  if (typeof source !== 'string' || typeof namespace !== 'string' || typeof pod !== 'string' || source.length > 256) {
    throw new BundleError('bad-request', 'source, namespace and pod must be strings')
  }
  if (!Array.isArray(lines) || !lines.every((line) => typeof line === 'string' && !line.includes('\n'))) {
    throw new BundleError('bad-request', 'lines must be strings without line ends')
  }
  const { afterSeq, awaited } = value
  if (afterSeq !== undefined && !(typeof afterSeq === 'number' && Number.isSafeInteger(afterSeq) && afterSeq >= 0)) {
    throw new BundleError('bad-request', 'afterSeq must be a whole number')
  }
  if (awaited !== undefined && typeof awaited !== 'boolean') {
    throw new BundleError('bad-request', 'awaited must be true or false')
  }
  return {
    source,
    namespace,
    pod,
    lines: lines.map(String),
    ...(afterSeq === undefined ? {} : { afterSeq }),
    ...(awaited === undefined ? {} : { awaited }),
  }
}

/**
 * Strict: a word nobody knows refuses the whole message, so that a condition never says what this controller cannot mean.
 * @throws BundleError `bad-request`.
 */
export function parseSidecarStatus(value: unknown): SidecarStatus {
  const { databases, seal } = isRecord(value) ? value : {}
  if (!Array.isArray(databases) || databases.length > 500) {
    throw new BundleError('bad-request', 'databases must be a list of at most 500')
  }
  return { ...(seal === undefined ? {} : { seal: parseSeal(seal) }), databases: databases.map(parseDatabase) }
}

function parseSeal(value: unknown): SidecarSeal {
  if (!isRecord(value)) throw new BundleError('bad-request', 'seal is no object')
  const mode = interceptionModes.find((known) => known === value.mode)
  if (mode === undefined) throw new BundleError('bad-request', `seal.mode must be ${interceptionModes.join(' or ')}`)
  const status = sealStatuses.find((known) => known === value.status)
  if (status === undefined)
    throw new BundleError('bad-request', `seal.status must be one of ${sealStatuses.join(', ')}`)
  const reason = sealReasons.find((known) => known === value.reason)
  if (reason === undefined) throw new BundleError('bad-request', `seal.reason must be one of ${sealReasons.join(', ')}`)
  if (typeof value.message !== 'string') throw new BundleError('bad-request', 'seal.message must be a string')
  return { mode, status, reason, message: value.message.slice(0, 1024) }
}

function parseDatabase(value: unknown): SidecarStatus['databases'][number] {
  if (!isRecord(value)) throw new BundleError('bad-request', 'an entry of databases is no object')
  const { namespace, name, reachable, reason, message } = value
  if (typeof namespace !== 'string' || typeof name !== 'string' || typeof reachable !== 'boolean') {
    throw new BundleError('bad-request', 'an entry of databases needs namespace, name and reachable')
  }
  if (typeof reason !== 'string' || !/^[A-Z][A-Za-z]{0,63}$/.test(reason) || typeof message !== 'string') {
    throw new BundleError('bad-request', 'an entry of databases needs a CamelCase reason and a message')
  }
  return { namespace, name, reachable, reason, message: message.slice(0, 1024) }
}
