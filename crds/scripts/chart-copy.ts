const header = '{{- /* Generated from the CRDs by make generate; do not edit. */ -}}'

const keep = `  {{- if .Values.crds.keep }}
  annotations:
    # With its kind every grant and every audit record would go.
    helm.sh/resource-policy: keep
  {{- end }}`

/** A CRD as a template of the chart: switched by values, kept on uninstall, its own braces literal. */
export function chartCopy(text: string): string {
  const literal = text.replaceAll('{{', '{{ "{{" }}').trimEnd()
  const [before, after] = splitAfter(literal, /^metadata:\n {2}name: .*\n/m)
  return `${header}\n{{- if .Values.crds.enabled }}\n${before}${keep}\n${after}\n{{- end }}\n`
}

function splitAfter(text: string, pattern: RegExp): readonly [string, string] {
  const match = pattern.exec(text)
  if (!match) throw new RangeError('a CRD must begin with metadata and its name')
  const at = match.index + match[0].length
  return [text.slice(0, at), text.slice(at)]
}
