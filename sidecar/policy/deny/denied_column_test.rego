package sallyport_test

import rego.v1

test_denied_column_read if "denied-column" in reasons(with_statement({"columns": {"read": ["public.customers.ssn"], "derived": [], "predicate": [], "written": []}}))

test_denied_column_written if "denied-column" in reasons(with_statement({"columns": {"read": [], "derived": [], "predicate": [], "written": ["public.customers.ssn"]}}))

test_not_denied_column_masked if not "denied-column" in reasons(with_statement({"columns": {"read": ["public.customers.email"], "derived": [], "predicate": [], "written": []}}))
