package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"slices"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Resolver asks the servers of a resolv.conf(5), which is read again for each name.
type Resolver struct {
	ConfigPath string
	// Dial opens a socket to a server; the address is always an IP address with a port.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
}

// Failure says why a name has no addresses.
type Failure struct {
	Host string
	// Temporary: nobody answered, or a server had trouble; asking again may help.
	Temporary bool
	Why       string
}

func (failure *Failure) Error() string { return fmt.Sprintf("%s: %s", failure.Host, failure.Why) }

// Lookup gives the addresses of a name or of an IP address, sorted, IPv4-mapped ones as IPv4; at least one. Those that
// mean the pod itself, or nobody, are left out. The error is a *Failure.
func (resolver Resolver) Lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	addresses, err := resolver.lookup(ctx, host)
	if err != nil {
		return nil, err
	}
	usable := slices.DeleteFunc(slices.Clone(addresses), func(address netip.Addr) bool {
		return address.IsLoopback() || address.IsUnspecified() || address.IsMulticast()
	})
	if len(usable) == 0 {
		return nil, &Failure{host, false, fmt.Sprintf("its address is %s, where no other machine can be", addresses[0])}
	}
	return usable, nil
}

func (resolver Resolver) lookup(ctx context.Context, host string) ([]netip.Addr, error) {
	if address, err := netip.ParseAddr(host); err == nil {
		return []netip.Addr{address.Unmap()}, nil
	}
	text, err := os.ReadFile(resolver.ConfigPath)
	if err != nil {
		return nil, &Failure{host, false, fmt.Sprintf("%s cannot be read: %v", resolver.ConfigPath, err)}
	}
	config := ParseConfig(string(text))
	if len(config.Servers) == 0 {
		return nil, &Failure{host, false, fmt.Sprintf("%s names no nameserver", resolver.ConfigPath)}
	}
	return resolver.search(ctx, config, host)
}

func (resolver Resolver) search(ctx context.Context, config Config, host string) ([]netip.Addr, error) {
	failure := &Failure{host, false, "DNS knows no address for it"}
	for _, candidate := range config.Candidates(host) {
		found := resolver.both(ctx, config, candidate)
		if len(found.addresses) > 0 {
			return found.addresses, nil
		}
		if found.failure == nil {
			continue
		}
		failure = &Failure{host, true, found.failure.Error()}
		// Who does not answer at all would not for the next name either; and a later name might be another host.
		var trouble serverTrouble
		if !errors.As(found.failure, &trouble) {
			return nil, failure
		}
	}
	return nil, failure
}

type outcome struct {
	addresses []netip.Addr
	// failure is nil when the name has no address of the type.
	failure error
}

// both asks for IPv4 and IPv6 at once. One that failed is forgiven when the other has addresses.
func (resolver Resolver) both(ctx context.Context, config Config, name string) outcome {
	v6 := make(chan outcome, 1)
	go func() { v6 <- resolver.query(ctx, config, name, dnsmessage.TypeAAAA) }()
	first := resolver.query(ctx, config, name, dnsmessage.TypeA)
	second := <-v6
	addresses := append(first.addresses, second.addresses...)
	slices.SortFunc(addresses, netip.Addr.Compare)
	if first.failure == nil {
		first.failure = second.failure
	}
	return outcome{slices.Compact(addresses), first.failure}
}

// serverTrouble is an answer that says neither yes nor no.
type serverTrouble struct {
	server netip.Addr
	rcode  dnsmessage.RCode
}

func (trouble serverTrouble) Error() string {
	names := map[dnsmessage.RCode]string{
		dnsmessage.RCodeFormatError: "FORMERR", dnsmessage.RCodeServerFailure: "SERVFAIL",
		dnsmessage.RCodeNotImplemented: "NOTIMP", dnsmessage.RCodeRefused: "REFUSED",
	}
	name, known := names[trouble.rcode]
	if !known {
		name = fmt.Sprintf("RCODE %d", trouble.rcode)
	}
	return fmt.Sprintf("%s says %s", trouble.server, name)
}

func notAnswered(server netip.Addr, cause error, config Config) error {
	if errors.Is(cause, os.ErrDeadlineExceeded) || errors.Is(cause, context.DeadlineExceeded) {
		return fmt.Errorf("%s does not answer within %d s", server, config.Timeout/time.Second)
	}
	return fmt.Errorf("%s cannot be asked: %w", server, cause)
}

// query asks each server in turn, as often as the configuration says.
func (resolver Resolver) query(ctx context.Context, config Config, name string, kind dnsmessage.Type) outcome {
	parsed, err := dnsmessage.NewName(name)
	question := dnsmessage.Question{Name: parsed, Type: kind, Class: dnsmessage.ClassINET}
	// A name, or a part of one, that is longer than DNS can say has no address.
	if _, unsayable := encodeQuery(0, question); err != nil || unsayable != nil {
		return outcome{}
	}
	var failure error
	for range config.Attempts {
		for _, server := range config.Servers {
			found, err := resolver.exchange(ctx, server, question, config)
			switch {
			case err != nil:
				failure = notAnswered(server.Addr(), err, config)
			case found.rcode == dnsmessage.RCodeSuccess, found.rcode == dnsmessage.RCodeNameError:
				return outcome{addresses: found.addresses}
			default:
				failure = serverTrouble{server.Addr(), found.rcode}
			}
			if ctx.Err() != nil {
				return outcome{failure: failure}
			}
		}
	}
	return outcome{failure: failure}
}
