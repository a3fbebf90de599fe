# Another role than the Database's login, in whatever form, there or back.
package sallyport

import rego.v1

role_settings := {"role", "session_authorization", "session authorization"}

deny contains {"reason": "role-switch", "object": setting.name} if {
	some setting in input.statement.settings
	setting.name in role_settings
}
