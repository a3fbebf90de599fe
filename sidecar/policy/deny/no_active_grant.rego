# The grant is not in force at the instant of the judgement.
package sallyport

import rego.v1

deny contains {"reason": "no-active-grant", "object": object} if {
	not grant_in_force
	object := concat("/", [input.database.namespace, input.database.name])
}

grant_in_force if {
	input.grant.activatedAtMs <= input.now.unixMs
	input.now.unixMs < input.grant.expiresAtMs
}
