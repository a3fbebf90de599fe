# Settings a client may change, and what to; every other one is refused.
package sallyport

import rego.v1

deny contains {"reason": "setting-not-listed", "object": setting.name} if {
	some setting in input.statement.settings
	not setting.name in role_settings
	not setting_allowed(setting)
}

deny contains problem if {
	some problem in input.statement.problems
	problem.reason == "setting-not-listed"
}

# Formatting, and time-outs: those of the grant are kept by the sidecar itself, whatever the server's are.
free_settings := {
	"application_name",
	"bytea_output",
	"datestyle",
	"default_transaction_deferrable",
	"default_transaction_isolation",
	"default_transaction_read_only",
	"extra_float_digits",
	"idle_session_timeout",
	"intervalstyle",
	"lock_timeout",
	"statement_timeout",
	"timezone",
	"transaction_deferrable",
	"transaction_isolation",
	"transaction_read_only",
	"transaction_timeout",
}

# The server keeps this one for the sidecar: it may be made shorter, not longer or endless.
setting_allowed(setting) if {
	setting.name == "idle_in_transaction_session_timeout"
	not input.grant.limits.idleInTransactionMs
}

setting_allowed(setting) if {
	setting.name == "idle_in_transaction_session_timeout"
	regex.match(`^[1-9][0-9]{0,9}$`, setting.value)
	to_number(setting.value) <= input.grant.limits.idleInTransactionMs
}

dump_settings := {"quote_all_identifiers", "restrict_nonsystem_relation_kind", "row_security", "synchronize_seqscans"}

setting_allowed(setting) if setting.name in free_settings

setting_allowed(setting) if is_reset(setting)

setting_allowed(setting) if {
	input.grant.catalog == "Dump"
	setting.name in dump_settings
}

setting_allowed(setting) if {
	setting.name == "standard_conforming_strings"
	is_true(setting)
}

setting_allowed(setting) if {
	setting.name in {"client_encoding", "names"}
	lower(setting.value) in {"utf8", "utf-8", "unicode"}
}

# Debug output names what no result would show.
setting_allowed(setting) if {
	setting.name == "client_min_messages"
	lower(setting.value) in {"notice", "warning", "error", "log"}
}

setting_allowed(setting) if {
	setting.name == "search_path"
	not setting.opaque
	every part in split(setting.value, ",") {
		path_schema_allowed(trim(part, " \t\n\""))
	}
}

path_schema_allowed(schema) if schema in granted_schemas

path_schema_allowed(schema) if schema in {"", "$user", "pg_catalog"}
