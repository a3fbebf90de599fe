/** The database of these tests, in a pod behind a Service, as its owner runs it; and what is in it. */
import type { Target } from './target.ts'

export const shopNamespace = 'prod'
export const shopHost = 'orders-db.prod.svc'
/** A second way into the same server, which no Database names. */
export const shopSecondPort = 6432
const superuser = 'shop-superuser'

const seed = `
CREATE DATABASE shop;
\\c shop
CREATE TABLE customers (id int PRIMARY KEY, name text NOT NULL, email text, ssn text);
INSERT INTO customers SELECT n, 'name ' || n, 'person' || n || '@example.com', lpad(n::text, 9, '0') FROM generate_series(1, 50) AS n;
CREATE TABLE orders (id int PRIMARY KEY, customer int, status text NOT NULL DEFAULT 'new');
INSERT INTO orders (id, customer) SELECT n, n FROM generate_series(1, 50) AS n;
CREATE TABLE ledger (id bigint PRIMARY KEY, at timestamptz NOT NULL DEFAULT clock_timestamp());
CREATE ROLE shop_app LOGIN PASSWORD 'shop-app-password';
GRANT SELECT, INSERT, UPDATE, DELETE ON ALL TABLES IN SCHEMA public TO shop_app;
`

/** Starts it and waits until it serves. */
export async function startShop(target: Target): Promise<void> {
  const labels = { app: 'orders-db' }
  await target.apply(
    { apiVersion: 'v1', kind: 'Namespace', metadata: { name: shopNamespace } },
    inShop('ConfigMap', 'orders-seed', { data: { 'seed.sql': seed } }),
    inShop('Deployment', 'orders-db', {
      apiVersion: 'apps/v1',
      spec: {
        selector: { matchLabels: labels },
        template: { metadata: { labels }, spec: podSpec(target) },
      },
    }),
    inShop('Service', 'orders-db', {
      spec: {
        selector: labels,
        ipFamilyPolicy: 'PreferDualStack',
        ports: [
          { name: 'postgres', port: 5432 },
          { name: 'second', port: shopSecondPort },
        ],
      },
    }),
  )
  await target.must(['rollout', 'status', 'deployment/orders-db', '-n', shopNamespace, '--timeout=120s'])
}

function podSpec(target: Target): object {
  return {
    terminationGracePeriodSeconds: 1,
    containers: [
      {
        name: 'postgres',
        image: target.images.postgres,
        imagePullPolicy: 'IfNotPresent',
        env: [
          { name: 'POSTGRES_PASSWORD', value: superuser },
          { name: 'SECOND_PORT', value: String(shopSecondPort) },
        ],
        readinessProbe: { tcpSocket: { port: 5432 }, periodSeconds: 1, initialDelaySeconds: 1 },
        volumeMounts: [
          { name: 'data', mountPath: '/var/lib/postgresql' },
          { name: 'seed', mountPath: '/docker-entrypoint-initdb.d' },
        ],
      },
    ],
    volumes: [
      { name: 'data', emptyDir: {} },
      { name: 'seed', configMap: { name: 'orders-seed' } },
    ],
  }
}

function inShop(kind: string, name: string, fields: object): object {
  return { apiVersion: 'v1', kind, metadata: { name, namespace: shopNamespace }, ...fields }
}

/** Runs SQL in the server's own pod as its superuser: what the tests know of the data does not come through Sallyport. */
export async function shopSql(target: Target, sql: string): Promise<string> {
  const args = ['exec', '-n', shopNamespace, 'deployment/orders-db', '-c', 'postgres', '--']
  const psql = ['psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-h', '/tmp', '-U', 'postgres', '-d', 'shop', '-c', sql]
  return (await target.must([...args, ...psql])).trim()
}
