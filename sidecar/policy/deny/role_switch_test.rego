package sallyport_test

import rego.v1

test_role_switch_set_role if "role-switch" in reasons(with_statement({"settings": [{"name": "role", "value": "postgres", "opaque": false}]}))

test_role_switch_reset_role if "role-switch" in reasons(with_statement({"settings": [{"name": "role", "value": null, "opaque": false}]}))

test_not_role_switch_another_setting if not "role-switch" in reasons(with_statement({"settings": [{"name": "timezone", "value": "UTC", "opaque": false}]}))
