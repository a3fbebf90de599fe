package sallyport_test

import rego.v1

test_no_active_grant_at_its_end if "no-active-grant" in reasons(object.union(base, {"now": object.union(base.now, {"unixMs": 2000})}))

test_no_active_grant_before_it_begins if "no-active-grant" in reasons(object.union(base, {"now": object.union(base.now, {"unixMs": 999})}))

test_not_no_active_grant_in_force if not "no-active-grant" in reasons(base)
