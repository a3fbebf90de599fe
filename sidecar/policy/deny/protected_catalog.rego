# System relations are opened by `catalog` of the grant, not by permissions.
package sallyport

import rego.v1

open_profiles := {"None": set(), "Introspect": {"Introspect"}, "Dump": {"Introspect", "Dump"}}

deny contains {"reason": "protected-catalog", "object": relation.name} if {
	some relation in input.statement.systemRelations
	not relation.profile in open_profiles[input.grant.catalog]
}

deny contains problem if {
	some problem in input.statement.problems
	problem.reason == "protected-catalog"
}
