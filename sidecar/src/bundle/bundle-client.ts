import type { IncomingMessage } from 'node:http'
import type { Logger } from 'pino'
import type { StreamMessage } from '@sallyport/crds'
import { BundleError } from './bundle-error.ts'
import type { BundleStore } from './bundle-store.ts'
import { ControllerClient, type ControllerClientOptions } from './controller-client.ts'
import type { ExpiryClock } from './expiry-clock.ts'
import { parseStreamMessage } from './parse-stream-message.ts'
import { isAborted, pause } from './pause.ts'
import { PolicyLoader } from './policy-loader.ts'
import { readLines } from './read-lines.ts'

/** The way to the controller: what the stream, the audit log and the status share. */
export function connectController(options: ControllerClientOptions): ControllerClient {
  return new ControllerClient(options)
}

export interface BundleClientOptions {
  readonly controller: ControllerClient
  readonly store: BundleStore
  readonly clock: ExpiryClock
  readonly signal: AbortSignal
  readonly log: Logger
  /** Called with the first message of every stream: the controller that sends it may be another than before. */
  readonly onOpen?: () => void
  /** Without a message for this long the stream is opened again; heartbeats come every 5 s. */
  readonly silenceMs?: number
  readonly minRetryMs?: number
  readonly maxRetryMs?: number
  /** 0 to 1, for jitter. */
  readonly random?: () => number
}

/**
 * Keeps the store at what the controller says, until `signal` aborts. The stream is opened again whenever it ends, breaks,
 * falls silent or says something that cannot be read.
 */
export async function runBundleClient(options: BundleClientOptions): Promise<void> {
  const { signal, log } = options
  const loader = new PolicyLoader(options)
  for (let failures = 0; !signal.aborted;) {
    const heard = { count: 0 }
    try {
      await follow(options, loader, heard)
      if (!isAborted(signal)) log.info('the controller ended the stream; it is opened again')
    } catch (cause) {
      if (!isAborted(signal)) log.warn({ err: cause }, 'the controller is out of reach; the stream is opened again')
    }
    failures = heard.count > 0 ? 0 : failures + 1
    await pause(retryMs(options, failures), signal)
  }
  loader.stop()
}

const maxMessageBytes = 16 << 20

async function follow(options: BundleClientOptions, loader: PolicyLoader, heard: { count: number }): Promise<void> {
  const stream = await options.controller.openStream(options.signal)
  stream.setTimeout(0)
  const watchdog = watchSilence(stream, options.silenceMs ?? 15_000)
  try {
    for await (const line of readLines(stream, maxMessageBytes)) {
      watchdog.heard()
      heard.count += 1
      accept(options, loader, parse(line))
      if (heard.count === 1) options.onOpen?.()
    }
  } finally {
    watchdog.stop()
    stream.destroy()
  }
}

function accept(options: BundleClientOptions, loader: PolicyLoader, message: StreamMessage): void {
  const { clock, store, controller } = options
  clock.adjust(message.unixMs)
  if (message.kind === 'Heartbeat') {
    if (store.current()?.revision === message.revision && !loader.isLoading) store.touch()
    return
  }
  if (message.caBundle !== undefined) controller.updateCa(message.caBundle)
  loader.load(message)
}

function parse(line: string): StreamMessage {
  try {
    return parseStreamMessage(JSON.parse(line))
  } catch (cause) {
    throw cause instanceof BundleError ? cause : new BundleError('malformed', 'a message is not JSON', { cause })
  }
}

/** Destroys the stream when nothing is heard; the reader of its lines then sees it break. */
function watchSilence(stream: IncomingMessage, silenceMs: number): { heard(): void; stop(): void } {
  const timer = setTimeout(() => {
    stream.destroy(new BundleError('timeout', `the controller said nothing for ${silenceMs} ms`))
  }, silenceMs)
  return { heard: () => void timer.refresh(), stop: () => clearTimeout(timer) }
}

/** Half of it is chance: the sidecars of a cluster must not all come back in the same moment. */
function retryMs(options: BundleClientOptions, failures: number): number {
  const ceilingMs = Math.min(options.maxRetryMs ?? 10_000, (options.minRetryMs ?? 100) * 2 ** Math.min(failures, 20))
  return ceilingMs / 2 + ((options.random ?? Math.random)() * ceilingMs) / 2
}
