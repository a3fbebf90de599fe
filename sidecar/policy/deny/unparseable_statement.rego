# What does not parse is not sent.
package sallyport

import rego.v1

deny contains problem if {
	some problem in input.statement.problems
	problem.reason == "unparseable-statement"
}
