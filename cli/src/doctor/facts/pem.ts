import { X509Certificate } from 'node:crypto'

/** Every certificate of a PEM text; what cannot be read is left out. */
export function parsePem(pem: string): readonly X509Certificate[] {
  const blocks = pem.match(/-----BEGIN CERTIFICATE-----[^-]+-----END CERTIFICATE-----/g) ?? []
  return blocks.flatMap((block) => {
    try {
      return [new X509Certificate(block)]
    } catch {
      return []
    }
  })
}

/** A chain: as {@link parsePem}, but one that cannot be read from end to end is none. */
export function parseChain(pem: string): readonly X509Certificate[] {
  const found = parsePem(pem)
  return found.length === pem.split('-----BEGIN').length - 1 ? found : []
}
