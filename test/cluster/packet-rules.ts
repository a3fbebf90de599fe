import { run, runAny } from '../rig/process.ts'
import { bridges, fenceTable } from './layout.ts'

const ownTables = ['ip kube-proxy', 'ip6 kube-proxy', `inet ${fenceTable}`] as const
/** The plugin for ports of the node adds to these, and makes them where they are not there. */
const sharedTables = ['ip nat', 'ip6 nat'] as const
const pluginChain = 'CNI-'

/** Lets pods reach each other and this machine only, and lets nothing be routed to them from elsewhere. */
export async function fencePods(): Promise<void> {
  const inside = `{ "${bridges.pods}", "${bridges.node}" }`
  const fence = `table inet ${fenceTable} {
  chain forward {
    type filter hook forward priority -10; policy accept;
    iifname "${bridges.pods}" oifname != ${inside} reject
    oifname "${bridges.pods}" iifname != ${inside} drop
  }
}
`
  await run('nft', ['-f', '-'], { input: fence })
}

/** Tables of this machine, as `family name`. */
export async function tables(): Promise<readonly string[]> {
  const { stdout } = await runAny('nft', ['list', 'tables'])
  return [...stdout.matchAll(/^table (\S+ \S+)$/gm)].map(([, table]) => table ?? '')
}

/** Tables of the cluster, and chains of its plugins in the tables of others, as nft names them. */
export async function clusterRules(): Promise<readonly string[]> {
  const there = await tables()
  const found = ownTables.filter((table) => there.includes(table)).map((table) => `table ${table}`)
  for (const table of sharedTables.filter((each) => there.includes(each)))
    found.push(...(await pluginRules(table)).chains.map((chain) => `chain ${table} ${chain}`))
  return found
}

/**
 * Removes them.
 * @param before  the tables there were before the cluster: others that it has to do with go altogether. Null: unknown.
 */
export async function removeClusterRules(before: readonly string[] | null): Promise<void> {
  const there = await tables()
  const made = sharedTables.filter((table) => before?.includes(table) === false)
  for (const table of [...ownTables, ...made].filter((each) => there.includes(each)))
    await run('nft', ['delete', 'table', ...table.split(' ')])
  for (const table of sharedTables.filter((each) => there.includes(each) && !made.includes(each))) {
    const { jumps, chains } = await pluginRules(table)
    const commands = [
      ...jumps.map(({ chain, handle }) => `delete rule ${table} ${chain} handle ${handle}`),
      ...chains.map((chain) => `flush chain ${table} ${chain}`),
      ...chains.map((chain) => `delete chain ${table} ${chain}`),
    ]
    await run('nft', ['-f', '-'], { input: commands.map((command) => `${command}\n`).join('') })
  }
}

interface PluginRules {
  readonly chains: readonly string[]
  /** Rules of other chains that lead to them. */
  readonly jumps: readonly { readonly chain: string; readonly handle: string }[]
}

async function pluginRules(table: string): Promise<PluginRules> {
  const { stdout } = await runAny('nft', ['--handle', 'list', 'table', ...table.split(' ')])
  const chains: string[] = []
  const jumps: { readonly chain: string; readonly handle: string }[] = []
  let chain = ''
  for (const line of stdout.split('\n')) {
    const [, begun] = /^\tchain (\S+) \{/.exec(line) ?? []
    if (begun !== undefined) chain = begun
    if (begun?.startsWith(pluginChain)) chains.push(begun)
    const [, handle] = /^\t\t.* jump CNI-.* # handle (\d+)$/.exec(line) ?? []
    if (handle !== undefined && !chain.startsWith(pluginChain)) jumps.push({ chain, handle })
  }
  return { chains, jumps }
}
