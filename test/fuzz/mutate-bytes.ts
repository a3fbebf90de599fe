import type { Random } from './random.ts'

/** Lengths and counts that programs get wrong. */
const numbers = [0, 1, 3, 4, 5, 0x7f, 0x80, 0xff, 0x7fff, 0x8000, 0xffff, 0x10000, 0x7fffffff, 0x80000000, 0xffffffff]

/** One to four changes, each small: what is left is still nearly right. */
export function mutateBytes(random: Random, original: Buffer, other: Buffer): Buffer {
  let bytes: Buffer = Buffer.from(original)
  for (let changes = 1 + random.below(4); changes > 0; changes -= 1) bytes = changeOnce(random, bytes, other)
  return bytes
}

function changeOnce(random: Random, bytes: Buffer, other: Buffer): Buffer {
  const at = random.below(bytes.length)
  const until = Math.min(bytes.length, at + 1 + random.below(8))
  switch (random.below(8)) {
    case 0:
      if (at < bytes.length) bytes[at] = random.next() & 0xff
      return bytes
    case 1:
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
      return bytes
    case 2:
      return Buffer.concat([bytes.subarray(0, at), bytes.subarray(until)])
    case 3:
      return Buffer.concat([bytes.subarray(0, until), bytes.subarray(at)])
    case 4:
      if (at + 4 <= bytes.length) bytes.writeUInt32BE(random.pick(numbers), at)
      return bytes
    case 5:
      if (at + 2 <= bytes.length) bytes.writeUInt16BE(random.pick(numbers) & 0xffff, at)
      return bytes
    case 6:
      return bytes.subarray(0, at)
    default: {
      const from = random.below(other.length)
      return Buffer.concat([bytes.subarray(0, at), other.subarray(from, from + random.below(32)), bytes.subarray(at)])
    }
  }
}
