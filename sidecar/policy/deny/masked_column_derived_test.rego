package sallyport_test

import rego.v1

test_masked_column_derived_in_an_expression if "masked-column-derived" in reasons(with_statement({"columns": {"read": [], "derived": ["public.customers.email"], "predicate": [], "written": []}}))

test_not_masked_column_derived_projected if not "masked-column-derived" in reasons(with_statement({"columns": {"read": ["public.customers.email"], "derived": [], "predicate": [], "written": []}}))
