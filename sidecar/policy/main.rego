# The built-in guardrails. Each reason has a file of its own in deny/, which adds to `deny`.
package sallyport

import rego.v1

# What a sidecar asks for: every refusal, and the limits that hold if there is none.
decision := {
	"deny": [denial | some denial in deny],
	"masks": [mask | some mask in masks],
	"maxAffectedRows": max_affected_rows,
}

# Whatever the analysis could not stand for is refused under its own reason, known here or not.
deny contains problem if some problem in input.statement.problems

# Columns of the statement that arrive masked.
masks contains {"column": column, "mask": mask} if {
	some column in input.statement.columns.read
	mask := input.database.sensitive[column]
	mask != "Deny"
}

default max_affected_rows := null

max_affected_rows := min(affected_row_limits) if count(affected_row_limits) > 0

# The smallest of all permissions that cover a write of the statement, even in part.
affected_row_limits contains permission.maxAffectedRows if {
	some effect in input.statement.effects
	effect.operation in writes
	some permission in input.grant.permissions
	grants_operation(permission, effect)
	names_relation(permission, effect.relation)
}
