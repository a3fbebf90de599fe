package sallyport_test

import rego.v1

test_uncovered_effect_another_relation if "uncovered-effect" in reasons(with_statement({"effects": [{"operation": "Select", "relation": "public.payments", "columns": ["id"], "where": "Filtered"}]}))

test_uncovered_effect_another_operation if "uncovered-effect" in reasons(with_statement({"effects": [{"operation": "Delete", "relation": "public.orders", "columns": [], "where": "Filtered"}]}))

test_uncovered_effect_another_column if "uncovered-effect" in reasons(with_statement({"effects": [{"operation": "Update", "relation": "public.orders", "columns": ["total"], "where": "Filtered"}]}))

test_uncovered_effect_row_lock_without_write if "uncovered-effect" in reasons(with_statement({"effects": [{"operation": "Update", "relation": "public.customers", "columns": [], "where": "Filtered"}], "tags": ["Locking"]}))

test_not_uncovered_effect_covered if not "uncovered-effect" in reasons(base)

test_not_uncovered_effect_its_column if not "uncovered-effect" in reasons(with_statement({"effects": [{"operation": "Update", "relation": "public.orders", "columns": ["status"], "where": "Filtered"}]}))

test_not_uncovered_effect_row_lock_of_what_may_be_updated if not "uncovered-effect" in reasons(with_statement({"effects": [{"operation": "Update", "relation": "public.orders", "columns": [], "where": "Filtered"}], "tags": ["Locking"]}))
