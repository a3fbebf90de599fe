# Which effects the permissions of the grant cover.
package sallyport

import rego.v1

writes := {"Insert", "Update", "Delete", "Merge", "Truncate", "CopyIn"}

schema_changes := {"Create", "Alter", "Drop"}

covered(effect) if {
	count(effect.columns) == 0
	some permission in input.grant.permissions
	covers_operation(permission, effect)
}

covered(effect) if {
	count(effect.columns) > 0
	every column in effect.columns {
		some permission in input.grant.permissions
		covers_operation(permission, effect)
		names_column(permission, column)
	}
}

covers_operation(permission, effect) if {
	grants_operation(permission, effect)
	names_relation(permission, effect.relation)
}

grants_operation(permission, effect) if effect.operation in permission.operations

# MERGE is what its branches do.
grants_operation(permission, effect) if {
	input.statement.kind == "MergeStmt"
	"Merge" in permission.operations
	effect.operation in {"Insert", "Update", "Delete"}
}

# COPY OUT of what may be selected is what a dump needs.
grants_operation(permission, effect) if {
	effect.operation == "CopyOut"
	input.grant.catalog == "Dump"
	"Select" in permission.operations
}

# A dump locks what it reads.
grants_operation(permission, effect) if {
	effect.operation == "Lock"
	"AccessShare" in input.statement.tags
	input.grant.catalog == "Dump"
	"Select" in permission.operations
}

# FOR UPDATE and FOR NO KEY UPDATE lock what may be updated or deleted.
grants_operation(permission, effect) if {
	locks_rows(effect)
	effect.operation == "Update"
	"Delete" in permission.operations
}

# FOR SHARE and FOR KEY SHARE.
grants_operation(permission, effect) if {
	locks_rows(effect)
	effect.operation == "Lock"
	some operation in permission.operations
	operation in {"Insert", "Update", "Delete"}
}

locks_rows(effect) if {
	input.statement.kind != "LockStmt"
	"Locking" in input.statement.tags
	count(effect.columns) == 0
}

names_relation(permission, relation) if relation in permission.relations

names_relation(permission, relation) if {
	schema := split(relation, ".")[0]
	concat("", [schema, ".*"]) in permission.relations
}

names_column(permission, _) if not permission.columns

names_column(permission, column) if column in permission.columns

may_write if {
	some permission in input.grant.permissions
	some operation in permission.operations
	operation in ((writes | schema_changes) | {"Call"})
}

granted_schemas contains split(relation, ".")[0] if {
	some permission in input.grant.permissions
	some relation in permission.relations
}
