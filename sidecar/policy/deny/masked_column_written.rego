# The statement writes a masked column.
package sallyport

import rego.v1

deny contains {"reason": "masked-column-written", "object": column} if {
	some column in input.statement.columns.written
	is_masked(column)
}
