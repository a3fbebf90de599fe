package lab

import (
	"syscall"
	"testing"
)

// What the kernel says to the process that tried.
const (
	refused = "connection refused"
	notSent = "operation not permitted"
	waiting = "operation now in progress"
)

func TestWaysOfTheApplication(t *testing.T) {
	world := newWorld(t)
	world.apply(t, databases...)
	cases := []struct {
		name string
		way  attempt
		want string
	}{
		{"the address its name has, IPv4", attempt{Address: "10.77.1.3:5432"}, "sidecar 127.0.0.1:15910"},
		{"the address its name has, IPv6", attempt{Address: "[fd77:1::3]:5432"}, "sidecar [::1]:15910"},
		{"an IPv4 address in an IPv6 socket", attempt{Address: "[::ffff:10.77.1.3]:5432"}, "sidecar 127.0.0.1:15910"},
		{"an address that was given", attempt{Address: "[fd77:1::6]:6543"}, "sidecar [::1]:15914"},
		{"the first of two with one port", attempt{Address: "10.77.1.1:3306"}, "sidecar 127.0.0.1:15911"},
		{"the second of two with one port", attempt{Address: "10.77.1.2:3306"}, "sidecar 127.0.0.1:15912"},
		{"the second of two in an IPv6 socket", attempt{Address: "[::ffff:10.77.1.2]:3306"}, "sidecar 127.0.0.1:15912"},
		{"their port at any other address", attempt{Address: foreign + ":3306"}, refused},
		{"their port at any other address, IPv6", attempt{Address: "[" + foreign6 + "]:3306"}, refused},
		{"a Database's port at any address", attempt{Address: foreign + ":5432"}, "sidecar 127.0.0.1:15910"},
		{"a Database's port at any address, IPv6", attempt{Address: "[" + foreign6 + "]:5432"}, "sidecar [::1]:15910"},
		{"the port of one whose name did not resolve", attempt{Address: foreign + ":7000"}, "sidecar 127.0.0.1:15913"},
		{"another port of a Database's address", attempt{Address: "10.77.1.3:6000"}, refused},
		{"another port, IPv6", attempt{Address: "[fd77:1::3]:6000"}, refused},
		{"another port in an IPv6 socket", attempt{Address: "[::ffff:10.77.1.3]:6000"}, refused},
		{"UDP to a Database's port", attempt{Network: "udp", Address: "10.77.1.3:5432"}, notSent},
		{"UDP to a Database's port at any address", attempt{Network: "udp", Address: foreign + ":5432"}, notSent},
		{"UDP to a Database's port at any address, IPv6", attempt{Network: "udp", Address: "[" + foreign6 + "]:5432"}, notSent},
		{"UDP to another port of its address", attempt{Network: "udp", Address: "10.77.1.3:6000"}, notSent},
		{"UDP to another port of its address, IPv6", attempt{Network: "udp", Address: "[fd77:1::3]:6000"}, notSent},
		{"UDP Lite to its address", attempt{Network: "udplite", Address: "10.77.1.3:6000"}, notSent},
		{"ICMP to its address", attempt{Network: "icmp", Address: "10.77.1.3:0"}, notSent},
		{"ICMP to its address, IPv6", attempt{Network: "icmp", Address: "[fd77:1::3]:0"}, refused},
		{"a source address of its own", attempt{Address: "10.77.1.3:5432", Bind: "10.77.0.2:0"}, "sidecar 127.0.0.1:15910"},
		{"a source address of its own, IPv6", attempt{Address: "[fd77:1::3]:5432", Bind: "[fd77::2]:0"}, "sidecar [::1]:15910"},
		{"TCP fast open", attempt{Network: "fastopen", Address: "10.77.1.3:5432"}, "sidecar 127.0.0.1:15910"},
		{"TCP fast open to another port", attempt{Network: "fastopen", Address: "10.77.1.3:6000"}, refused},
		{"multipath TCP to another port", attempt{Network: "mptcp", Address: "10.77.1.3:6000"}, refused},
		{"multipath TCP", attempt{Network: "mptcp", Address: "10.77.1.3:5432"}, "sidecar 127.0.0.1:15910"},
		{"a socket bound to the device", attempt{Address: "10.77.1.3:5432", Device: "eth0"}, waiting},
		{"a mark needs a capability", attempt{Address: "10.77.1.3:5432", Mark: 1337}, notSent},
		{"what is no Database's", attempt{Address: foreign + ":6000"}, "database " + foreign + ":6000"},
		{"what is no Database's, IPv6", attempt{Address: "[" + foreign6 + "]:6000"}, "database [" + foreign6 + "]:6000"},
		{"what is no Database's, UDP", attempt{Network: "udp", Address: foreign + ":6000"}, "database " + foreign + ":6000"},
		{"the sidecar at loopback", attempt{Address: "127.0.0.1:15910"}, "sidecar 127.0.0.1:15910"},
		{"the sidecar at a localPort", attempt{Address: "127.0.0.1:3306"}, "sidecar 127.0.0.1:3306"},
		{"the sidecar at a localPort, IPv6", attempt{Address: "[::1]:3306"}, "sidecar [::1]:3306"},
		{"a Database's port at loopback", attempt{Address: "127.0.0.1:5432"}, refused},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			if found := world.try(t, applicationUID, each.way); found.String() != each.want {
				t.Errorf("%q, wanted %q", found, each.want)
			}
		})
	}
}

func TestWaysOfOthers(t *testing.T) {
	world := newWorld(t)
	world.apply(t, databases...)
	inside := &syscall.SysProcAttr{
		Credential:  &syscall.Credential{Uid: sidecarUID, Gid: 0, NoSetGroups: true},
		Cloneflags:  syscall.CLONE_NEWUSER,
		UidMappings: []syscall.SysProcIDMap{{ContainerID: sidecarUID, HostID: applicationUID, Size: 1}},
		GidMappings: []syscall.SysProcIDMap{{ContainerID: 0, HostID: applicationUID, Size: 1}},
	}
	as := func(uid uint32) *syscall.SysProcAttr {
		return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}
	}
	cases := []struct {
		name string
		who  *syscall.SysProcAttr
		way  attempt
		want string
	}{
		{"the sidecar reaches a Database, IPv4", as(sidecarUID), attempt{Address: "10.77.1.3:5432"}, "database 10.77.1.3:5432"},
		{"the sidecar reaches a Database, IPv6", as(sidecarUID), attempt{Address: "[fd77:1::3]:5432"}, "database [fd77:1::3]:5432"},
		{"the sidecar reaches a Database whose address is new", as(sidecarUID), attempt{Address: foreign + ":5432"}, "database " + foreign + ":5432"},
		{"the probe is treated as the application", as(probeUID), attempt{Address: "10.77.1.3:5432"}, "sidecar 127.0.0.1:15910"},
		{"root is treated as the application", as(0), attempt{Address: "10.77.1.3:5432"}, "sidecar 127.0.0.1:15910"},
		{"root with a mark", as(0), attempt{Address: "10.77.1.3:5432", Mark: 1337}, "sidecar 127.0.0.1:15910"},
		{"root with a mark, another port", as(0), attempt{Address: "10.77.1.3:6000", Mark: 1337}, refused},
		{"the sidecar's UID in a user namespace of the application's", inside, attempt{Address: "10.77.1.3:5432"}, "sidecar 127.0.0.1:15910"},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			found := world.tryWith(t, each.who, each.way)
			if found.String() != each.want || found.UID != each.who.Credential.Uid {
				t.Errorf("as %d %q, wanted %q", found.UID, found, each.want)
			}
		})
	}
}

func TestEstablishedConnectionsOutliveTheRulesBeingMadeAgain(t *testing.T) {
	world := newWorld(t)
	world.apply(t, databases...)
	direct := world.pod.as(t, sidecarUID, "talk", "10.77.1.3:5432")
	redirected := world.pod.as(t, applicationUID, "talk", "10.77.1.3:5432")
	direct.line(t)
	redirected.line(t)
	before := world.rules(t)
	world.apply(t, databases...)
	if after := world.rules(t); after != before {
		t.Errorf("the second time the rules are others\n%s\n%s", before, after)
	}
	for _, each := range []struct {
		process *process
		want    string
	}{{direct, "database 10.77.1.3:5432"}, {redirected, "sidecar 127.0.0.1:15910"}} {
		each.process.say(t, "still there?")
		if said := each.process.line(t); said != each.want {
			t.Errorf("%q, wanted %q", said, each.want)
		}
	}
}

func TestAPodWithoutIPv6(t *testing.T) {
	world := newWorld(t)
	world.pod.sysctl(t, "ipv6.conf.all.disable_ipv6", "1")
	world.apply(t, databases...)
	if found := world.try(t, applicationUID, attempt{Address: "10.77.1.3:5432"}); found.String() != "sidecar 127.0.0.1:15910" {
		t.Errorf("%q", found)
	}
	if found := world.try(t, applicationUID, attempt{Address: "[fd77:1::3]:5432"}); found.Reached != "" {
		t.Errorf("%q", found)
	}
}
