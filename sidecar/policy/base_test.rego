# What tests start from: one statement that is allowed.
package sallyport_test

import rego.v1

base := {
	"grant": {
		"namespace": "agents",
		"name": "report",
		"uid": "1",
		"revision": "sha256:0",
		"database": {"namespace": "agents", "name": "shop"},
		"activatedAtMs": 1000,
		"expiresAtMs": 2000,
		"reason": "test",
		"permissions": [
			{"operations": ["Select"], "relations": ["public.orders", "public.customers"]},
			{"operations": ["Update"], "relations": ["public.orders"], "columns": ["status"], "maxAffectedRows": 10},
		],
		"functions": ["public.refund_total"],
		"catalog": "Introspect",
		"limits": {"rowsPerStatement": 100},
	},
	"subject": {"namespace": "agents", "serviceAccount": "a", "pod": "p", "podUID": "u", "labels": {}},
	"database": {
		"namespace": "agents",
		"name": "shop",
		"engine": "PostgreSQL",
		"serverVersion": "18.1",
		"database": "shop",
		"sensitive": {"public.customers.email": "Redact", "public.customers.ssn": "Deny"},
	},
	"session": {"applicationName": "", "transaction": "Idle", "statements": 0, "rows": 0, "bytes": 0},
	"now": {"rfc3339": "1970-01-01T00:00:01.500Z", "unixMs": 1500, "hour": 0, "weekday": "Thursday"},
	"statement": {
		"kind": "SelectStmt",
		"span": {"start": 0, "end": 1},
		"effects": [{"operation": "Select", "relation": "public.orders", "columns": ["id"], "where": "Filtered"}],
		"functions": [],
		"settings": [],
		"columns": {"read": ["public.orders.id"], "derived": [], "predicate": [], "written": []},
		"outputs": null,
		"affectedRows": "None",
		"systemRelations": [],
		"readsData": true,
		"packsRows": false,
		"tags": [],
		"action": {"kind": "None"},
		"problems": [],
		"fingerprint": "0",
		"normalized": "",
		"digest": "sha256:0",
	},
}

# The base with parts of the statement replaced.
with_statement(parts) := object.union(base, {"statement": object.union(base.statement, parts)})

reasons(judged) := {denial.reason | some denial in data.sallyport.deny with input as judged}
