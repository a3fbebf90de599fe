# Statements that change the schema need the operations Create, Alter or Drop; some forms are refused always.
package sallyport

import rego.v1

deny contains {"reason": "schema-change", "object": object} if {
	some effect in input.statement.effects
	effect.operation in schema_changes
	not covered(effect)
	object := concat(" ", [effect.operation, effect.relation])
}

deny contains problem if {
	some problem in input.statement.problems
	problem.reason == "schema-change"
}
