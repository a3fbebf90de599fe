package rules

import (
	"fmt"
	"net/netip"
	"slices"
)

// TableName is the table's name; its family is inet.
const TableName = "sallyport"

// Database is one way that has to lead to the sidecar.
type Database struct {
	// Name is namespace/name.
	Name         string
	Port         uint16
	RedirectPort uint16
	// Addresses the host resolved to, IPv4 unmapped; empty when it did not.
	Addresses []netip.Addr
}

// Plan gives the table for these Databases, and one sentence for each Database of which an address is not redirected
// because another has it at the same port: nobody could tell which of the two is meant, so it is rejected.
func Plan(sidecarUID uint32, databases []Database) (Table, []string) {
	owners := ownersOf(databases)
	capture := Chain{Name: "capture", Type: "nat", Hook: "output", Priority: -100, Rules: []Rule{
		{Matches: []Match{MatchUID{sidecarUID}}, Verdict: VerdictReturn{}},
		{Matches: []Match{MatchLoopback{}}, Verdict: VerdictReturn{}},
		{Matches: []Match{MatchLoopback{IPv6: true}}, Verdict: VerdictReturn{}},
	}}
	var notes []string
	for _, database := range databases {
		own, shared := owners.split(database)
		capture.Rules = append(capture.Rules, byAddress(database, own)...)
		if len(shared) > 0 {
			notes = append(notes, fmt.Sprintf("%s is not redirected at %s port %d: another Database has the same address and port; dial its localPort", database.Name, set(shared, netip.Addr.String), database.Port))
		}
	}
	for _, database := range databases {
		if owners.ports[database.Port] == 1 {
			capture.Rules = append(capture.Rules, redirect(database, MatchPorts{TCP, []uint16{database.Port}}))
		}
	}
	return Table{Name: TableName, Chains: []Chain{capture, guard(sidecarUID, databases), loopback()}}, notes
}

func byAddress(database Database, addresses []netip.Addr) []Rule {
	var rules []Rule
	for _, family := range families(addresses) {
		rules = append(rules, redirect(database, MatchAddresses{family}, MatchPorts{TCP, []uint16{database.Port}}))
	}
	return rules
}

func redirect(database Database, matches ...Match) Rule {
	return Rule{Matches: matches, Verdict: VerdictRedirect{database.RedirectPort}, Comment: database.Name}
}

// guard runs after capture and sees the destinations that capture wrote. Nothing in it depends on capture having worked:
// what was not redirected is rejected.
func guard(sidecarUID uint32, databases []Database) Chain {
	chain := Chain{Name: "guard", Type: "filter", Hook: "output", Priority: 0, Rules: []Rule{
		// A closed socket's last segments have no UID. A SYN is never let through by this: who guessed the port of a dead
		// connection of the sidecar could otherwise open it anew.
		{Matches: []Match{MatchEstablished{}, MatchTCPNotOpening{}}, Verdict: VerdictAccept{}},
		{Matches: []Match{MatchUID{sidecarUID}}, Verdict: VerdictAccept{}},
		// Any process may set these, and then the destination in the header is not the one that counts.
		{Matches: []Match{MatchIPv4Option{LooseSourceRoute}}, Verdict: VerdictReject{}},
		{Matches: []Match{MatchIPv4Option{StrictSourceRoute}}, Verdict: VerdictReject{}},
		{Matches: []Match{MatchIPv6RoutingHeader{}}, Verdict: VerdictReject{}},
		{Matches: []Match{MatchLoopback{}}, Verdict: VerdictAccept{}},
		{Matches: []Match{MatchLoopback{IPv6: true}}, Verdict: VerdictAccept{}},
	}}
	ports, addresses := everyPort(databases), everyAddress(databases)
	if len(ports) > 0 {
		chain.Rules = append(chain.Rules,
			Rule{Matches: []Match{MatchPorts{TCP, ports}}, Verdict: VerdictReset{}},
			Rule{Matches: []Match{MatchPorts{UDP, ports}}, Verdict: VerdictReject{}},
		)
	}
	for _, family := range families(addresses) {
		chain.Rules = append(chain.Rules,
			// While connect(2) has its socket locked an ICMP error would only count at the next SYN, a second later.
			Rule{Matches: []Match{MatchTCP{}, MatchAddresses{family}}, Verdict: VerdictReset{}},
			Rule{Matches: []Match{MatchAddresses{family}}, Verdict: VerdictReject{}},
		)
	}
	return chain
}

// loopback keeps in the pod what guard let pass as loopback: a socket bound to a device takes 127.0.0.1 out of it.
func loopback() Chain {
	return Chain{Name: "loopback", Type: "filter", Hook: "postrouting", Priority: 0, Rules: []Rule{
		{Matches: []Match{MatchLeaving{}, MatchLoopback{}}, Verdict: VerdictDrop{}},
		{Matches: []Match{MatchLeaving{}, MatchLoopback{IPv6: true}}, Verdict: VerdictDrop{}},
	}}
}

type owners struct {
	ports     map[uint16]int
	endpoints map[netip.AddrPort]int
}

func ownersOf(databases []Database) owners {
	found := owners{ports: map[uint16]int{}, endpoints: map[netip.AddrPort]int{}}
	for _, database := range databases {
		found.ports[database.Port]++
		for _, address := range sorted(database.Addresses) {
			found.endpoints[netip.AddrPortFrom(address, database.Port)]++
		}
	}
	return found
}

func (found owners) split(database Database) (own, shared []netip.Addr) {
	for _, address := range sorted(database.Addresses) {
		if found.endpoints[netip.AddrPortFrom(address, database.Port)] == 1 {
			own = append(own, address)
		} else {
			shared = append(shared, address)
		}
	}
	return own, shared
}

func everyPort(databases []Database) []uint16 {
	ports := make([]uint16, 0, len(databases))
	for _, database := range databases {
		ports = append(ports, database.Port)
	}
	slices.Sort(ports)
	return slices.Compact(ports)
}

func everyAddress(databases []Database) []netip.Addr {
	var addresses []netip.Addr
	for _, database := range databases {
		addresses = append(addresses, database.Addresses...)
	}
	return sorted(addresses)
}

func sorted(addresses []netip.Addr) []netip.Addr {
	copied := slices.Clone(addresses)
	slices.SortFunc(copied, netip.Addr.Compare)
	return slices.Compact(copied)
}

// A set is written as one attribute of netlink, of which the length has 16 bits: 2,340 IPv6 addresses.
const mostInASet = 1024

// families gives the addresses by family, IPv4 first, in portions that a set can hold; none of them is empty.
func families(addresses []netip.Addr) [][]netip.Addr {
	var v4, v6 []netip.Addr
	for _, address := range addresses {
		if address.Is4() {
			v4 = append(v4, address)
		} else {
			v6 = append(v6, address)
		}
	}
	return slices.AppendSeq(slices.Collect(slices.Chunk(v4, mostInASet)), slices.Chunk(v6, mostInASet))
}
