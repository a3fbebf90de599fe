package sallyport_test

import rego.v1

test_transaction_mode_found if "transaction-mode" in reasons(with_statement({"problems": [{"reason": "transaction-mode", "object": "PREPARE"}]}))

test_transaction_mode_read_write_when_reading_only if "transaction-mode" in reasons(object.union(with_statement({"settings": [{"name": "transaction_read_only", "value": "off", "opaque": false}]}), {"grant": object.union(base.grant, {"permissions": [base.grant.permissions[0]]})}))

test_not_transaction_mode_read_only if not "transaction-mode" in reasons(with_statement({"settings": [{"name": "transaction_read_only", "value": "on", "opaque": false}]}))

test_not_transaction_mode_read_write_when_writing if not "transaction-mode" in reasons(with_statement({"settings": [{"name": "transaction_read_only", "value": "off", "opaque": false}]}))
