package rules

import (
	"flag"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

var update = flag.Bool("update", false, "write the goldens anew")

func addresses(texts ...string) []netip.Addr {
	var found []netip.Addr
	for _, text := range texts {
		found = append(found, netip.MustParseAddr(text))
	}
	return found
}

func TestPlan(t *testing.T) {
	cases := []struct {
		name      string
		databases []Database
		notes     []string
	}{
		{name: "none"},
		{name: "one", databases: []Database{{"agents/orders", 5432, 15910, addresses("10.0.0.9", "fd00::9", "10.0.0.10", "10.0.0.9")}}},
		{name: "unresolved", databases: []Database{{"agents/orders", 5432, 15910, nil}}},
		{name: "two-on-one-port", databases: []Database{
			{"agents/billing", 3306, 15910, addresses("10.0.0.1")},
			{"agents/reports", 3306, 15911, addresses("10.0.0.2", "fd00::2")},
			{"agents/orders", 5432, 15912, addresses("fd00::1")},
		}},
		{
			name: "two-at-one-address",
			databases: []Database{
				{"agents/orders", 5432, 15910, addresses("10.0.0.1", "10.0.0.2")},
				{"agents/orders-admin", 5432, 15911, addresses("10.0.0.2", "10.0.0.3")},
				{"agents/metrics", 9999, 15912, addresses("10.0.0.2")},
			},
			notes: []string{
				"agents/orders is not redirected at 10.0.0.2 port 5432: another Database has the same address and port; dial its localPort",
				"agents/orders-admin is not redirected at 10.0.0.2 port 5432: another Database has the same address and port; dial its localPort",
			},
		},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			table, notes := Plan(5555, each.databases)
			compareWithGolden(t, each.name, table.Text())
			if strings.Join(notes, "\n") != strings.Join(each.notes, "\n") {
				t.Errorf("%q, wanted %q", notes, each.notes)
			}
		})
	}
}

func TestPlanKeepsSetsSmallEnoughToBeWritten(t *testing.T) {
	var many []netip.Addr
	for i := range 2500 {
		many = append(many, netip.AddrFrom4([4]byte{10, 0, byte(i >> 8), byte(i)}), netip.AddrFrom16([16]byte{0xfd, 14: byte(i >> 8), 15: byte(i)}))
	}
	table, _ := Plan(5555, []Database{{"agents/orders", 5432, 15910, many}})
	found := map[string]int{}
	for _, chain := range table.Chains {
		for _, rule := range chain.Rules {
			for _, match := range rule.Matches {
				list, ok := match.(MatchAddresses)
				if !ok {
					continue
				}
				if len(list.Addresses) > mostInASet {
					t.Errorf("%d addresses in %s", len(list.Addresses), chain.Name)
				}
				found[chain.Name] += len(list.Addresses)
			}
		}
	}
	// Once in capture; in guard for TCP and again for everything else.
	if found["capture"] != 5000 || found["guard"] != 10_000 {
		t.Errorf("%v", found)
	}
}

func compareWithGolden(t *testing.T, name, text string) {
	t.Helper()
	path := filepath.Join("testdata", name+".nft")
	if *update {
		if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	golden, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if string(golden) != text {
		t.Errorf("%s is now\n%s\nIf that is meant: go test ./internal/rules -update", path, text)
	}
}
