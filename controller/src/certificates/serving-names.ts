import type { ControllerConfig } from '../config.ts'

type Naming = Pick<ControllerConfig, 'serviceName' | 'webhookServiceName' | 'namespace' | 'extraDnsNames' | 'controllerUrl'> // prettier-ignore

/** Names the API server and sidecars dial: a certificate that is not good for all of them is of no use. */
export function dialledNames(config: Naming): readonly string[] {
  const { webhookServiceName, namespace, extraDnsNames, controllerUrl } = config
  const host = new URL(controllerUrl).hostname.replace(/^\[|\]$/g, '')
  return [...new Set([`${webhookServiceName}.${namespace}.svc`, host, ...extraDnsNames])]
}

/** Names in a certificate of our own: those dialled, and every other way to write the two Services. */
export function ownNames(config: Naming): readonly string[] {
  const services = [config.serviceName, config.webhookServiceName].map((name) => `${name}.${config.namespace}`)
  const spellings = services.flatMap((service) => [`${service}.svc`, `${service}.svc.cluster.local`, service])
  return [...new Set([...spellings, ...dialledNames(config)])]
}
