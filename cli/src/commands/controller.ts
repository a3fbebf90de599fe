import { makeRooms, runProcess } from '@sallyport/controller'
import { exitCodes, type ExitCode } from '../cli-error.ts'
import type { Io } from '../io.ts'

/** `sallyport controller`: runs until TERM or INT, and ends the process itself. Bad flags: 2. */
export async function runControllerCommand(argv: readonly string[], io: Io): Promise<ExitCode> {
  const isUsable = await runProcess(argv, makeRooms, (line) => io.stderr.write(line))
  return isUsable ? exitCodes.ok : exitCodes.unusable
}
