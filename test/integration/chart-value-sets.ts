import { join } from 'node:path'
import { chartFolder } from '../rig/chart.ts'

const everything = {
  imagePullSecrets: [{ name: 'login' }],
  commonLabels: { team: 'data' },
  webhook: {
    podAnnotations: { 'example.com/a': 'b' },
    podLabels: { tier: 'admission' },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ key: 'dedicated', operator: 'Exists', effect: 'NoSchedule' }],
    affinity: { nodeAffinity: { preferredDuringSchedulingIgnoredDuringExecution: [] } },
    podDisruptionBudget: { maxUnavailable: '30%' },
    serviceAccount: { annotations: { 'example.com/role': 'none' } },
    extraArgs: ['--log-level=debug'],
  },
  controller: {
    priorityClassName: 'system-cluster-critical',
    podAnnotations: { 'example.com/a': 'b' },
    nodeSelector: { 'kubernetes.io/os': 'linux' },
    tolerations: [{ operator: 'Exists' }],
    extraDnsNames: ['10.0.0.7', 'other.example'],
    url: 'https://sallyport.example:8443',
  },
  persistence: { enabled: true, storageClassName: 'fast' },
  certificates: { source: 'CertManager' },
  rbac: { databaseNamespaces: ['default'] },
  networkPolicy: {
    enabled: true,
    webhookFrom: [{ ipBlock: { cidr: '10.0.0.0/8' } }],
    metricsFrom: [{ namespaceSelector: { matchLabels: { 'kubernetes.io/metadata.name': 'monitoring' } } }],
  },
  serviceMonitor: { enabled: true, labels: { release: 'prometheus' } },
  extraObjects: [{ apiVersion: 'v1', kind: 'ConfigMap', metadata: { name: '{{ .Release.Name }}-mine' } }],
}

/** Flags of helm for each way of using the chart that its tests go through. */
export const valueSets = {
  'no values': [],
  HA: [`--values=${join(chartFolder, 'values-ha.yaml')}`],
  'everything on': Object.entries(everything).map(([key, value]) => `--set-json=${key}=${JSON.stringify(value)}`),
  'a Secret of the user': ['--set=certificates.source=Secret,certificates.secretName=mine'],
  'persistence and network policies': ['--set=persistence.enabled=true,networkPolicy.enabled=true'],
  'a webhook on the node': ['--set=webhook.hostNetwork=true,webhook.port=10260'],
} satisfies Readonly<Record<string, readonly string[]>>
