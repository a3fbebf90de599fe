/** Runs a command with the cached tools on its PATH. */
import { spawnSync } from 'node:child_process'
import { delimiter } from 'node:path'
import { toolFolder } from './tool-folder.mjs'

const [command = '', ...args] = process.argv.slice(2)
const env = { ...process.env, PATH: `${toolFolder()}${delimiter}${process.env.PATH ?? ''}` }
const { status } = spawnSync(command, args, { stdio: 'inherit', env })
process.exitCode = status ?? 1
