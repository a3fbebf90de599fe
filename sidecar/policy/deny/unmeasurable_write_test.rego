package sallyport_test

import rego.v1

test_unmeasurable_write_under_a_limit if "unmeasurable-write" in reasons(with_statement({"effects": [{"operation": "Update", "relation": "public.orders", "columns": ["status"], "where": "Filtered"}], "affectedRows": "Unmeasurable"}))

test_not_unmeasurable_write_counted if not "unmeasurable-write" in reasons(with_statement({"effects": [{"operation": "Update", "relation": "public.orders", "columns": ["status"], "where": "Filtered"}], "affectedRows": "Counters"}))
