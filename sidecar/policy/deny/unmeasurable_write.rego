# A write whose rows no command tag tells cannot be held to a limit of affected rows.
package sallyport

import rego.v1

deny contains {"reason": "unmeasurable-write", "object": object} if {
	input.statement.affectedRows == "Unmeasurable"
	affected_rows_limited
	object := input.statement.kind
}

affected_rows_limited if max_affected_rows != null

affected_rows_limited if input.grant.limits.affectedRowsPerTransaction >= 0
