package netfilter

import (
	"bytes"
	"encoding/hex"
	"fmt"
	"slices"
	"strings"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"sallyport.dev/redirect/internal/rules"
)

// compare reads the table from the kernel and tells the first difference from what was meant.
func compare(conn *nftables.Conn, table rules.Table) error {
	wanted, found := describeWanted(table), []string{}
	target := &nftables.Table{Name: table.Name, Family: nftables.TableFamilyINet}
	for _, chain := range table.Chains {
		lines, err := describeFound(conn, target, chain.Name)
		if err != nil {
			return explain("the rules cannot be read back", err)
		}
		found = append(found, lines...)
	}
	for i := range max(len(wanted), len(found)) {
		if i >= len(wanted) || i >= len(found) || wanted[i] != found[i] {
			return fmt.Errorf("the kernel holds other rules than were written, from line %d of %d on: either something else changes the table inet %s in this pod, which must be removed, or this node's nf_tables are not whole, and interception Local is what works there", i+1, len(wanted), table.Name)
		}
	}
	return nil
}

func describeWanted(table rules.Table) []string {
	var lines []string
	for _, chain := range table.Chains {
		lines = append(lines, describeChain(encodeChain(nil, chain)))
		for _, rule := range chain.Rules {
			var words []string
			for _, match := range rule.Matches {
				fact := encodeMatch(match)
				words = append(words, describe(fact.expressions, func(string) [][]byte { return fact.keys })...)
			}
			words = append(words, describe(encodeVerdict(rule.Verdict), nil)...)
			lines = append(lines, line(words, encodeComment(rule.Comment)))
		}
	}
	return lines
}

func describeFound(conn *nftables.Conn, table *nftables.Table, name string) ([]string, error) {
	chain, err := conn.ListChain(table, name)
	if err != nil {
		return nil, err
	}
	chainRules, err := conn.GetRules(table, chain)
	if err != nil {
		return nil, err
	}
	lines := []string{describeChain(chain)}
	for _, rule := range chainRules {
		var failure error
		words := describe(rule.Exprs, func(set string) [][]byte {
			keys, err := keysOf(conn, table, set)
			failure = err
			return keys
		})
		if failure != nil {
			return nil, failure
		}
		lines = append(lines, line(words, rule.UserData))
	}
	return lines, nil
}

func keysOf(conn *nftables.Conn, table *nftables.Table, name string) ([][]byte, error) {
	found, err := conn.GetSetElements(&nftables.Set{Table: table, Name: name})
	keys := make([][]byte, len(found))
	for i, element := range found {
		keys[i] = element.Key
	}
	return keys, err
}

func describeChain(chain *nftables.Chain) string {
	if chain.Hooknum == nil || chain.Priority == nil || chain.Policy == nil {
		return fmt.Sprintf("chain %s in no hook", chain.Name)
	}
	return fmt.Sprintf("chain %s type %s hook %d priority %d policy %d", chain.Name, chain.Type, *chain.Hooknum, *chain.Priority, *chain.Policy)
}

// describe gives a word for each expression, the keys of a set in place of its name, which the kernel chooses.
func describe(expressions []expr.Any, keysOf func(set string) [][]byte) []string {
	words := make([]string, len(expressions))
	for i, expression := range expressions {
		if lookup, ok := expression.(*expr.Lookup); ok {
			words[i] = fmt.Sprintf("lookup(register %d, inverted %t) %s", lookup.SourceRegister, lookup.Invert, describeKeys(keysOf(lookup.SetName)))
			continue
		}
		words[i] = strings.TrimPrefix(fmt.Sprintf("%T%+v", expression, expression), "*expr.")
	}
	return words
}

func describeKeys(keys [][]byte) string {
	ordered := slices.Clone(keys)
	slices.SortFunc(ordered, bytes.Compare)
	words := make([]string, len(ordered))
	for i, key := range ordered {
		words[i] = hex.EncodeToString(key)
	}
	return "{" + strings.Join(words, " ") + "}"
}

func line(words []string, comment []byte) string {
	return strings.Join(words, " ") + " # " + hex.EncodeToString(comment)
}
