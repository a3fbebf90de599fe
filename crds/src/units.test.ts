import { describe, expect, it } from 'vitest'
import { parseDurationMs, parseQuantity } from './units.ts'

describe('parseDurationMs', () => {
  it.each([
    ['30m', 1_800_000],
    ['1h30m', 5_400_000],
    ['1.5s', 1500],
    ['250ms', 250],
    ['0', 0],
    ['720h', 2_592_000_000],
    ['', null],
    ['30', null],
    ['-5m', null],
    ['5 m', null],
    ['1d', null],
    ['1h-30m', null],
  ])('reads %s as %s ms', (text, expected) => {
    expect(parseDurationMs(text)).toBe(expected)
  })
})

describe('parseQuantity', () => {
  it.each([
    ['10Mi', 10_485_760],
    ['1G', 1_000_000_000],
    ['500', 500],
    [500, 500],
    ['1.5Ki', 1536],
    ['1e3', 1000],
    ['-1', null],
    ['10MB', null],
    ['', null],
    ['99999999P', null],
  ])('reads %s as %s', (text, expected) => {
    expect(parseQuantity(text)).toBe(expected)
  })
})
