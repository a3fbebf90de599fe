package resolver

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"golang.org/x/net/dns/dnsmessage"

	"sallyport.dev/redirect/internal/dnstest"
)

func addresses(texts ...string) []netip.Addr {
	var found []netip.Addr
	for _, text := range texts {
		found = append(found, netip.MustParseAddr(text))
	}
	return found
}

// rig is a resolver whose servers 192.0.2.1, 192.0.2.2 … are DNS servers on loopback.
func rig(t *testing.T, options string, servers ...map[string]dnstest.Answer) (Resolver, []*dnstest.Server) {
	t.Helper()
	text, real, started := options+"\n", map[string]string{}, []*dnstest.Server{}
	for i, answers := range servers {
		server, err := dnstest.Start("127.0.0.1:0", answers)
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(server.Close)
		started = append(started, server)
		address := fmt.Sprintf("192.0.2.%d", i+1)
		text += "nameserver " + address + "\n"
		real[address+":53"] = server.Address()
	}
	path := filepath.Join(t.TempDir(), "resolv.conf")
	if err := os.WriteFile(path, []byte(text), 0o644); err != nil {
		t.Fatal(err)
	}
	dial := func(ctx context.Context, network, address string) (net.Conn, error) {
		return (&net.Dialer{}).DialContext(ctx, network, real[address])
	}
	return Resolver{ConfigPath: path, Dial: dial}, started
}

func TestLookup(t *testing.T) {
	trouble := dnstest.Answer{RCode: dnsmessage.RCodeServerFailure}
	empty := dnstest.Answer{}
	at := func(texts ...string) dnstest.Answer { return dnstest.Answer{Addresses: addresses(texts...)} }
	cases := []struct {
		name    string
		host    string
		options string
		servers []map[string]dnstest.Answer
		want    []netip.Addr
		failure string
		// temporary goes with failure.
		temporary bool
	}{
		{name: "an IPv4 address", host: "10.0.0.1", want: addresses("10.0.0.1")},
		{name: "an IPv6 address", host: "fd00::1", want: addresses("fd00::1")},
		{name: "a mapped address", host: "::ffff:10.0.0.1", want: addresses("10.0.0.1")},
		{
			name: "both families, sorted and once", host: "db.test",
			servers: []map[string]dnstest.Answer{{"db.test.": at("fd00::2", "10.0.0.2", "10.0.0.1", "fd00::1", "10.0.0.2")}},
			want:    addresses("10.0.0.1", "10.0.0.2", "fd00::1", "fd00::2"),
		},
		{
			name: "an IPv4 address in an AAAA record", host: "db.test",
			servers: []map[string]dnstest.Answer{{"db.test.": at("::ffff:10.0.0.1", "10.0.0.1")}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "an alias", host: "db.test",
			servers: []map[string]dnstest.Answer{{"db.test.": {Alias: "real.test.", Addresses: addresses("10.0.0.1")}}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "more than fits a packet", host: "db.test",
			servers: []map[string]dnstest.Answer{{"db.test.": {Cut: true, Addresses: addresses("10.0.0.1", "fd00::1")}}},
			want:    addresses("10.0.0.1", "fd00::1"),
		},
		{
			name: "over TCP", host: "db.test", options: "options use-vc",
			servers: []map[string]dnstest.Answer{{"db.test.": at("10.0.0.1")}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "answers to other questions", host: "db.test",
			servers: []map[string]dnstest.Answer{{"db.test.": {Forged: true, Addresses: addresses("10.0.0.1")}}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "the search list", host: "db", options: "search prod.test test\noptions ndots:5",
			servers: []map[string]dnstest.Answer{{"db.test.": at("10.0.0.1"), "db.": at("10.0.0.2")}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "the first of the search list that has an address", host: "db", options: "search prod.test test",
			servers: []map[string]dnstest.Answer{{"db.prod.test.": empty, "db.test.": at("10.0.0.1")}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "a name with enough dots first as it is", host: "db.prod", options: "search test",
			servers: []map[string]dnstest.Answer{{"db.prod.": at("10.0.0.1"), "db.prod.test.": at("10.0.0.2")}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "the next server when one has trouble", host: "db.test",
			servers: []map[string]dnstest.Answer{{"db.test.": trouble}, {"db.test.": at("10.0.0.1")}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "the next server when one is silent", host: "db.test", options: "options timeout:1",
			servers: []map[string]dnstest.Answer{{"db.test.": {Silent: true}}, {"db.test.": at("10.0.0.1")}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "the next of the search list when one has trouble", host: "db", options: "search prod.test test",
			servers: []map[string]dnstest.Answer{{"db.prod.test.": trouble, "db.test.": at("10.0.0.1")}},
			want:    addresses("10.0.0.1"),
		},
		{
			name: "not the next of the search list when one is silent", host: "db", options: "search prod.test test\noptions timeout:1 attempts:1",
			servers:   []map[string]dnstest.Answer{{"db.prod.test.": {Silent: true}, "db.test.": at("10.0.0.1")}},
			failure:   "db: 192.0.2.1 does not answer within 1 s",
			temporary: true,
		},
		{
			name: "nobody knows it", host: "db", options: "search test",
			servers: []map[string]dnstest.Answer{{}},
			failure: "db: DNS knows no address for it",
		},
		{
			name: "a part that is too long", host: strings.Repeat("d", 64) + ".test",
			servers: []map[string]dnstest.Answer{{}},
			failure: strings.Repeat("d", 64) + ".test: DNS knows no address for it",
		},
		{
			name: "trouble", host: "db.test",
			servers:   []map[string]dnstest.Answer{{"db.test.": trouble}},
			failure:   "db.test: 192.0.2.1 says SERVFAIL",
			temporary: true,
		},
		{
			name: "the pod itself", host: "db.test",
			servers: []map[string]dnstest.Answer{{"db.test.": at("127.0.0.1", "::1", "0.0.0.0", "224.0.0.1")}},
			failure: "db.test: its address is 0.0.0.0, where no other machine can be",
		},
		{
			name: "the pod itself and another", host: "db.test",
			servers: []map[string]dnstest.Answer{{"db.test.": at("127.0.0.1", "10.0.0.1")}},
			want:    addresses("10.0.0.1"),
		},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			resolver, _ := rig(t, each.options, each.servers...)
			found, err := resolver.Lookup(context.Background(), each.host)
			if !slices.Equal(found, each.want) {
				t.Errorf("%v, wanted %v", found, each.want)
			}
			var failure *Failure
			if each.failure == "" && err != nil {
				t.Errorf("%v", err)
			}
			if each.failure != "" && (!errors.As(err, &failure) || err.Error() != each.failure || failure.Temporary != each.temporary) {
				t.Errorf("%#v, wanted %q, temporary: %t", err, each.failure, each.temporary)
			}
		})
	}
}

func TestLookupWithoutAConfiguration(t *testing.T) {
	for name, text := range map[string]string{"no nameserver": "search test\n"} {
		t.Run(name, func(t *testing.T) {
			resolver, _ := rig(t, text)
			if _, err := resolver.Lookup(context.Background(), "db.test"); err == nil || !strings.HasSuffix(err.Error(), "resolv.conf names no nameserver") {
				t.Errorf("%v", err)
			}
		})
	}
	_, err := Resolver{ConfigPath: "/nowhere/resolv.conf"}.Lookup(context.Background(), "db.test")
	if err == nil || !strings.Contains(err.Error(), "/nowhere/resolv.conf cannot be read") {
		t.Errorf("%v", err)
	}
}

func TestLookupAsksForBothFamiliesAndOverTCPOnlyWhenItMust(t *testing.T) {
	resolver, servers := rig(t, "", map[string]dnstest.Answer{"db.test.": {Cut: true, Addresses: addresses("10.0.0.1")}})
	if _, err := resolver.Lookup(context.Background(), "db.test"); err != nil {
		t.Fatal(err)
	}
	asked := servers[0].Asked()
	slices.Sort(asked)
	if want := []string{"tcp A db.test.", "tcp AAAA db.test.", "udp A db.test.", "udp AAAA db.test."}; !slices.Equal(asked, want) {
		t.Errorf("%q, wanted %q", asked, want)
	}
}

func TestDecodeAnswerOfEveryLength(t *testing.T) {
	question := dnsmessage.Question{Name: dnsmessage.MustNewName("db.test."), Type: dnsmessage.TypeA, Class: dnsmessage.ClassINET}
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: 7, Response: true},
		Questions: []dnsmessage.Question{question},
		Answers: []dnsmessage.Resource{{
			Header: dnsmessage.ResourceHeader{Name: question.Name, Class: dnsmessage.ClassINET}, Body: &dnsmessage.AResource{A: [4]byte{10, 0, 0, 1}},
		}},
	}
	whole, err := message.Pack()
	if err != nil {
		t.Fatal(err)
	}
	for length := range len(whole) {
		if found, err := decodeAnswer(whole[:length], 7, question); err == nil {
			t.Errorf("%d of %d bytes: %+v", length, len(whole), found)
		}
	}
	if found, err := decodeAnswer(whole, 7, question); err != nil || !slices.Equal(found.addresses, addresses("10.0.0.1")) {
		t.Errorf("%+v %v", found, err)
	}
}
