package sallyport_test

import rego.v1

test_unknown_object_found if "unknown-object" in reasons(with_statement({"problems": [{"reason": "unknown-object", "object": "x"}]}))

test_not_unknown_object_nothing_found if not "unknown-object" in reasons(base)
