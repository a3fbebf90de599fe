# UPDATE and DELETE of every row: without WHERE, or with one that is provably always true.
package sallyport

import rego.v1

deny contains {"reason": "unbounded-write", "object": object} if {
	some effect in input.statement.effects
	effect.operation in {"Update", "Delete"}
	effect.where in {"None", "Tautology"}
	object := concat(" ", [effect.operation, effect.relation])
}
