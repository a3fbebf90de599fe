# Names the server's catalog does not hold: what they would mean cannot be judged.
package sallyport

import rego.v1

deny contains problem if {
	some problem in input.statement.problems
	problem.reason == "unknown-object"
}
