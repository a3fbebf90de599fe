package sallyport_test

import rego.v1

test_unsupported_statement_found if "unsupported-statement" in reasons(with_statement({"problems": [{"reason": "unsupported-statement", "object": "x"}]}))

test_not_unsupported_statement_nothing_found if not "unsupported-statement" in reasons(base)
