package resolver

import (
	"net/netip"
	"reflect"
	"slices"
	"testing"
	"time"
)

func TestParseConfig(t *testing.T) {
	defaults := Config{Dots: 1, Timeout: 5 * time.Second, Attempts: 2}
	with := func(change func(config *Config)) Config {
		config := defaults
		change(&config)
		return config
	}
	cases := []struct {
		name string
		text string
		want Config
	}{
		{"nothing", "", defaults},
		{"what a pod gets", "search prod.svc.cluster.local svc.cluster.local cluster.local\nnameserver 10.96.0.10\noptions ndots:5\n", with(func(config *Config) {
			config.Servers = []netip.AddrPort{netip.MustParseAddrPort("10.96.0.10:53")}
			config.Search = []string{"prod.svc.cluster.local", "svc.cluster.local", "cluster.local"}
			config.Dots = 5
		})},
		{"three servers at most", "nameserver 1.1.1.1\nnameserver fd00::1\nnameserver fe80::1%eth0\nnameserver 4.4.4.4", with(func(config *Config) {
			config.Servers = []netip.AddrPort{netip.MustParseAddrPort("1.1.1.1:53"), netip.MustParseAddrPort("[fd00::1]:53"), netip.MustParseAddrPort("[fe80::1%eth0]:53")}
		})},
		{"the last of search and domain", "search a b\ndomain c.\n", with(func(config *Config) { config.Search = []string{"c"} })},
		{"a search for the root", "search .\n", defaults},
		{"options, also absurd ones", "options timeout:0 attempts:99 ndots:99 use-vc rotate edns0 ndots:x timeout", with(func(config *Config) {
			config.Timeout, config.Attempts, config.Dots, config.TCP = time.Second, 5, 15, true
		})},
		{"comments and nonsense", "# search x\n; nameserver 1.1.1.1\nnameserver\nnameserver one\nsortlist 1.1.1.1\n", defaults},
		{"ends of lines of another system", "nameserver 1.1.1.1\r\nsearch a\r\n", with(func(config *Config) {
			config.Servers, config.Search = []netip.AddrPort{netip.MustParseAddrPort("1.1.1.1:53")}, []string{"a"}
		})},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			if found := ParseConfig(each.text); !reflect.DeepEqual(found, each.want) {
				t.Errorf("%+v\nwanted %+v", found, each.want)
			}
		})
	}
}

func TestCandidates(t *testing.T) {
	config := Config{Search: []string{"prod.svc", "svc"}, Dots: 2}
	for host, want := range map[string][]string{
		"db":      {"db.prod.svc.", "db.svc.", "db."},
		"db.prod": {"db.prod.prod.svc.", "db.prod.svc.", "db.prod."},
		"db.a.b":  {"db.a.b.", "db.a.b.prod.svc.", "db.a.b.svc."},
		"db.a.b.": {"db.a.b."},
		"db.":     {"db."},
	} {
		if found := config.Candidates(host); !slices.Equal(found, want) {
			t.Errorf("%s: %q, wanted %q", host, found, want)
		}
	}
}
