package sallyport_test

import rego.v1

test_setting_not_listed_unknown if "setting-not-listed" in reasons(with_statement({"settings": [{"name": "session_replication_role", "value": "replica", "opaque": false}]}))

test_setting_not_listed_not_literal if "setting-not-listed" in reasons(with_statement({"settings": [{"name": "all", "value": null, "opaque": true}]}))

test_setting_not_listed_other_schema if "setting-not-listed" in reasons(with_statement({"settings": [{"name": "search_path", "value": "vault", "opaque": false}]}))

test_setting_not_listed_debug_output if "setting-not-listed" in reasons(with_statement({"settings": [{"name": "client_min_messages", "value": "debug1", "opaque": false}]}))

test_not_setting_not_listed_time_zone if not "setting-not-listed" in reasons(with_statement({"settings": [{"name": "timezone", "value": "UTC", "opaque": false}]}))

test_not_setting_not_listed_granted_schema if not "setting-not-listed" in reasons(with_statement({"settings": [{"name": "search_path", "value": "public, pg_catalog", "opaque": false}]}))

test_not_setting_not_listed_reset_all if not "setting-not-listed" in reasons(with_statement({"settings": [{"name": "all", "value": null, "opaque": false}]}))
