/** Which tools there are, of which versions, and where the cache keeps them. Plain JavaScript: bare Node 20 reads it. */
import { createHash } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

const here = fileURLToPath(new URL('.', import.meta.url))
const kubernetesVersion = moduleVersion('kubernetes', 'k8s.io/kubernetes')
const [, major, minor] = /^v(\d+)\.(\d+)\./.exec(kubernetesVersion) ?? []
const stamp = 'k8s.io/component-base/version'
// Without these they report a version that clients cannot parse.
const versionFlags = `-X ${stamp}.gitVersion=${kubernetesVersion} -X ${stamp}.gitMajor=${major} -X ${stamp}.gitMinor=${minor}`

/** Tools of a group are built when it is asked for, the others always. */
export const modules = [
  {
    folder: 'kubernetes',
    goMinor: 24,
    tools: [
      { name: 'kube-apiserver', path: 'k8s.io/kubernetes/cmd/kube-apiserver', ldflags: versionFlags },
      { name: 'etcd', path: 'go.etcd.io/etcd/server/v3', ldflags: '' },
      ...['kube-controller-manager', 'kube-scheduler', 'kubelet', 'kube-proxy'].map((name) => ({
        name,
        path: `k8s.io/kubernetes/cmd/${name}`,
        ldflags: versionFlags,
        group: 'cluster',
      })),
    ],
  },
  {
    folder: 'opa',
    goMinor: 26,
    tools: [{ name: 'opa', path: 'github.com/open-policy-agent/opa', ldflags: '' }],
  },
  {
    folder: 'coredns',
    goMinor: 25,
    tools: [{ name: 'coredns', path: '.', ldflags: '', group: 'cluster' }],
  },
  {
    folder: 'pause',
    goMinor: 24,
    tools: [{ name: 'pause', path: '.', ldflags: '', group: 'cluster' }],
  },
]

/** `<cache>/sallyport/tools/<versions>`; made if it is not there. SALLYPORT_TOOLS names another folder with the binaries. */
export function toolFolder(env = process.env) {
  const cache = env.XDG_CACHE_HOME || join(homedir(), '.cache')
  const folder = env.SALLYPORT_TOOLS || join(cache, 'sallyport', 'tools', versions())
  mkdirSync(folder, { recursive: true })
  return folder
}

function versions() {
  const hash = createHash('sha256')
  for (const { folder, tools } of modules) {
    for (const file of readdirSync(join(here, folder)).sort()) hash.update(readFileSync(join(here, folder, file)))
    for (const { name, path, ldflags } of tools) hash.update(`${name} ${path} ${ldflags}\n`)
  }
  return `kubernetes-${kubernetesVersion}-${hash.digest('hex').slice(0, 12)}`
}

function moduleVersion(folder, module) {
  const line = readFileSync(join(here, folder, 'go.mod'), 'utf8')
    .split('\n')
    .find((each) => each.trim().startsWith(`${module} v`))
  if (line === undefined) throw new Error(`${folder}/go.mod does not require ${module}`)
  return line.trim().split(' ')[1] ?? ''
}
