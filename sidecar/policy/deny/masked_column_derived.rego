# A masked column inside an expression, an aggregate or a whole-row reference: the mask could not be put on its value.
package sallyport

import rego.v1

deny contains {"reason": "masked-column-derived", "object": column} if {
	some column in input.statement.columns.derived
	is_masked(column)
}

is_masked(column) if input.database.sensitive[column] != "Deny"
