package sallyport_test

import rego.v1

test_masked_column_written_written if "masked-column-written" in reasons(with_statement({"columns": {"read": [], "derived": [], "predicate": [], "written": ["public.customers.email"]}}))

test_not_masked_column_written_projected if not "masked-column-written" in reasons(with_statement({"columns": {"read": ["public.customers.email"], "derived": [], "predicate": [], "written": []}}))
