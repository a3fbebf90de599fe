import { parseConfig } from './config.ts'
import { runController } from './controller.ts'
import type { Rooms } from './rooms.ts'
import type { ControllerConfig } from './config.ts'
import { createLogger } from './telemetry/logger.ts'

/**
 * The controller as a process: TERM and INT drain it and exit 0; what nobody caught is logged, what is acknowledged is on
 * disk by then, and the exit code is 1, so that it is started anew. Bad flags: exit 2, every problem on stderr.
 * @param args  flags, without node and script.
 * @returns false for bad flags.
 */
export async function runProcess(
  args: readonly string[],
  makeRooms: (config: ControllerConfig) => Rooms,
  complain: (line: string) => void = (line) => process.stderr.write(line),
): Promise<boolean> {
  const parsed = parseConfig(args)
  if (!parsed.ok) {
    complain(parsed.problems.map((problem) => `sallyport-controller: ${problem}\n`).join(''))
    process.exitCode = 2
    return false
  }
  const log = createLogger(parsed.config.logLevel)
  const die = (err: unknown): void => {
    log.fatal({ err }, 'the controller must end')
    log.flush()
    process.exit(1)
  }
  process.on('uncaughtException', die)
  process.on('unhandledRejection', die)
  // Until it has started nobody counts on it, and the first process of a container ignores signals nobody handles.
  let stop = (): void => process.exit(0)
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => stop())
  try {
    const controller = await runController(parsed.config, makeRooms(parsed.config), log)
    stop = () => {
      controller.stop().catch(die)
    }
    await controller.ended
    log.flush()
    process.exit(0)
  } catch (error) {
    die(error)
  }
  return true
}
