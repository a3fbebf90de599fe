import { createServer, type Server } from 'node:https'
import { validateManifest } from '@sallyport/crds'
import Fastify, { type FastifyInstance } from 'fastify'
import type { AdmissionServer, Certificates, RoomContext } from '../rooms.ts'
import { recordRefusal } from './record-refusal.ts'
import { answerReview, parseReview, refusalMessage, type AdmissionAnswer, type AdmissionRequest } from './review.ts'
import { injectionSettings, placeOf } from './review-pod-place.ts'
import { reviewPod } from './review-pod.ts'
import { validateDatabase } from './validate-database.ts'
import { stampRequester, validateGrant } from './validate-grant.ts'

type Review = (request: AdmissionRequest) => AdmissionAnswer

/** Serves the webhooks over TLS; resolves when it listens. */
export async function startAdmission(
  context: RoomContext,
  certificates: Certificates,
  nowMs: () => number = Date.now,
): Promise<AdmissionServer> {
  const { metrics, events } = context
  const log = context.log.child({ component: 'admission' })
  const servers: Server[] = []
  let isDraining = false
  const app = Fastify({
    bodyLimit: 8 * 1024 * 1024,
    handlerTimeout: handlerTimeoutMs,
    // What comes while it closes is a pod somebody wants to create.
    return503OnClosing: false,
    serverFactory: (handler) => {
      const server = createServer({ ...certificates.current(), ...serverOptions }, handler)
      servers.push(server)
      return server
    },
  })
  app.addHook('onSend', async (_request, reply) => {
    if (isDraining) reply.header('connection', 'close')
  })
  certificates.subscribe(() => {
    for (const server of servers) server.setSecureContext({ ...certificates.current(), ...serverOptions })
  })
  for (const [path, review] of Object.entries(reviews(context, certificates, nowMs))) {
    addRoute(app, path, (request) => {
      const end = metrics.admissionSeconds.startTimer({ webhook: path })
      const answer = review(request)
      end()
      metrics.admissionReviews.inc({
        webhook: path,
        result: answer.kind === 'Allow' ? (answer.outcome ?? 'allowed') : answer.reason,
      })
      if (answer.kind === 'Refuse') {
        log.info({ webhook: path, namespace: request.namespace, user: request.username, reason: answer.reason }, 'refused') // prettier-ignore
        recordRefusal(events, request, refusalMessage(answer))
      }
      return answer
    })
  }
  app.setErrorHandler((err, _request, reply) => {
    log.error({ err }, 'a review failed')
    void reply.code(500).send({ error: 'internal' })
  })
  await app.listen(context.config.admission)
  const address = app.server.address()
  return {
    port: typeof address === 'object' && address ? address.port : 0,
    drain: () => {
      isDraining = true
    },
    close: () => app.close(),
  }
}

/** Below the `timeoutSeconds` the chart gives the webhooks: the API server hears why it fails. */
const handlerTimeoutMs = 4000

const serverOptions = {
  minVersion: 'TLSv1.2',
  // The API server lets a connection idle for 90 s; the side that closes first loses the other's next request.
  keepAliveTimeout: 95_000,
  headersTimeout: 30_000,
  requestTimeout: 30_000,
} as const

function addRoute(app: FastifyInstance, path: string, review: Review): void {
  app.post(`/${path}`, async (request, reply) => {
    const parsed = parseReview(request.body)
    if (!parsed) return reply.code(400).send({ error: 'no AdmissionReview of admission.k8s.io/v1' })
    return answerReview(parsed.uid, review(parsed))
  })
}

function reviews(
  context: RoomContext,
  certificates: Certificates,
  nowMs: () => number,
): Readonly<Record<string, Review>> {
  const { caches } = context
  const settings = injectionSettings(context, certificates)
  const namespaceLabels = (namespace: string): Readonly<Record<string, string>> | undefined =>
    caches.namespaces.get(namespace)?.metadata.labels
  return {
    'mutate-pods': (request) => reviewPod(request, (namespace) => placeOf(context, namespace), settings()),
    'mutate-access-grants': stampRequester,
    'validate-access-grants': (request) =>
      validateGrant(request, {
        database: (key) => caches.databases.get(key),
        namespaceLabels,
        hasPolicy: (namespace, name) => caches.accessPolicies.get(`${namespace}/${name}`) !== undefined,
        nowMs: nowMs(),
      }),
    'validate-databases': (request) => validateDatabase(request.object, caches.databases.list()),
    'validate-access-policies': ({ object }) => validateAlone(object, 'policy-invalid'),
  }
}

function validateAlone(object: unknown, reason: string): AdmissionAnswer {
  const problems = validateManifest(object)
  return problems.length > 0 ? { kind: 'Refuse', reason, problems } : { kind: 'Allow' }
}
