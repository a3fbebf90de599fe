# Functions off the reviewed list need to be named in the grant; procedures may be covered by Call instead.
package sallyport

import rego.v1

deny contains {"reason": "function-not-listed", "object": used.name} if {
	some used in input.statement.functions
	not used.listed
	not used.name in input.grant.functions
	not callable(used.name)
}

callable(name) if {
	some effect in input.statement.effects
	effect.operation == "Call"
	effect.relation == name
	covered(effect)
}
