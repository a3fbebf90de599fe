import { backendTag, parseErrorFields } from '../wire/postgres/backend.ts'
import { query } from '../wire/postgres/encode.ts'
import { FrameQueue } from './frame-queue.ts'
import { UpstreamError, type Upstream } from './upstream.ts'

export type TextRow = readonly (string | null)[]

/**
 * Runs our own SQL on an idle connection that no client uses yet.
 * @returns the rows in text format.
 * @throws UpstreamError with the SQLSTATE; the server's text stays here.
 */
export async function queryUpstream(upstream: Upstream, sql: string, timeoutMs: number): Promise<readonly TextRow[]> {
  const frames = new FrameQueue(upstream.socket, upstream.decoder, timeoutMs)
  const rows: TextRow[] = []
  let failure: UpstreamError | null = null
  try {
    upstream.socket.write(query(sql))
    for (;;) {
      const { tag, frame } = await frames.next()
      if (tag === backendTag.DataRow) rows.push(readTextRow(frame))
      else if (tag === backendTag.ErrorResponse)
        failure = new UpstreamError('QueryFailed', `a catalog query failed (${parseErrorFields(frame).get('C') ?? ''})`)
      else if (tag === backendTag.ReadyForQuery) break
    }
  } finally {
    frames.detach()
  }
  if (failure) throw failure
  return rows
}

/** DataRow: tag, int32 length, int16 columns, then int32 length (−1: NULL) and bytes of each. */
export function readTextRow(frame: Buffer): TextRow {
  const columns = frame.readInt16BE(5)
  const row: (string | null)[] = []
  let offset = 7
  for (let index = 0; index < columns; index++) {
    const length = frame.readInt32BE(offset)
    offset += 4
    if (length < 0) {
      row.push(null)
      continue
    }
    row.push(frame.toString('utf8', offset, offset + length))
    offset += length
  }
  return row
}
