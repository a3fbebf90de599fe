/** A team's namespace, enrolled: the Database, a policy, grants, and agents that know nothing of Sallyport. */
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { shopHost } from './shop.ts'
import type { Target } from './target.ts'

export type Mode = 'Local' | 'Redirect'

const script = (name: string): string => readFileSync(join(import.meta.dirname, 'agent', name), 'utf8')
const scripts = ['query.mjs', 'dial.mjs', 'on-term.mjs', 'insert-forever.mjs']
const api = 'sallyport.dev/v1alpha1'

/** The namespace itself with its scripts; nothing of Sallyport's kinds. */
export async function makeNamespace(target: Target, namespace: string, mode: Mode): Promise<void> {
  await target.apply(
    {
      apiVersion: 'v1',
      kind: 'Namespace',
      metadata: {
        name: namespace,
        labels: { 'sallyport.dev/inject': 'enabled' },
        ...(mode === 'Redirect' ? { annotations: { 'sallyport.dev/interception': 'Redirect' } } : {}),
      },
    },
    object(namespace, 'ServiceAccount', 'report-agent', {}),
    object(namespace, 'ConfigMap', 'scripts', {
      data: Object.fromEntries(scripts.map((name) => [name, script(name)])),
    }),
  )
}

/** Login, Database and policy, as the data's owner and the team apply them. */
export async function makeDatabase(target: Target, namespace: string): Promise<void> {
  await target.apply(
    object(namespace, 'Secret', 'orders-login', {
      stringData: { username: 'shop_app', password: 'shop-app-password' },
    }),
    object(namespace, 'Database', 'orders', {
      apiVersion: api,
      spec: {
        engine: 'PostgreSQL',
        host: shopHost,
        port: 5432,
        localPort: 15432,
        databases: ['shop'],
        tls: { mode: 'Disable' },
        credentials: { static: { secretRef: { name: 'orders-login' } } },
        sensitive: [{ columns: ['public.customers.email', 'public.customers.ssn'], class: 'PII', mask: 'Partial' }],
      },
    }),
    object(namespace, 'AccessPolicy', 'no-comparison-of-names', {
      apiVersion: api,
      spec: {
        rego: `package policy
import rego.v1
deny contains {"rule": "no-name-search", "message": "customers may not be searched by name"} if {
  "public.customers.name" in input.statement.columns.predicate
}
`,
      },
    }),
  )
  const both = ['database/orders', 'accesspolicy/no-comparison-of-names']
  await target.must(['wait', '-n', namespace, '--for=condition=Ready', ...both, '--timeout=60s'])
}

export interface GrantOptions {
  readonly duration?: string
  readonly permissions?: readonly object[]
  readonly functions?: readonly string[]
}

/** Applies a grant for the agents and waits until it is Active. */
export async function giveGrant(
  target: Target,
  namespace: string,
  name: string,
  options: GrantOptions = {},
): Promise<void> {
  const { duration = '1h', permissions = readOnly, functions = [] } = options
  await target.apply(
    object(namespace, 'AccessGrant', name, {
      apiVersion: api,
      spec: {
        subject: { serviceAccountName: 'report-agent' },
        databaseRef: { name: 'orders' },
        reason: 'an end-to-end test',
        duration,
        permissions,
        ...(functions.length > 0 ? { functions } : {}),
      },
    }),
  )
  await target.must(['wait', '-n', namespace, '--for=condition=Active', `accessgrant/${name}`, '--timeout=30s'])
}

const readOnly = [{ operations: ['Select'], relations: ['public.customers', 'public.orders'] }]

/** Ends a grant. */
export async function endGrant(target: Target, namespace: string, name: string): Promise<void> {
  await target.must(['delete', 'accessgrant', name, '-n', namespace])
}

export interface AgentOptions {
  readonly command?: readonly string[]
  readonly graceSeconds?: number
  readonly restartPolicy?: 'Always' | 'Never'
  readonly labels?: Readonly<Record<string, string>>
  /** Fields of the pod's spec. */
  readonly spec?: object
}

/** Spec of an agent's pod: what its developer writes, restricted as Redirect asks for it. */
export function agentPod(target: Target, options: AgentOptions = {}): object {
  const { command = ['sleep', '1000000'], graceSeconds = 1, restartPolicy = 'Always', labels, spec } = options
  return {
    metadata: { labels: { app: 'report', ...labels } },
    spec: {
      serviceAccountName: 'report-agent',
      terminationGracePeriodSeconds: graceSeconds,
      restartPolicy,
      securityContext: { runAsNonRoot: true, runAsUser: 1000, seccompProfile: { type: 'RuntimeDefault' } },
      containers: [
        {
          name: 'agent',
          image: target.images.app,
          imagePullPolicy: 'IfNotPresent',
          command,
          securityContext: { allowPrivilegeEscalation: false, capabilities: { drop: ['ALL'] } },
          volumeMounts: [{ name: 'scripts', mountPath: '/scripts' }],
        },
      ],
      volumes: [{ name: 'scripts', configMap: { name: 'scripts' } }],
      ...spec,
    },
  }
}

/** A Deployment of agents. */
export function agentDeployment(target: Target, namespace: string, name: string, options: AgentOptions = {}): object {
  const labels = { app: 'report', agent: name }
  const template = agentPod(target, { ...options, labels })
  return object(namespace, 'Deployment', name, {
    apiVersion: 'apps/v1',
    spec: { selector: { matchLabels: labels }, template },
  })
}

/** Any object of the namespace. */
export function object(namespace: string, kind: string, name: string, fields: object): object {
  return { apiVersion: 'v1', kind, metadata: { name, namespace }, ...fields }
}
