package lab

import (
	"slices"
	"strings"
	"testing"
)

// Those of `databases`, by address: what is tested here is not how they came about.
var addressed = []string{
	"--database=agents/orders=10.77.1.3:5432=15910",
	"--database=agents/billing=10.77.1.1:3306=15911",
	"--database=agents/reports=10.77.1.2:3306=15912",
	"--database=agents/six=[fd77:1::6]:6543=15914",
	"--database=agents/third=[fd77:1::3]:3306=15913",
}

const (
	everyIPv4 = "ip daddr { 10.77.1.1, 10.77.1.2, 10.77.1.3 }"
	everyIPv6 = "ip6 daddr { fd77:1::3, fd77:1::6 }"
	everyPort = "dport { 3306, 5432, 6543 }"
)

// Each rule is taken away once, and then the way it closes, or opens, leads elsewhere.
func TestEveryRuleIsNeeded(t *testing.T) {
	world := newWorld(t)
	cases := []struct {
		rule    string
		uid     uint32
		way     attempt
		with    string
		without string
	}{
		{"meta skuid 5555 return", sidecarUID, attempt{Address: "10.77.1.3:5432"}, "database 10.77.1.3:5432", "sidecar 127.0.0.1:15910"},
		{"ip daddr 127.0.0.0/8 return", applicationUID, attempt{Address: "127.0.0.1:5432"}, refused, "sidecar 127.0.0.1:15910"},
		{"ip6 daddr ::1 return", applicationUID, attempt{Address: "[::1]:5432"}, refused, "sidecar [::1]:15910"},
		{`ip daddr 10.77.1.1 tcp dport 3306 redirect to :15911 comment "agents/billing"`, applicationUID, attempt{Address: "10.77.1.1:3306"}, "sidecar 127.0.0.1:15911", refused},
		{`ip6 daddr fd77:1::3 tcp dport 3306 redirect to :15913 comment "agents/third"`, applicationUID, attempt{Address: "[fd77:1::3]:3306"}, "sidecar [::1]:15913", refused},
		{`tcp dport 5432 redirect to :15910 comment "agents/orders"`, applicationUID, attempt{Address: foreign + ":5432"}, "sidecar 127.0.0.1:15910", refused},
		{"meta skuid 5555 accept", sidecarUID, attempt{Address: "10.77.1.3:5432"}, "database 10.77.1.3:5432", refused},
		{"ip daddr 127.0.0.0/8 accept", applicationUID, attempt{Address: "127.0.0.1:3306"}, "sidecar 127.0.0.1:3306", refused},
		{"ip6 daddr ::1 accept", applicationUID, attempt{Address: "[::1]:3306"}, "sidecar [::1]:3306", refused},
		{"tcp " + everyPort + " reject with tcp reset", applicationUID, attempt{Address: foreign + ":3306"}, refused, "database " + foreign + ":3306"},
		{"udp " + everyPort + " reject with icmpx port-unreachable", applicationUID, attempt{Network: "udp", Address: foreign + ":5432"}, notSent, "database " + foreign + ":5432"},
		{"meta l4proto tcp " + everyIPv4 + " reject with tcp reset", applicationUID, attempt{Address: "10.77.1.3:6000"}, refused, waiting},
		{"meta l4proto tcp " + everyIPv6 + " reject with tcp reset", applicationUID, attempt{Address: "[fd77:1::6]:6000"}, refused, waiting},
		{everyIPv4 + " reject with icmpx port-unreachable", applicationUID, attempt{Network: "udp", Address: "10.77.1.3:6000"}, notSent, "database 10.77.1.3:6000"},
		{everyIPv6 + " reject with icmpx port-unreachable", applicationUID, attempt{Network: "udp", Address: "[fd77:1::6]:6000"}, notSent, "database [fd77:1::6]:6000"},
	}
	for _, each := range cases {
		t.Run(each.rule, func(t *testing.T) {
			world.apply(t, addressed...)
			if found := world.try(t, each.uid, each.way); found.String() != each.with {
				t.Errorf("with it %q, wanted %q", found, each.with)
			}
			world.applyWithout(t, each.rule)
			if found := world.try(t, each.uid, each.way); found.String() != each.without {
				t.Errorf("without it %q, wanted %q", found, each.without)
			}
		})
	}
}

// Ways of which nothing comes back, or of which the kernel tells the sender nothing: what counts is what arrives outside.
func TestNothingArrives(t *testing.T) {
	world := newWorld(t)
	for _, name := range []string{"ipv4.conf.%.accept_source_route", "ipv4.conf.%.route_localnet", "ipv6.conf.%.seg6_enabled"} {
		for _, device := range []string{"all", "eth0"} {
			world.outside.sysctl(t, strings.Replace(name, "%", device, 1), "1")
		}
	}
	cases := []struct {
		rule string
		// UID 0 where this kernel asks for a capability that older ones do not ask for.
		uid     uint32
		way     attempt
		arrives string
	}{
		{"ip option lsrr exists reject with icmpx port-unreachable", 0, attempt{Network: "udp", Address: "10.77.1.3:6000", Via: gateway}, `udp 10.77.1.3:6000 "hello\n"`},
		{"ip option ssrr exists reject with icmpx port-unreachable", 0, attempt{Network: "udp", Address: "10.77.1.3:6000", Via: gateway, Strict: true}, `udp 10.77.1.3:6000 "hello\n"`},
		{"exthdr rt exists reject with icmpx port-unreachable", applicationUID, attempt{Network: "udp", Address: "[fd77:1::6]:6000", Via: gateway6}, `udp [fd77:1::6]:6000 "hello\n"`},
		{`oifname != "lo" ip daddr 127.0.0.0/8 drop`, applicationUID, attempt{Network: "udp", Address: "127.0.0.1:6000", Device: "eth0"}, `udp 127.0.0.1:6000 "hello\n"`},
	}
	for _, each := range cases {
		t.Run(each.rule, func(t *testing.T) {
			world.apply(t, addressed...)
			world.try(t, each.uid, each.way)
			if seen := world.arrivals(t); slices.Contains(seen, each.arrives) {
				t.Errorf("with it arrived %q", seen)
			}
			world.applyWithout(t, each.rule)
			said := world.try(t, each.uid, each.way)
			if seen := world.arrivals(t); !slices.Contains(seen, each.arrives) {
				t.Errorf("without it arrived %q, wanted %q; the sender got %q", seen, each.arrives, said)
			}
		})
	}
}

// A connection of the sidecar that died without a word is established for the pod's connection tracking, and its server
// answers to whoever opens one from the same port. Rules that let pass what is established would let this pass.
func TestADeadConnectionIsNotOpenedAnewByTheApplication(t *testing.T) {
	for _, each := range []struct {
		name string
		rule string
		want string
	}{
		{"with the rules", "", refused},
		{"without the one that leaves out SYN", "tcp flags & (syn | ack) != syn", "database 10.77.1.3:5432"},
	} {
		t.Run(each.name, func(t *testing.T) {
			world := newWorld(t)
			world.apply(t, addressed...)
			if each.rule != "" {
				world.applyWithout(t, each.rule)
			}
			dying := world.pod.as(t, 0, "die-silently", "10.77.1.3:5432")
			address := dying.line(t)
			for world.server.line(t) != "vanished" {
				continue
			}
			if code, _ := dying.end(); code != 0 {
				t.Fatal(dying.stderr)
			}
			if found := world.try(t, applicationUID, attempt{Address: "10.77.1.3:5432", Bind: address}); found.String() != each.want {
				t.Errorf("%q, wanted %q", found, each.want)
			}
		})
	}
}

// What a process wrote before it ended is still to be delivered, and then its segments have no UID.
func TestTheLastSegmentsOfTheSidecarPass(t *testing.T) {
	for _, each := range []struct {
		name string
		rule string
		want string
	}{
		{"with the rules", "", "all of it"},
		{"without what is established", "ct state established tcp flags & (syn | ack) != syn accept", "i/o timeout"},
	} {
		t.Run(each.name, func(t *testing.T) {
			world := newWorld(t)
			world.apply(t, addressed...)
			if each.rule != "" {
				world.applyWithout(t, each.rule)
			}
			sidecar := world.pod.as(t, sidecarUID, "leave-much", "10.77.1.3:5432")
			address := sidecar.line(t)
			sidecar.end()
			world.server.say(t, "read on")
			for {
				said, found := strings.CutPrefix(world.server.line(t), "end of "+address+": ")
				if found && !strings.HasSuffix(said, each.want) {
					t.Errorf("%q, wanted %q", said, each.want)
				}
				if found {
					return
				}
			}
		})
	}
}

// Other machines drop what comes to their loopback address from elsewhere, so it is counted on its way out.
func TestIPv6LoopbackDoesNotLeave(t *testing.T) {
	world := newWorld(t)
	counted := func() bool {
		world.nft(t, "-f", world.script(t, `
			table inet witness {
				chain leaving {
					type filter hook postrouting priority 100; policy accept;
					oifname "eth0" ip6 daddr ::1 counter
				}
			}`))
		world.try(t, applicationUID, attempt{Network: "udp", Address: "[::1]:6000", Device: "eth0"})
		listed := world.nft(t, "list", "table", "inet", "witness")
		world.nft(t, "delete", "table", "inet", "witness")
		return !strings.Contains(listed, "counter packets 0 ")
	}
	world.apply(t, addressed...)
	if counted() {
		t.Error("with the rules it leaves")
	}
	world.applyWithout(t, `oifname != "lo" ip6 daddr ::1 drop`)
	if !counted() {
		t.Error("without the rule it does not leave either")
	}
}

// applyWithout makes the rules for `addressed` without one of them, or without one match of them.
func (world world) applyWithout(t *testing.T, rule string) {
	t.Helper()
	args := append([]string{rule, "--sidecar-uid=5555", "--state-dir=" + world.stateDir}, addressed...)
	applied := world.pod.as(t, 0, "without", args...)
	if code, _ := applied.end(); code != 0 {
		t.Fatalf("%s", applied.stderr)
	}
}
