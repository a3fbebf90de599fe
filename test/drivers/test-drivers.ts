import { beforeAll, describe, expect, inject, it } from 'vitest'
import type { Observation } from './clients/report.ts'
import { expectedDifference, type Difference } from './differences.ts'
import { drivers } from './drivers.ts'
import { runClient, type Observed } from './observe.ts'
import type { Version } from './targets.ts'
import { installedTools } from './tools.ts'

const tools = installedTools()

/** What the sidecar refuses, the server itself does not, and the other way round. */
const mustFail = ({ name }: Observation): boolean => name.startsWith('error: ')

/** The same observations direct and through the sidecar, for every driver that knows this version of PostgreSQL. */
export function testDrivers(version: Version): void {
  const server = inject('driverServers').find((each) => each.version === version)
  if (!server) throw new Error(`there is no server of version ${version}`)
  describe.each(drivers.filter(({ versions }) => versions?.includes(version) ?? true))('$name', (driver) => {
    const { database } = driver
    const command = driver.command(tools)
    let direct: Observed

    beforeAll(async () => {
      direct = await runClient(command, { server, way: 'direct', database })
    })

    it('works without the sidecar', () => {
      const wrong = [...direct.values()].filter((seen) => mustFail(seen) !== 'error' in seen)
      expect(wrong).toEqual([])
    })

    it.each(['sidecar', 'guarded'] as const)('works the same: %s', async (way) => {
      const through = await runClient(command, { server, way, database })
      expect([...through.keys()]).toEqual([...direct.keys()])
      const same = (seen: Observation): boolean => !expectedDifference(driver.name, way, seen)
      const plain = (observed: Observed): readonly Observation[] => [...observed.values()].filter(same)
      expect(plain(through)).toEqual(plain(direct))
      for (const seen of through.values()) expectRefusal(expectedDifference(driver.name, way, seen), seen)
    })
  })
}

function expectRefusal(difference: Difference | null, seen: Observation): void {
  if (!difference) return
  expect(JSON.stringify('error' in seen ? seen.error : seen)).toContain(difference.says)
}
