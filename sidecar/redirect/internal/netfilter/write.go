package netfilter

import (
	"fmt"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"

	"sallyport.dev/redirect/internal/rules"
)

// Write puts the table into the kernel in one transaction, in place of one of the same name; then it reads it back.
// The error is one sentence with what to do.
func Write(table rules.Table) error {
	conn, err := nftables.New(nftables.AsLasting(), nftables.WithSockOptions(roomForAcknowledgements))
	if err != nil {
		return explain("netlink cannot be used", err)
	}
	defer conn.CloseLasting()
	if err := send(conn, table); err != nil {
		return explain("the rules were not taken by the kernel", err)
	}
	return compare(conn, table)
}

func send(conn *nftables.Conn, table rules.Table) error {
	target := &nftables.Table{Name: table.Name, Family: nftables.TableFamilyINet}
	// Added first, so that the deletion finds one; an init container may run again.
	conn.AddTable(target)
	conn.DelTable(target)
	conn.AddTable(target)
	for _, chain := range table.Chains {
		if err := addChain(conn, target, chain); err != nil {
			return err
		}
	}
	return conn.Flush()
}

func addChain(conn *nftables.Conn, table *nftables.Table, chain rules.Chain) error {
	added := conn.AddChain(encodeChain(table, chain))
	for _, rule := range chain.Rules {
		expressions, err := addSets(conn, table, rule)
		if err != nil {
			return err
		}
		conn.AddRule(&nftables.Rule{Table: table, Chain: added, Exprs: expressions, UserData: encodeComment(rule.Comment)})
	}
	return nil
}

func encodeChain(table *nftables.Table, chain rules.Chain) *nftables.Chain {
	hooks := map[string]*nftables.ChainHook{
		"output":      nftables.ChainHookOutput,
		"postrouting": nftables.ChainHookPostrouting,
	}
	policy := nftables.ChainPolicyAccept
	return &nftables.Chain{
		Name:     chain.Name,
		Table:    table,
		Type:     nftables.ChainType(chain.Type),
		Hooknum:  hooks[chain.Hook],
		Priority: nftables.ChainPriorityRef(nftables.ChainPriority(chain.Priority)),
		Policy:   &policy,
	}
}

// addSets gives the rule's expressions, its lookups bound to the sets that were added for them.
func addSets(conn *nftables.Conn, table *nftables.Table, rule rules.Rule) ([]expr.Any, error) {
	var expressions []expr.Any
	for _, match := range rule.Matches {
		found := encodeMatch(match)
		if len(found.keys) > 0 {
			set := &nftables.Set{Table: table, Anonymous: true, Constant: true, KeyType: found.keyType}
			if err := conn.AddSet(set, elements(found.keys)); err != nil {
				return nil, fmt.Errorf("set of %d elements: %w", len(found.keys), err)
			}
			found.expressions[len(found.expressions)-1] = &expr.Lookup{SourceRegister: register, SetName: set.Name, SetID: set.ID}
		}
		expressions = append(expressions, found.expressions...)
	}
	return append(expressions, encodeVerdict(rule.Verdict)...), nil
}

func elements(keys [][]byte) []nftables.SetElement {
	found := make([]nftables.SetElement, len(keys))
	for i, key := range keys {
		found[i] = nftables.SetElement{Key: key}
	}
	return found
}
