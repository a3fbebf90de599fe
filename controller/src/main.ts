import { makeRooms } from './make-rooms.ts'
import { runProcess } from './run-process.ts'

/** The controller's own executable; see {@link runProcess} for its exit codes. */
await runProcess(process.argv.slice(2), makeRooms)
