# A column under `mask: Deny` may appear nowhere.
package sallyport

import rego.v1

deny contains {"reason": "denied-column", "object": column} if {
	some use in ["read", "derived", "predicate", "written"]
	some column in input.statement.columns[use]
	input.database.sensitive[column] == "Deny"
}
