import type { StreamMessage } from '@sallyport/crds'

/** @throws TypeError */
export function parseStreamMessage(value: unknown): StreamMessage {
  return value as StreamMessage
}
