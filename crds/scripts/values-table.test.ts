import { describe, expect, it } from 'vitest'
import { ValuesError, valuesTable, type ValuesSchema } from './values-table.ts'

const schema: ValuesSchema = {
  properties: {
    replicas: { type: 'integer', minimum: 1, maximum: 9 },
    web: {
      properties: {
        mode: { $ref: '#/$defs/mode' },
        claim: { anyOf: [{ const: '' }, { type: 'string' }] },
        resources: { type: 'object', properties: { requests: { type: 'object' }, limits: { type: 'object' } } },
        budget: { properties: { most: { anyOf: [{ type: 'integer' }, { type: 'string' }] } } },
        names: { items: { $ref: '#/$defs/mode' } },
      },
    },
  },
  $defs: { mode: { enum: ['On', 'Off'] } },
}

const values = `# A note to whoever reads the file.

# How many.
replicas: 2

# What answers.
web:
  # On or Off;
  # or what | else.
  mode: On
  # A claim.
  claim: ''
  # As in a pod.
  resources:
    limits: { memory: 1Gi }
  budget:
    # Number or share.
    most: 1
  # Several.
  names: []
`

describe('the table of values', () => {
  it('shows type, default and the comment above each, down to where something is described', () => {
    const rows = valuesTable(values, schema)
      .split('\n')
      .filter((line) => line.startsWith('| `'))
    expect(rows).toEqual([
      '| `replicas` | integer 1 to 9 | `2` | How many. |',
      '| `web.mode` | `On` `Off` | `"On"` | On or Off; or what \\| else. |',
      '| `web.claim` | string | `""` | A claim. |',
      '| `web.resources` | object | `{"limits":{"memory":"1Gi"}}` | As in a pod. |',
      '| `web.budget.most` | integer or string | `1` | Number or share. |',
      '| `web.names` | list of `On` `Off` | `[]` | Several. |',
    ])
  })

  it('puts what is said of a section above its table', () => {
    expect(valuesTable(values, schema)).toContain('\n## web\n\nWhat answers.\n\n| value ')
  })

  it.each([
    ['a value without a comment', values.replace('  # Several.\n', ''), 'web.names: has no comment'],
    ['a value the schema does not have', `${values}# New.\nnew: 1\n`, 'new: is not in the schema'],
    ['a value only the schema has', values.replace(/ {2}budget:[^]*most: 1\n/, ''), 'web.budget: is not in values.yaml'], // prettier-ignore
  ])('refuses %s', (_name, text, problem) => {
    const act = (): string => valuesTable(text, schema)
    expect(act).toThrow(ValuesError)
    expect(act).toThrow(problem)
  })
})
