/**
 * What every container of ours runs as. All is said here: a pod's own securityContext counts where a container's says
 * nothing.
 * @param uid  user and group.
 * @param capabilities  kept of all there are.
 */
export function hardened(uid: number, capabilities: readonly string[] = []): Readonly<Record<string, unknown>> {
  return {
    runAsUser: uid,
    runAsGroup: uid,
    runAsNonRoot: uid !== 0,
    readOnlyRootFilesystem: true,
    allowPrivilegeEscalation: false,
    capabilities: { drop: ['ALL'], ...(capabilities.length > 0 ? { add: [...capabilities] } : {}) },
    seccompProfile: { type: 'RuntimeDefault' },
  }
}

/** How a container's end is told, as the API server would fill it in. */
export const termination = {
  terminationMessagePath: '/dev/termination-log',
  terminationMessagePolicy: 'FallbackToLogsOnError',
} as const
