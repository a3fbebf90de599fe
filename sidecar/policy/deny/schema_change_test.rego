package sallyport_test

import rego.v1

test_schema_change_drop if "schema-change" in reasons(with_statement({"effects": [{"operation": "Drop", "relation": "public.orders", "columns": [], "where": "Filtered"}]}))

test_not_schema_change_reading if not "schema-change" in reasons(base)
