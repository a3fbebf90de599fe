package sallyport_test

import rego.v1

test_unparseable_statement_found if "unparseable-statement" in reasons(with_statement({"problems": [{"reason": "unparseable-statement", "object": "x"}]}))

test_not_unparseable_statement_nothing_found if not "unparseable-statement" in reasons(base)
