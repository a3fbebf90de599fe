import type { Logger } from 'pino'
import type { AuditAck, AuditBatch } from '@sallyport/crds'
import type { Spool } from './spool.ts'
import type { PendingRecords } from './spool-source.ts'

export interface ShipOptions {
  readonly spool: Spool
  /** Delivers to the collector; the caller adds the pod. Rejects when it could not be delivered. */
  readonly post: (batch: Pick<AuditBatch, 'source' | 'lines'>) => Promise<AuditAck>
  readonly signal: AbortSignal
  readonly log: Logger
  /** Records wait this long for others to share their batch. */
  readonly gatherMs?: number
  readonly minRetryMs?: number
  readonly maxRetryMs?: number
  /** How long, after `signal`, what is left is still shipped. */
  readonly drainMs?: number
  /** 0 to 1, for jitter. */
  readonly random?: () => number
}

/**
 * Ships records until `signal` aborts, then what is left, as long as it works and `drainMs` allows. One batch at a time:
 * a collector that is slow is waited for, and the spool's limit is what holds sessions back.
 */
export async function shipSpool(options: ShipOptions): Promise<void> {
  const { spool, signal } = options
  const retry = { failures: 0 }
  while (!signal.aborted) {
    if (!spool.isUrgent) await gather(options)
    const outcome = await shipOnce(options, retry.failures === 0)
    if (outcome === 'Nothing') {
      await nextRecord(options)
    } else if (outcome === 'Shipped') {
      retry.failures = 0
    } else {
      retry.failures += 1
      await delay(backOffMs(options, retry.failures), signal)
    }
  }
  await drain(options)
}

async function drain(options: ShipOptions): Promise<void> {
  const untilMs = performance.now() + (options.drainMs ?? 2000)
  while (performance.now() < untilMs && (await shipOnce(options, true)) === 'Shipped');
}

type Outcome = 'Shipped' | 'Nothing' | 'Failed'

async function shipOnce(options: ShipOptions, isFirstTry: boolean): Promise<Outcome> {
  const { spool, log } = options
  let records: PendingRecords | null = null
  try {
    records = spool.pending()
    if (!records) return 'Nothing'
    const [first] = records.lines
    const { acknowledgedSeq } = await options.post({ source: records.source, lines: records.lines })
    spool.acknowledge(records.source, acknowledgedSeq)
    if (spool.pending()?.lines[0] !== first) return 'Shipped'
    if (isFirstTry)
      log.warn({ source: records.source }, 'the collector acknowledged nothing; the records are sent again')
  } catch (cause) {
    if (isFirstTry) log.warn({ err: cause }, 'audit records could not be shipped; they are kept and sent again')
  }
  if (records) spool.defer(records.source)
  return 'Failed'
}

/** Full jitter: many sidecars must not come back at the same moment. */
function backOffMs(options: ShipOptions, failures: number): number {
  const ceiling = Math.min(options.maxRetryMs ?? 10_000, (options.minRetryMs ?? 100) * 2 ** Math.min(failures, 20))
  return ceiling / 2 + ((options.random ?? Math.random)() * ceiling) / 2
}

/** Resolves when something is to be shipped at once, or a batch has had its time to fill. */
function gather(options: ShipOptions): Promise<void> {
  return wait(options, options.gatherMs ?? 250, () => options.spool.isUrgent)
}

function nextRecord(options: ShipOptions): Promise<void> {
  return wait(options, null, () => true)
}

function wait(options: ShipOptions, timeoutMs: number | null, isOver: () => boolean): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const done = (): void => resolve(undefined)
  const timer = timeoutMs === null ? null : setTimeout(done, timeoutMs)
  const unsubscribe = options.spool.subscribe(() => {
    if (isOver()) done()
  })
  options.signal.addEventListener('abort', done, { once: true })
  if (options.signal.aborted) done()
  return promise.finally(() => {
    if (timer) clearTimeout(timer)
    unsubscribe()
    options.signal.removeEventListener('abort', done)
  })
}

function delay(durationMs: number, signal: AbortSignal): Promise<void> {
  const { promise, resolve } = Promise.withResolvers<undefined>()
  const done = (): void => resolve(undefined)
  const timer = setTimeout(done, durationMs)
  signal.addEventListener('abort', done, { once: true })
  return promise.finally(() => {
    clearTimeout(timer)
    signal.removeEventListener('abort', done)
  })
}
