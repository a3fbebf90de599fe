import type { Tools } from './walk.ts'

/** Access ends by itself, and when somebody takes it away, in the middle of a statement. */
export async function endSteps(tools: Tools): Promise<void> {
  const { stage, apply, mustKubectl, plane, psql } = tools
  stage.step('a grant that ends in the middle of a statement')
  await mustKubectl('delete accessgrant refund-report -n agents')
  await apply('grant.yaml', rename('short', '3s'))
  await mustKubectl('wait -n agents --for=condition=Active accessgrant/short --timeout=10s')
  const expiresAt = (
    await plane.mustKubectl(['get', 'accessgrant', 'short', '-n', 'agents', '-o', 'jsonpath={.status.expiresAt}'])
  ).trim()
  const expired = await psql('SELECT pg_sleep(60)')
  const lateMs = Date.now() - Date.parse(expiresAt)
  stage.must(expired.code !== 0 && /grant-expired|no-active-grant/.test(expired.stderr), 'the session ends')
  stage.must(lateMs >= 0 && lateMs < 5000, `it ends at ${expiresAt}, not ${lateMs} ms after it`)
  stage.say(`expiresAt ${expiresAt}; psql was back ${lateMs} ms later, its own end included`)
  await mustKubectl('wait -n agents --for=condition=Expired accessgrant/short --timeout=10s')
  stage.step('a grant that is deleted in the middle of a session')
  await apply('grant.yaml', rename('second', '30m'))
  await mustKubectl('wait -n agents --for=condition=Active accessgrant/second --timeout=10s')
  const running = psql('SELECT pg_sleep(60)')
  await stage.until('the statement runs', async () => {
    const count = await tools.shop.postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(60)%' AND state = 'active' AND usename = 'shop_app'") // prettier-ignore
    return count === '0' ? null : count
  })
  const deletedMs = performance.now()
  await mustKubectl('delete accessgrant second -n agents --wait=false')
  const revoked = await running
  const tookMs = performance.now() - deletedMs
  stage.must(revoked.code !== 0 && /grant-revoked|no-active-grant/.test(revoked.stderr), 'the session ends')
  stage.say(`kubectl delete was called and the session dead within ${tookMs.toFixed(0)} ms`)
  const left = await stage.until('the server has ended the statement', async () => {
    const count = await tools.shop.postgres.sql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'shop_app'")
    return count === '0' ? count : null
  })
  stage.say(`sessions of shop_app that PostgreSQL has left: ${left}`)
}

function rename(name: string, duration: string): (text: string) => string {
  return (text) =>
    text
      .replace('name: refund-report', `name: ${name}`)
      .replace('duration: 30m', `duration: ${duration}`)
      .replace('  limits:', '  functions: [pg_catalog.pg_sleep]\n  limits:')
}
