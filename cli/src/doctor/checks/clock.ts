import type { Answer } from '../cluster.ts'
import type { Check } from '../check.ts'
import { ClusterError } from '../errors.ts'
import type { Finding } from '../finding.ts'

export interface ClockReading {
  /** Whole seconds, cut off. */
  readonly dateMs: number
  readonly askedMs: number
  readonly answeredMs: number
}

const warningMs = 5000
const failedMs = 30_000

/** The clocks of the API server, the controller and this machine agree: a grant ends by the controller's. */
export const clockCheck: Check = {
  id: 'clock',
  group: 'Cluster',
  needsRelease: false,
  run: async (survey) => {
    const server = readingOf(await survey.cluster.raw('/version'))
    const controller = await survey.metrics().then(readingOf, (error: unknown) => {
      if (error instanceof ClusterError) return null
      throw error
    })
    return judgeClocks(server, controller)
  },
}

function readingOf({
  dateMs,
  askedMs,
  answeredMs,
}: Pick<Answer, 'dateMs' | 'askedMs' | 'answeredMs'>): ClockReading | null {
  // prettier-ignore
  return dateMs === null ? null : { dateMs, askedMs, answeredMs }
}

/**
 * @param server  null: it does not tell its time.
 * @param controller  null: it could not be asked.
 */
export function judgeClocks(server: ClockReading | null, controller: ClockReading | null): Finding {
  if (!server) return { result: 'Skipped', message: 'the API server does not tell its time' }
  const here = skewMs(server)
  if (controller) {
    // Both were read by one clock, this machine's, which so drops out.
    const apart = Math.abs(skewMs(controller) - here)
    if (apart > warningMs) {
      return {
        result: apart > failedMs ? 'Failed' : 'Warning',
        message: `the controller's clock is ${seconds(apart)} away from the API server's; grants begin and end as much off`,
        fix: 'set the clock of the node the controller runs on (NTP)',
      }
    }
  }
  if (Math.abs(here) > warningMs) {
    return {
      result: 'Warning',
      message: `the clock here is ${seconds(Math.abs(here))} ${here > 0 ? 'behind' : 'ahead of'} the API server's`,
      fix: 'set the clock of this machine: times you write into grants mean what the cluster takes them for',
    }
  }
  return {
    result: 'Ok',
    message: controller
      ? 'the clocks of the API server, the controller and this machine agree'
      : "the clocks of the API server and this machine agree; the controller's could not be asked",
  }
}

/** How far the other clock is ahead of here, as far as the reading is certain; 0 within its uncertainty. */
function skewMs({ dateMs, askedMs, answeredMs }: ClockReading): number {
  // The other clock stood in [dateMs, dateMs + 1 s) at some time in [askedMs, answeredMs].
  if (dateMs > answeredMs) return dateMs - answeredMs
  return dateMs + 1000 < askedMs ? dateMs + 1000 - askedMs : 0
}

function seconds(ms: number): string {
  return `${Math.round(ms / 1000)} s`
}
