/**
 * From nothing to nothing on a real cluster: helm install, agents in both modes, every way around, upgrades, uninstall.
 * The order is part of it: each part works with what the ones before it made.
 */
import { beforeAll, describe, inject } from 'vitest'
import { describeBypass } from './bypass.ts'
import { describeJourney } from './journey.ts'
import { describeLifecycle } from './lifecycle.ts'
import { installRelease } from './release.ts'
import { startShop } from './shop.ts'
import { openTarget, type Target } from './target.ts'
import { describeUpgrade, makeEarlyPod } from './upgrade.ts'

describe('sallyport on a cluster', () => {
  let target: Target

  beforeAll(async () => {
    target = openTarget(inject('e2eTarget'))
    const shop = startShop(target)
    await makeEarlyPod(target)
    const startedMs = performance.now()
    await installRelease(target)
    console.log(`helm install --wait: ${Math.round(performance.now() - startedMs)} ms`)
    await shop
  })

  const targetOf = (): Target => target
  describeJourney(targetOf, 'Local')
  describeJourney(targetOf, 'Redirect')
  describeBypass(targetOf, 'Local')
  describeBypass(targetOf, 'Redirect')
  describeLifecycle(targetOf)
  describeUpgrade(targetOf)
})
