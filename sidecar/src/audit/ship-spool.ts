import type { Logger } from 'pino'
import type { AuditAck, AuditBatch } from '@sallyport/crds'
import type { Spool } from './spool.ts'
import type { PendingRecords } from './spool-source.ts'

export interface ShipOptions {
  readonly spool: Spool
  /** Delivers to the collector; the caller adds the pod. Rejects when it could not be delivered. */
  readonly post: (batch: Omit<AuditBatch, 'namespace' | 'pod'>) => Promise<AuditAck>
  readonly signal: AbortSignal
  readonly log: Logger
  /** Records wait this long for others to share their batch. */
  readonly gatherMs?: number
  /** How often a collector that has taken everything, and acknowledged less, is asked how far it is. */
  readonly askMs?: number
  /** The same while a session or the end of the pod waits for it. */
  readonly awaitedAskMs?: number
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
    const isFirstTry = retry.failures === 0
    // After a failure nobody knows what the collector has: it may be another one, with another disk.
    const asked = isFirstTry ? 'Nothing' : await ask(options, isFirstTry)
    let outcome = asked === 'Failed' ? asked : await shipOnce(options, isFirstTry)
    if (outcome === 'Nothing' && !(await nextRecord(options))) outcome = await ask(options, isFirstTry)
    if (outcome === 'Shipped') retry.failures = 0
    if (outcome !== 'Failed') continue
    retry.failures += 1
    await delay(backOffMs(options, retry.failures), signal)
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
    const { source, lines, afterSeq } = records
    apply(spool, source, await options.post({ source, lines, afterSeq, awaited: spool.isAwaited }))
    if (spool.pending()?.lines[0] !== first) return 'Shipped'
    if (isFirstTry)
      log.warn({ source: records.source }, 'the collector acknowledged nothing; the records are sent again')
  } catch (cause) {
    if (isFirstTry) log.warn({ err: cause }, 'audit records could not be shipped; they are kept and sent again')
  }
  if (records) spool.defer(records.source)
  return 'Failed'
}

/** Asks how far the collector is with what it has taken. */
async function ask({ spool, post, log }: ShipOptions, isFirstTry: boolean): Promise<Outcome> {
  const sources = spool.unacknowledged()
  try {
    for (const { source, afterSeq } of sources)
      apply(spool, source, await post({ source, lines: [], afterSeq, awaited: spool.isAwaited }))
    return sources.length > 0 ? 'Shipped' : 'Nothing'
  } catch (cause) {
    if (isFirstTry) log.warn({ err: cause }, 'the collector cannot be asked how far it is; the records are kept')
    return 'Failed'
  }
}

function apply(spool: Spool, source: string, { acknowledgedSeq, acceptedSeq = acknowledgedSeq }: AuditAck): void {
  spool.acknowledge(source, acknowledgedSeq)
  spool.accept(source, acceptedSeq)
}

/** Full jitter: many sidecars must not come back at the same moment. */
function backOffMs(options: ShipOptions, failures: number): number {
  const ceiling = Math.min(options.maxRetryMs ?? 10_000, (options.minRetryMs ?? 100) * 2 ** Math.min(failures, 20))
  return ceiling / 2 + ((options.random ?? Math.random)() * ceiling) / 2
}

/** Resolves when something is to be shipped at once, or a batch has had its time to fill. */
function gather(options: ShipOptions): Promise<boolean> {
  return wait(options, options.gatherMs ?? 250, () => options.spool.isUrgent)
}

/** @returns false when none came, and it is time to ask how far the collector is. */
function nextRecord(options: ShipOptions): Promise<boolean> {
  const { spool, askMs = 2000, awaitedAskMs = 250 } = options
  const isOpen = spool.unacknowledged().length > 0
  return wait(options, isOpen ? (spool.isAwaited ? awaitedAskMs : askMs) : null, () => true)
}

/** @returns false when the time was over first. */
function wait(options: ShipOptions, timeoutMs: number | null, isOver: () => boolean): Promise<boolean> {
  const { promise, resolve } = Promise.withResolvers<boolean>()
  const done = (): void => resolve(true)
  const timer = timeoutMs === null ? null : setTimeout(() => resolve(false), timeoutMs)
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
