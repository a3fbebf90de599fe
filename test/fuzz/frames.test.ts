/** Frames that are nearly right, in chunks that fall anywhere: read as they are or refused, nothing else. */
import { describe, expect, it } from 'vitest'
import { maskDataRows } from '../../sidecar/src/masking/mask-row.ts'
import { MaskError } from '../../sidecar/src/masking/mask-error.ts'
import * as backend from '../../sidecar/src/wire/postgres/backend.ts'
import { FrontendDecoder } from '../../sidecar/src/wire/postgres/frontend.ts'
import { WireError } from '../../sidecar/src/wire/postgres/wire-error.ts'
import { fuzzConfig } from './config.ts'
import { backendFrames, frontendFrames } from './frames.ts'
import { mutateBytes } from './mutate-bytes.ts'
import { Random } from './random.ts'
import { watchSteady, type Steady } from './steady.ts'

const { seed, frames } = fuzzConfig()
const maxMessageBytes = 1 << 20
const grownLimit = 8 << 20
const timeout = 3_600_000

/** One changed frame between others; most say how long they have become, so that what is inside is read, too. */
function makeStream(random: Random, from: readonly Buffer[]): Buffer {
  const changed = mutateBytes(random, random.pick(from), random.pick(from))
  if (changed.length >= 5 && !random.once(4)) changed.writeUInt32BE(changed.length - 1, 1)
  return Buffer.concat([random.pick(from), changed, random.pick(from)])
}

/** Calls `push` with pieces of the stream. @returns false when one was refused. */
function pushed(random: Random, stream: Buffer, push: (chunk: Buffer) => void): boolean {
  try {
    for (let offset = 0; offset < stream.length;) {
      const end = offset + 1 + random.below(random.once(2) ? 8 : stream.length)
      push(stream.subarray(offset, end))
      offset = end
    }
    return true
  } catch (cause) {
    if (cause instanceof WireError || cause instanceof MaskError) return false
    throw cause
  }
}

/** Both kinds came up often, none took long, and nothing piled up. */
function expectSteady(steady: Steady, read: number, refused: number): void {
  console.log(`${read} frames read, ${refused} of ${frames} streams refused, slowest ${steady.slowestMs.toFixed(0)} ms`)
  expect(read).toBeGreaterThan(frames)
  expect(refused).toBeGreaterThan(frames / 10)
  expect(steady.slowestMs).toBeLessThan(1000)
  expect(steady.grownBytes()).toBeLessThan(grownLimit)
}

describe('mutated frames', () => {
  it(`of clients, ${frames} of seed ${seed}`, { timeout }, () => {
    const random = new Random(seed)
    const steady = watchSteady(frames)
    let [read, refused] = [0, 0]
    for (let count = 0; count < frames; count += 1) {
      const stream = makeStream(random, frontendFrames)
      const decoder = new FrontendDecoder({ maxMessageBytes })
      const raws: Buffer[] = []
      const isWhole = steady.run(() =>
        pushed(random, stream, (chunk) => raws.push(...decoder.push(chunk).map(({ raw }) => raw))),
      )
      // What is taken for a message is what came, byte for byte and in order.
      const forwarded = Buffer.concat(raws)
      if (!forwarded.equals(stream.subarray(0, forwarded.length))) expect(forwarded).toEqual(stream)
      read += raws.length
      refused += isWhole ? 0 : 1
    }
    expectSteady(steady, read, refused)
  })

  it(`of servers, ${frames} of seed ${seed}`, { timeout }, () => {
    const random = new Random(seed)
    const steady = watchSteady(frames)
    let [read, refused] = [0, 0]
    for (let count = 0; count < frames; count += 1) {
      const stream = makeStream(random, backendFrames)
      const decoder = new backend.BackendDecoder({ maxMessageBytes })
      let forwarded = 0
      const isWhole = steady.run(() =>
        pushed(random, stream, (chunk) => {
          decoder.push(
            chunk,
            (tag, frame) => {
              forwarded += frame.length
              read += 1
              readFrame(tag, frame)
            },
            {
              tags: [backend.backendTag.DataRow, backend.backendTag.CopyData],
              onLarge: (_tag, size) => (size > maxMessageBytes ? 'Drop' : 'Parts'),
              onPart: (bytes) => (forwarded += bytes.length),
              onRun: (tag, rows, rowCount) => {
                forwarded += rows.length
                read += rowCount
                if (tag === backend.backendTag.DataRow)
                  maskDataRows(rows, [null, (value) => value && Buffer.from('***'), null, () => null])
              },
            },
          )
        }),
      )
      expect(forwarded).toBeLessThanOrEqual(stream.length)
      refused += isWhole ? 0 : 1
    }
    expectSteady(steady, read, refused)
  })
})

/** What a session reads of a server's message. */
function readFrame(tag: number, frame: Buffer): void {
  const { backendTag } = backend
  switch (tag) {
    case backendTag.RowDescription:
      backend.parseRowDescription(frame)
      break
    case backendTag.ErrorResponse:
    case backendTag.NoticeResponse:
      backend.parseErrorFields(frame)
      break
    case backendTag.CommandComplete:
      backend.affectedRows(backend.parseCommandTag(frame))
      break
    case backendTag.ReadyForQuery:
      backend.parseReadyForQuery(frame)
      break
    case backendTag.ParameterStatus:
      backend.parseParameterStatus(frame)
      break
    case backendTag.BackendKeyData:
      backend.parseBackendKeyData(frame)
      break
    case backendTag.Authentication:
      backend.parseAuthentication(frame)
      break
    default:
      break
  }
}
