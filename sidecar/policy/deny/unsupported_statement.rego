# Statements that plant code, move rights, reach out of the database, or that are not known.
package sallyport

import rego.v1

deny contains problem if {
	some problem in input.statement.problems
	problem.reason == "unsupported-statement"
}
