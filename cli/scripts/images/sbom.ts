import { Contrib, Enums, Models, Serialize, Spec } from '@cyclonedx/cyclonedx-library'
import { PackageURL } from 'packageurl-js'
import parseExpression from 'spdx-expression-parse'
import { sortParts, type Part } from './part.ts'

export interface SbomSubject {
  readonly name: string
  readonly version: string
  /** `sha256:…` of the image's manifest. */
  readonly digest: string
  readonly created: Date
}

const licenses = new Contrib.License.Factories.LicenseFactory(parseExpression)

/**
 * The bill of materials of an image as CycloneDX 1.6 JSON. The same parts give the same bytes: it has no serial number,
 * and its time is the image's.
 */
export function planSbom(subject: SbomSubject, parts: readonly Part[]): string {
  const bom = new Models.Bom()
  const image = new Models.Component(Enums.ComponentType.Container, subject.name, {
    bomRef: subject.name,
    version: subject.version,
    hashes: new Models.HashDictionary([[Enums.HashAlgorithm['SHA-256'], subject.digest.replace('sha256:', '')]]),
    licenses: licensesOf('Apache-2.0'),
  })
  bom.metadata.component = image
  bom.metadata.timestamp = subject.created
  for (const component of sortParts(parts).map(componentOf)) {
    bom.components.add(component)
    image.dependencies.add(component.bomRef)
  }
  const normalizers = new Serialize.JSON.Normalize.Factory(Spec.Spec1dot6)
  return `${new Serialize.JsonSerializer(normalizers).serialize(bom, { sortLists: true, space: 2 })}\n`
}

function componentOf(part: Part): Models.Component {
  switch (part.kind) {
    case 'npm': {
      const [name = '', scope] = part.name.split('/').reverse()
      const purl = new PackageURL('npm', scope, name, part.version, undefined, undefined)
      return library(part, purl, part.license === null ? {} : { licenses: licensesOf(part.license) })
    }
    case 'deb': {
      const qualifiers = { arch: part.arch, distro: part.distro }
      return library(
        part,
        new PackageURL('deb', part.distro.split('-')[0], part.name, part.version, qualifiers, undefined),
      )
    }
    case 'go': {
      const slash = part.name.lastIndexOf('/')
      const namespace = slash === -1 ? undefined : part.name.slice(0, slash)
      return library(part, new PackageURL('golang', namespace, part.name.slice(slash + 1), part.version, undefined, undefined)) // prettier-ignore
    }
    case 'node':
      return nodeComponent(part)
  }
}

function nodeComponent({ version, contains }: Extract<Part, { readonly kind: 'node' }>): Models.Component {
  const purl = new PackageURL('generic', undefined, 'node', version, undefined, undefined).toString()
  const components = Object.entries(contains).map(([name, itsVersion]) => {
    const its = new PackageURL('generic', undefined, name, itsVersion, undefined, undefined).toString()
    return new Models.Component(Enums.ComponentType.Library, name, { bomRef: `${purl}#${name}`, version: itsVersion, purl: its }) // prettier-ignore
  })
  return new Models.Component(Enums.ComponentType.Platform, 'node', {
    bomRef: purl,
    version,
    purl,
    cpe: `cpe:2.3:a:nodejs:node.js:${version}:*:*:*:*:*:*:*`,
    licenses: licensesOf('MIT'),
    components: new Models.ComponentRepository(components),
  })
}

function library(
  { name, version }: { readonly name: string; readonly version: string },
  purl: PackageURL,
  properties: Models.OptionalComponentProperties = {},
): Models.Component {
  const text = purl.toString()
  return new Models.Component(Enums.ComponentType.Library, name, { bomRef: text, version, purl: text, ...properties })
}

function licensesOf(expression: string): Models.LicenseRepository {
  return new Models.LicenseRepository([licenses.makeFromString(expression)])
}
