package sallyport_test

import rego.v1

test_unbounded_write_no_where if "unbounded-write" in reasons(with_statement({"effects": [{"operation": "Update", "relation": "public.orders", "columns": ["status"], "where": "None"}]}))

test_unbounded_write_tautology if "unbounded-write" in reasons(with_statement({"effects": [{"operation": "Delete", "relation": "public.orders", "columns": [], "where": "Tautology"}]}))

test_not_unbounded_write_filtered if not "unbounded-write" in reasons(with_statement({"effects": [{"operation": "Update", "relation": "public.orders", "columns": ["status"], "where": "Filtered"}]}))
