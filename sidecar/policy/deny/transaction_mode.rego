# Transaction control that widens access or outlives the session.
package sallyport

import rego.v1

deny contains problem if {
	some problem in input.statement.problems
	problem.reason == "transaction-mode"
}

# READ WRITE under a grant that only reads. The servers' defaults need no statement.
deny contains {"reason": "transaction-mode", "object": "READ WRITE"} if {
	some setting in input.statement.settings
	setting.name in {"transaction_read_only", "default_transaction_read_only"}
	not is_true(setting)
	not may_write
	not is_reset(setting)
}

is_true(setting) if lower(setting.value) in {"on", "true", "yes", "1"}

is_reset(setting) if {
	setting.value == null
	not setting.opaque
}
