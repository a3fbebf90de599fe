package sallyport_test

import rego.v1

test_function_not_listed_unlisted if "function-not-listed" in reasons(with_statement({"functions": [{"name": "pg_catalog.pg_read_file", "listed": false, "volatility": "Volatile"}]}))

test_not_function_not_listed_listed if not "function-not-listed" in reasons(with_statement({"functions": [{"name": "pg_catalog.lower", "listed": true, "volatility": "Volatile"}]}))

test_not_function_not_listed_granted if not "function-not-listed" in reasons(with_statement({"functions": [{"name": "public.refund_total", "listed": false, "volatility": "Volatile"}]}))

sequence_data := with_statement({"functions": [{"name": "pg_catalog.pg_get_sequence_data", "listed": false, "volatility": "Volatile"}]})

test_function_not_listed_sequence_data if "function-not-listed" in reasons(sequence_data)

test_not_function_not_listed_sequence_data_of_dump if not "function-not-listed" in reasons(object.union(sequence_data, {"grant": {"catalog": "Dump"}}))
