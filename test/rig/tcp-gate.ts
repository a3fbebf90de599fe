import { once } from 'node:events'
import { connect, createServer, type AddressInfo, type Socket } from 'node:net'

export interface TcpGate {
  readonly port: number
  /** Connections that have come. */
  readonly count: () => number
  /** What connections that come from now on say is kept from the server until {@link open}. */
  readonly hold: () => void
  readonly open: () => void
  /** Takes nothing more of what is said on the connections that are there, until {@link thaw}. */
  readonly freeze: () => void
  readonly thaw: () => void
  readonly stop: () => Promise<void>
}

/** A way to a server on which what is said may be late. */
export async function startTcpGate(port: number): Promise<TcpGate> {
  let count = 0
  let isHeld = false
  const held: (() => void)[] = []
  const sockets = new Set<Socket>()
  const pairs = new Map<Socket, Socket>()
  const server = createServer((client) => {
    count += 1
    const towards = connect(port, '127.0.0.1')
    pairs.set(client, towards)
    client.on('close', () => pairs.delete(client))
    for (const [from, to] of [[client, towards] as const, [towards, client] as const]) {
      sockets.add(from)
      from.on('error', () => to.destroy())
      from.on('close', () => to.destroy())
    }
    towards.pipe(client)
    if (isHeld) held.push(() => void client.pipe(towards))
    else client.pipe(towards)
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return {
    port: (server.address() as AddressInfo).port,
    count: () => count,
    hold: () => {
      isHeld = true
    },
    open: () => {
      isHeld = false
      for (const release of held.splice(0)) release()
    },
    freeze: () => {
      for (const [client, towards] of pairs) client.unpipe(towards).pause()
    },
    thaw: () => {
      for (const [client, towards] of pairs) client.pipe(towards)
    },
    stop: async () => {
      for (const socket of sockets) socket.destroy()
      server.close()
      await once(server, 'close')
    },
  }
}
