/** Bundles the commands into cli/dist, where the launchers in cli/bin look for them. */
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundle } from './bundle.ts'

const folder = join(import.meta.dirname, '../dist')

rmSync(folder, { recursive: true, force: true })
mkdirSync(folder, { recursive: true })
await bundle({ executables: ['sallyport', 'sallyport-controller', 'sallyport-sidecar'], folder, form: 'checkout' })
