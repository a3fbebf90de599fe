import { sidecarTokenAudience, type InterceptionMode } from '@sallyport/crds'
import { names } from './names.ts'
import type { Volume } from './pod.ts'

/** Token and spool are mounted in the sidecar only, the state of `Redirect` in containers of ours only. */
export function sidecarVolumes(mode: InterceptionMode): readonly Volume[] {
  const token = { audience: sidecarTokenAudience, expirationSeconds: 3600, path: 'token' }
  return [
    { name: names.token, projected: { defaultMode: 0o644, sources: [{ serviceAccountToken: token }] } },
    { name: names.spool, emptyDir: { sizeLimit: '128Mi' } },
    ...(mode === 'Redirect' ? [{ name: names.state, emptyDir: { sizeLimit: '1Mi' } }] : []),
  ]
}
