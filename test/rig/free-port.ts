import { randomInt } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type AddressInfo, type Server } from 'node:net'

/** A port nobody listens on now. */
export async function freePort(): Promise<number> {
  const [port = 0] = await freePorts(1)
  return port
}

/** Different ports nobody listens on now, below those that outgoing connections are given, so that none takes one. */
export async function freePorts(count: number): Promise<readonly number[]> {
  const servers: Server[] = []
  while (servers.length < count) {
    const server = createServer()
    const listening = once(server, 'listening')
    server.listen(randomInt(20_000, 32_000), '127.0.0.1')
    if (await listening.then(() => true, () => false)) servers.push(server) // prettier-ignore
  }
  const ports = servers.map((server) => (server.address() as AddressInfo).port)
  await Promise.all(
    servers.map(async (server) => {
      server.close()
      await once(server, 'close')
    }),
  )
  return ports
}
