import { median } from './statistics.ts'

/** A way to the same server. */
export interface Lane {
  readonly name: 'direct' | 'pgbouncer' | 'sallyport'
  readonly port: number
  readonly user: string
}

/** Where rounds alternate, a machine that is busy for a while is so for all lanes. */
export async function alternate(
  lanes: readonly Lane[],
  rounds: number,
  measure: (lane: Lane) => Promise<number>,
): Promise<ReadonlyMap<Lane['name'], number>> {
  const measured = new Map<Lane['name'], number[]>(lanes.map(({ name }) => [name, []]))
  for (let round = 0; round < rounds; round += 1)
    for (const lane of lanes) measured.get(lane.name)?.push(await measure(lane))
  return new Map([...measured].map(([name, values]) => [name, median(values)]))
}

/** Ours in proportion to every other lane's, of values where more is better. */
export function ratios(values: ReadonlyMap<Lane['name'], number>): string {
  const ours = values.get('sallyport') ?? 0
  return [...values]
    .filter(([name]) => name !== 'sallyport')
    .map(([name, value]) => `${(ours / value).toFixed(2)} of ${name}`)
    .join(', ')
}
