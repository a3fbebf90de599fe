import { request } from 'node:https'

export interface JsonAnswer<T = unknown> {
  readonly status: number
  readonly body: T
}

export interface JsonRequest {
  readonly method?: string
  readonly token?: string
  readonly body?: unknown
  readonly contentType?: string
}

/** One request over TLS whose server is not verified: for servers of this test alone. */
export function requestJson<T = unknown>(url: string, options: JsonRequest = {}): Promise<JsonAnswer<T>> {
  const { method = 'GET', token, body, contentType = 'application/json' } = options
  return new Promise((resolve, reject) => {
    const headers = {
      ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      'content-type': contentType,
    }
    const sent = request(url, { method, headers, rejectUnauthorized: false, agent: false }, (response) => {
      const chunks: Buffer[] = []
      response.on('data', (chunk: Buffer) => chunks.push(chunk))
      response.on('error', reject)
      response.on('end', () => {
        resolve({ status: response.statusCode ?? 0, body: parseBody(Buffer.concat(chunks).toString()) as T })
      })
    })
    sent.on('error', reject)
    sent.end(body === undefined ? undefined : JSON.stringify(body))
  })
}

function parseBody(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return { text }
  }
}
