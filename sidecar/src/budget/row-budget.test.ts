import { describe, expect, it } from 'vitest'
import { RowBudget } from './row-budget.ts'

describe('RowBudget', () => {
  it('gives as many rows as the limit, to each grant its own', () => {
    const budget = new RowBudget()
    expect([1, 2, 3].map(() => budget.take('a', 2))).toEqual([true, true, false])
    expect(budget.take('b', 1)).toBe(true)
    expect(budget.take('b', 1)).toBe(false)
  })
})
