// Package resolver finds addresses through DNS and nothing else. In an enrolled pod the hosts file may say anything: it is
// never read, and neither is nsswitch.conf, which the resolver of Go's library would obey.
package resolver

import (
	"net"
	"net/netip"
	"strconv"
	"strings"
	"time"
)

// Config is what resolv.conf(5) says, with its defaults and limits.
type Config struct {
	// Servers to ask, with their port; at most three.
	Servers []netip.AddrPort
	// Search has the domains to append.
	Search []string
	// Dots a name must have to be asked for as given before the search list.
	Dots     int
	Timeout  time.Duration
	Attempts int
	// TCP says that UDP is not used.
	TCP bool
}

const (
	dnsPort    = 53
	maxServers = 3
)

// ParseConfig reads resolv.conf(5). What it does not know it ignores, as every resolver does.
func ParseConfig(text string) Config {
	config := Config{Dots: 1, Timeout: 5 * time.Second, Attempts: 2}
	for _, line := range strings.Split(text, "\n") {
		words := strings.Fields(line)
		if len(words) < 2 || strings.HasPrefix(words[0], "#") || strings.HasPrefix(words[0], ";") {
			continue
		}
		switch words[0] {
		case "nameserver":
			if address, err := netip.ParseAddr(words[1]); err == nil && len(config.Servers) < maxServers {
				config.Servers = append(config.Servers, netip.AddrPortFrom(address, dnsPort))
			}
		case "search":
			config.Search = domains(words[1:])
		case "domain":
			config.Search = domains(words[1:2])
		case "options":
			for _, option := range words[1:] {
				config.option(option)
			}
		}
	}
	return config
}

func (config *Config) option(option string) {
	name, value, _ := strings.Cut(option, ":")
	number, err := strconv.Atoi(value)
	given := err == nil && number >= 0
	switch {
	case name == "use-vc":
		config.TCP = true
	case name == "ndots" && given:
		config.Dots = min(number, 15)
	case name == "timeout" && given:
		config.Timeout = time.Duration(min(max(number, 1), 30)) * time.Second
	case name == "attempts" && given:
		config.Attempts = min(max(number, 1), 5)
	}
}

func domains(words []string) []string {
	var found []string
	for _, word := range words {
		if domain := strings.Trim(word, "."); domain != "" {
			found = append(found, domain)
		}
	}
	return found
}

// Candidates are the names to ask for, in order, each with its ending dot.
func (config Config) Candidates(host string) []string {
	if strings.HasSuffix(host, ".") {
		return []string{host}
	}
	var expanded []string
	for _, domain := range config.Search {
		expanded = append(expanded, host+"."+domain+".")
	}
	if strings.Count(host, ".") >= config.Dots {
		return append([]string{host + "."}, expanded...)
	}
	return append(expanded, host+".")
}

func serverAddress(server netip.AddrPort) string {
	return net.JoinHostPort(server.Addr().String(), strconv.Itoa(int(server.Port())))
}
