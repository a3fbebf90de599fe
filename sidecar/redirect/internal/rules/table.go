// Package rules computes the table `inet sallyport` as data. It knows neither sockets nor netlink.
package rules

import "net/netip"

// Table is `inet NAME` with its chains, in the order in which they are written.
type Table struct {
	Name   string
	Chains []Chain
}

// Chain hangs in a hook of netfilter; what no rule decides is accepted.
type Chain struct {
	Name string
	// Type is "nat" or "filter".
	Type string
	// Hook is "output" or "postrouting".
	Hook     string
	Priority int
	Rules    []Rule
}

// Rule gives its verdict on a packet that every match is true for.
type Rule struct {
	Matches []Match
	Verdict Verdict
	// Comment is shown by `nft list`; empty for none.
	Comment string
}

// Match is one of the Match… types below.
type Match interface{ text() string }

// MatchUID is true for packets of a socket that a process of this UID opened. A packet without a socket never matches.
type MatchUID struct{ UID uint32 }

// MatchEstablished is true for packets of a connection that was seen in both directions.
type MatchEstablished struct{}

// MatchTCPNotOpening is true for every segment of TCP but the one that opens a connection.
type MatchTCPNotOpening struct{}

// MatchTCP is true for segments of TCP.
type MatchTCP struct{}

// MatchIPv4Option is true for packets with this option in their header.
type MatchIPv4Option struct{ Option IPv4Option }

// IPv4Option is the number of an option (RFC 791).
type IPv4Option uint8

// The two options by which a packet names a second destination.
const (
	LooseSourceRoute  IPv4Option = 131
	StrictSourceRoute IPv4Option = 137
)

// MatchIPv6RoutingHeader is true for IPv6 packets that name further destinations.
type MatchIPv6RoutingHeader struct{}

// MatchAddresses is true for packets to one of these addresses, which are all of one family and sorted.
type MatchAddresses struct{ Addresses []netip.Addr }

// MatchLoopback is true for packets to 127.0.0.0/8, or to ::1.
type MatchLoopback struct{ IPv6 bool }

// MatchPorts is true for packets to one of these ports, which are sorted.
type MatchPorts struct {
	Protocol Protocol
	Ports    []uint16
}

// MatchLeaving is true for packets that leave by another device than the loopback device.
type MatchLeaving struct{}

// Protocol is the number of a transport protocol.
type Protocol uint8

// The protocols with ports that rules name.
const (
	TCP Protocol = 6
	UDP Protocol = 17
)

// Verdict is one of the Verdict… types below.
type Verdict interface{ verdict() string }

// VerdictAccept lets the packet pass this chain.
type VerdictAccept struct{}

// VerdictReturn ends the chain; its policy accepts.
type VerdictReturn struct{}

// VerdictDrop loses the packet.
type VerdictDrop struct{}

// VerdictReject answers with ICMP port unreachable, which a client sees as a refused connection.
type VerdictReject struct{}

// VerdictReset answers with a TCP reset.
type VerdictReset struct{}

// VerdictRedirect changes the destination to 127.0.0.1 or ::1 and this port.
type VerdictRedirect struct{ Port uint16 }
