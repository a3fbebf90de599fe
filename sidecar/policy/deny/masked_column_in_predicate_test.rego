package sallyport_test

import rego.v1

test_masked_column_in_predicate_where if "masked-column-in-predicate" in reasons(with_statement({"columns": {"read": [], "derived": [], "predicate": ["public.customers.email"], "written": []}}))

test_not_masked_column_in_predicate_projected if not "masked-column-in-predicate" in reasons(with_statement({"columns": {"read": ["public.customers.email"], "derived": [], "predicate": [], "written": []}}))
