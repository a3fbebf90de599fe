/**
 * Runs in the agent's container: dials an address and says what is there.
 * Arguments: host, port, bytes to send as hex (default: a StartupMessage of PostgreSQL). One line of JSON.
 */
import { connect } from 'node:net'

const [host, port, hex] = process.argv.slice(2)
const parameters = Buffer.from('user\0stranger\0database\0shop\0\0')
const startup = Buffer.alloc(8 + parameters.length)
startup.writeInt32BE(startup.length, 0)
startup.writeInt32BE(3 << 16, 4)
parameters.copy(startup, 8)

const socket = connect({ host, port: Number(port) })
let text = ''
const finish = (outcome) => {
  process.stdout.write(`${JSON.stringify({ outcome, text: text.replace(/[^\x20-\x7e]/g, '.') })}\n`)
  process.exit(0)
}
const timer = setTimeout(() => finish(socket.connecting ? 'timed-out' : 'silent'), 4000)
socket.on('connect', () => socket.write(hex === undefined ? startup : Buffer.from(hex, 'hex')))
socket.on('data', (chunk) => {
  text += chunk.toString('latin1')
  clearTimeout(timer)
  setTimeout(() => finish('answered'), 100)
})
socket.on('close', () => finish(text === '' ? 'closed' : 'answered'))
socket.on('error', (error) => finish(error.code ?? 'failed'))
