package rules

import (
	"fmt"
	"net/netip"
	"strings"
)

// Text gives the table as nft(8) reads it.
func (table Table) Text() string {
	var out strings.Builder
	fmt.Fprintf(&out, "table inet %s {\n", table.Name)
	for i, chain := range table.Chains {
		if i > 0 {
			out.WriteString("\n")
		}
		fmt.Fprintf(&out, "\tchain %s {\n\t\ttype %s hook %s priority %d; policy accept;\n", chain.Name, chain.Type, chain.Hook, chain.Priority)
		for _, rule := range chain.Rules {
			fmt.Fprintf(&out, "\t\t%s\n", rule.Text())
		}
		out.WriteString("\t}\n")
	}
	out.WriteString("}\n")
	return out.String()
}

// Text gives one rule as nft(8) reads it.
func (rule Rule) Text() string {
	words := make([]string, 0, len(rule.Matches)+2)
	for _, match := range rule.Matches {
		words = append(words, match.text())
	}
	words = append(words, rule.Verdict.verdict())
	if rule.Comment != "" {
		words = append(words, fmt.Sprintf("comment %q", rule.Comment))
	}
	return strings.Join(words, " ")
}

func (match MatchUID) text() string         { return fmt.Sprintf("meta skuid %d", match.UID) }
func (MatchEstablished) text() string       { return "ct state established" }
func (MatchTCPNotOpening) text() string     { return "tcp flags & (syn | ack) != syn" }
func (MatchTCP) text() string               { return "meta l4proto tcp" }
func (MatchIPv6RoutingHeader) text() string { return "exthdr rt exists" }
func (MatchLeaving) text() string           { return `oifname != "lo"` }

func (match MatchIPv4Option) text() string {
	if match.Option == LooseSourceRoute {
		return "ip option lsrr exists"
	}
	return "ip option ssrr exists"
}

func (match MatchLoopback) text() string {
	if match.IPv6 {
		return "ip6 daddr ::1"
	}
	return "ip daddr 127.0.0.0/8"
}

func (match MatchAddresses) text() string {
	if match.Addresses[0].Is4() {
		return "ip daddr " + set(match.Addresses, netip.Addr.String)
	}
	return "ip6 daddr " + set(match.Addresses, netip.Addr.String)
}

func (match MatchPorts) text() string {
	ports := set(match.Ports, func(port uint16) string { return fmt.Sprint(port) })
	if match.Protocol == UDP {
		return "udp dport " + ports
	}
	return "tcp dport " + ports
}

func (VerdictAccept) verdict() string { return "accept" }
func (VerdictReturn) verdict() string { return "return" }
func (VerdictDrop) verdict() string   { return "drop" }
func (VerdictReject) verdict() string { return "reject with icmpx port-unreachable" }
func (VerdictReset) verdict() string  { return "reject with tcp reset" }

func (verdict VerdictRedirect) verdict() string { return fmt.Sprintf("redirect to :%d", verdict.Port) }

func set[T any](values []T, text func(T) string) string {
	words := make([]string, len(values))
	for i, value := range values {
		words[i] = text(value)
	}
	if len(words) == 1 {
		return words[0]
	}
	return "{ " + strings.Join(words, ", ") + " }"
}
