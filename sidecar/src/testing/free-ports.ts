import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type Server } from 'node:net'

/** Different ports nobody listens on now, below those that outgoing connections are given. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers = new Map<number, Server>()
  while (servers.size < count) {
    const port = randomInt(20_000, 32_000)
    const server = createServer()
    const listening = once(server, 'listening')
    server.listen(port, '127.0.0.1')
    if (await listening.then(() => true, () => false)) servers.set(port, server) // prettier-ignore
  }
  for (const server of servers.values()) {
    server.close()
    await once(server, 'close')
  }
  return [...servers.keys()]
}
