# Deny by default: an effect that no permission covers is refused.
package sallyport

import rego.v1

deny contains {"reason": "uncovered-effect", "object": object} if {
	some effect in input.statement.effects
	not effect.operation in schema_changes
	not covered(effect)
	object := concat(" ", [effect.operation, effect.relation])
}
