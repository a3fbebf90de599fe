/**
 * Texts of the server that could quote values of masked columns (DETAIL of a unique violation, the text of a cast error,
 * RAISE NOTICE). Kept are what names things and never holds values: severity, SQLSTATE, positions, names of schema, table,
 * column, type and constraint; and messages of the classes whose texts name objects only.
 */
const quotingClasses = new Set(['21', '22', '23', '44', 'P0', 'XX', 'HV', '01', '02', '00'])
const keptFields = new Set(['S', 'V', 'C', 'P', 's', 't', 'c', 'd', 'n', 'R'])

/** @returns the message of type `tag` ('E' or 'N') with what could quote a value taken out. */
export function scrubbed(tag: number, fields: ReadonlyMap<string, string>): Buffer {
  const sqlstate = fields.get('C') ?? 'XX000'
  const parts: string[] = []
  for (const [key, value] of fields) if (keptFields.has(key)) parts.push(`${key}${value}\0`)
  const quotes = quotingClasses.has(sqlstate.slice(0, 2))
  parts.push(
    `M${quotes ? `text withheld, it could quote a masked value (SQLSTATE ${sqlstate})` : (fields.get('M') ?? '')}\0`,
  )
  return fieldsFrame(tag, parts.join(''))
}

function fieldsFrame(tag: number, body: string): Buffer {
  const length = Buffer.byteLength(body)
  const frame = Buffer.allocUnsafe(length + 6)
  frame.writeUInt8(tag, 0)
  frame.writeInt32BE(length + 5, 1)
  frame.write(body, 5)
  frame.writeUInt8(0, length + 5)
  return frame
}
