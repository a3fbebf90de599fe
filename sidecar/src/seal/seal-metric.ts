import { Gauge, type Registry } from 'prom-client'
import type { SidecarSeal } from '@sallyport/crds'

/** @returns how to show a seal. */
export function sealMetric(registry: Registry): (seal: SidecarSeal) => void {
  const gauge = new Gauge({
    name: 'sallyport_seal',
    help: 'What the last probe of the way around the sidecar found: 1 for the mode and reason that hold now',
    labelNames: ['mode', 'reason'],
    registers: [registry],
  })
  return ({ mode, reason }) => {
    gauge.reset()
    gauge.set({ mode, reason }, 1)
  }
}
