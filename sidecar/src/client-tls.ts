import { readFileSync, statSync } from 'node:fs'
import { constants, X509Certificate, createPrivateKey } from 'node:crypto'
import { createSecureContext, type SecureContext } from 'node:tls'
import type { Logger } from 'pino'

/** PEM files of the certificate that is shown to applications: the chain, leaf first, and the leaf's key. */
export interface ClientTlsFiles {
  readonly certFile: string
  readonly keyFile: string
}

/** The files cannot serve. The message names a file and never quotes it. */
export class ClientTlsError extends Error {
  override readonly name = 'ClientTlsError'
}

/**
 * The certificate in force. The files are looked at again at every connection, as they are replaced before they expire; what
 * cannot be read then is logged and the last good pair stays.
 */
export class ClientTls {
  readonly #files: ClientTlsFiles
  readonly #log: Logger
  #context: SecureContext
  #version: string

  /** @throws ClientTlsError */
  constructor(files: ClientTlsFiles, log: Logger) {
    this.#files = files
    this.#log = log
    this.#version = versionOf(files)
    this.#context = loadClientTls(files)
  }

  readonly secureContext = (): SecureContext => {
    try {
      const version = versionOf(this.#files)
      if (version !== this.#version) {
        this.#context = loadClientTls(this.#files)
        this.#version = version
      }
    } catch (cause) {
      this.#log.error({ err: cause }, 'the certificate for applications could not be read again; the last one is shown')
    }
    return this.#context
  }
}

/** @throws ClientTlsError */
export function loadClientTls({ certFile, keyFile }: ClientTlsFiles): SecureContext {
  const [cert, key] = [read(certFile), read(keyFile)]
  let leaf: X509Certificate
  try {
    leaf = new X509Certificate(cert)
  } catch (cause) {
    throw new ClientTlsError(`${certFile} holds no certificate in PEM`, { cause })
  }
  let isPair: boolean
  try {
    isPair = leaf.checkPrivateKey(createPrivateKey(key))
  } catch (cause) {
    throw new ClientTlsError(`${keyFile} holds no private key in PEM, or one with a passphrase`, { cause })
  }
  if (!isPair) throw new ClientTlsError(`${keyFile} is not the key of the certificate in ${certFile}`)
  try {
    // As PostgreSQL's server has it: TLS 1.2 and newer, no renegotiation, no tickets.
    const secureOptions = constants.SSL_OP_NO_RENEGOTIATION | constants.SSL_OP_NO_TICKET
    return createSecureContext({ cert, key, minVersion: 'TLSv1.2', secureOptions })
  } catch (cause) {
    throw new ClientTlsError(`${certFile} and ${keyFile} cannot be used for TLS`, { cause })
  }
}

function read(path: string): Buffer {
  try {
    return readFileSync(path)
  } catch (cause) {
    throw new ClientTlsError(`${path} cannot be read`, { cause })
  }
}

/** Changes whenever one of the files does, also where a link to them is turned. */
function versionOf({ certFile, keyFile }: ClientTlsFiles): string {
  return [certFile, keyFile]
    .map((path) => {
      const { ino, mtimeMs, size } = statSync(path, { throwIfNoEntry: false }) ?? { ino: 0, mtimeMs: 0, size: 0 }
      return `${ino} ${mtimeMs} ${size}`
    })
    .join(' ')
}
