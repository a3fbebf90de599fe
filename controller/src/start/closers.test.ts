import { pino } from 'pino'
import { describe, expect, it } from 'vitest'
import { Closers } from './closers.ts'

const log = pino({ level: 'silent' })

describe('Closers', () => {
  it('closes last what was opened first, one after the other', async () => {
    const closers = new Closers()
    const closed: string[] = []
    closers.add('first', () => closed.push('first'))
    closers.add('second', async () => {
      await new Promise((resolve) => setImmediate(resolve))
      closed.push('second')
    })
    await closers.closeAll(log)
    expect(closed).toEqual(['second', 'first'])
  })

  it('closes the rest when one fails, and tells the failure', async () => {
    const closers = new Closers()
    const closed: string[] = []
    closers.add('first', () => closed.push('first'))
    closers.add('second', () => Promise.reject(new TypeError('stuck')))
    await expect(closers.closeAll(log)).rejects.toThrow('stuck')
    expect(closed).toEqual(['first'])
  })
})
