/** A row that does not have the shape its masks were planned for. */
export class MaskError extends Error {
  readonly code: 'column-count' | 'malformed-row'

  constructor(code: MaskError['code']) {
    super(code === 'column-count' ? 'the row has another number of columns than planned' : 'the row is malformed')
    this.name = 'MaskError'
    this.code = code
  }
}
