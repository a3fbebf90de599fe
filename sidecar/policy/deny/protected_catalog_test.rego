package sallyport_test

import rego.v1

test_protected_catalog_never if "protected-catalog" in reasons(with_statement({"systemRelations": [{"name": "pg_catalog.pg_authid", "profile": "Never"}]}))

test_protected_catalog_dump_only if "protected-catalog" in reasons(with_statement({"systemRelations": [{"name": "pg_catalog.pg_largeobject_metadata", "profile": "Dump"}]}))

test_not_protected_catalog_introspect if not "protected-catalog" in reasons(with_statement({"systemRelations": [{"name": "pg_catalog.pg_class", "profile": "Introspect"}]}))
