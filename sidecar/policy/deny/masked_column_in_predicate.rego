# The value of a masked column decides which rows come, in what order or grouping: an oracle.
package sallyport

import rego.v1

deny contains {"reason": "masked-column-in-predicate", "object": column} if {
	some column in input.statement.columns.predicate
	is_masked(column)
}
