# Functions off the reviewed list need to be named in the grant; procedures may be covered by Call instead.
package sallyport

import rego.v1

deny contains {"reason": "function-not-listed", "object": used.name} if {
	some used in input.statement.functions
	not used.listed
	not used.name in input.grant.functions
	not callable(used.name)
	not of_dump(used.name)
}

# Where sequences stand: pg_dump of PostgreSQL 18 asks for all that the login may read.
of_dump("pg_catalog.pg_get_sequence_data") if input.grant.catalog == "Dump"

callable(name) if {
	some effect in input.statement.effects
	effect.operation == "Call"
	effect.relation == name
	covered(effect)
}
