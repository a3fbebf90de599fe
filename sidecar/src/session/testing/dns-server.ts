import { createSocket } from 'node:dgram'
import { once } from 'node:events'
import { isIPv4 } from 'node:net'

/** Addresses of a name, or how the server fails for it. */
export type Zone = Readonly<Record<string, readonly string[] | 'SERVFAIL' | 'silence'>>

export interface DnsServer {
  /** `address:port`, as `Resolver.setServers` takes it. */
  readonly address: string
  /** `A name` and `AAAA name`, in the order they came. */
  readonly questions: readonly string[]
  readonly close: () => void
}

const typeA = 1
const typeAAAA = 28

/** A DNS server (RFC 1035) on a loopback port; names that are not in the zone do not exist. */
export async function startDnsServer(zone: Zone): Promise<DnsServer> {
  const socket = createSocket('udp4')
  const questions: string[] = []
  socket.on('message', (query, from) => {
    const { name, type, end } = readQuestion(query)
    questions.push(`${type === typeA ? 'A' : 'AAAA'} ${name}`)
    const entry = zone[name]
    if (entry === 'silence') return
    const addresses = entry === undefined || entry === 'SERVFAIL' ? [] : entry
    const records = addresses.filter((address) => isIPv4(address) === (type === typeA))
    const code = entry === 'SERVFAIL' ? 2 : entry === undefined ? 3 : 0
    socket.send(answer(query, end, code, type, records), from.port, from.address)
  })
  socket.bind(0, '127.0.0.1')
  await once(socket, 'listening')
  return { address: `127.0.0.1:${socket.address().port}`, questions, close: () => socket.close() }
}

function readQuestion(query: Buffer): { readonly name: string; readonly type: number; readonly end: number } {
  const labels: string[] = []
  let at = 12
  for (let length = query[at] ?? 0; length > 0; length = query[at] ?? 0) {
    labels.push(query.toString('latin1', at + 1, at + 1 + length))
    at += 1 + length
  }
  return { name: labels.join('.').toLowerCase(), type: query.readUInt16BE(at + 1), end: at + 5 }
}

/** The question again, and the records under a pointer to its name. */
function answer(query: Buffer, end: number, code: number, type: number, addresses: readonly string[]): Buffer {
  const head = Buffer.alloc(12)
  query.copy(head, 0, 0, 2)
  head.writeUInt16BE(0x8180 | code, 2)
  head.writeUInt16BE(1, 4)
  head.writeUInt16BE(addresses.length, 6)
  const records = addresses.map((address) => {
    const data = type === typeAAAA ? ipv6(address) : Buffer.from(address.split('.').map(Number))
    const record = Buffer.from([0xc0, 12, 0, type, 0, 1, 0, 0, 0, 1, 0, data.length])
    return Buffer.concat([record, data])
  })
  return Buffer.concat([head, query.subarray(12, end), ...records])
}

/** Sixteen bytes of an address, `::` filled up. */
function ipv6(address: string): Buffer {
  const [left = '', right = ''] = address.split('::')
  const groups = (text: string): readonly string[] => (text === '' ? [] : text.split(':'))
  const [head, tail] = [groups(left), groups(right)]
  const zeros = Array.from({ length: 8 - head.length - tail.length }, () => '0')
  return Buffer.from([...head, ...zeros, ...tail].map((group) => group.padStart(4, '0')).join(''), 'hex')
}
