import type { Readable } from 'node:stream'
import { BundleError } from './bundle-error.ts'

/**
 * The lines of a stream, without their ends, as they arrive.
 * @throws BundleError `oversized` before more than `maxBytes` of one line are held, `unreachable` when the stream breaks.
 */
export async function* readLines(stream: Readable, maxBytes: number): AsyncGenerator<string> {
  let parts: Buffer[] = []
  let bytes = 0
  try {
    for await (const chunk of stream) {
      let rest: Buffer = Buffer.isBuffer(chunk) ? chunk : Buffer.from(String(chunk))
      for (let end = rest.indexOf(0x0a); end >= 0; end = rest.indexOf(0x0a)) {
        yield Buffer.concat([...parts, rest.subarray(0, end)]).toString('utf8')
        rest = rest.subarray(end + 1)
        parts = []
        bytes = 0
      }
      bytes += rest.length
      if (bytes > maxBytes)
        throw new BundleError('oversized', `a message of the controller is larger than ${maxBytes} bytes`)
      if (rest.length > 0) parts.push(rest)
    }
  } catch (cause) {
    throw cause instanceof BundleError ? cause : new BundleError('unreachable', 'the stream broke', { cause })
  }
}
