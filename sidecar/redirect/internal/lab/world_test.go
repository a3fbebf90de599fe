package lab

import (
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

// world is a pod with its sidecar's listeners, and one machine outside that has every other address.
type world struct {
	pod     namespace
	outside namespace
	server  *process
	sidecar *process
	// resolvConf leads to a DNS server outside that knows the names orders.test and moved.test.
	resolvConf string
	stateDir   string
}

const (
	gateway  = "10.77.0.1"
	gateway6 = "fd77::1"
	// In no way the business of a Database.
	foreign  = "10.77.9.9"
	foreign6 = "fd77:9::9"
)

// Two Databases share a port, one has a name, one does not resolve, one has IPv6 only.
var databases = []string{
	"--database=agents/orders=orders.test:5432=15910",
	"--database=agents/billing=10.77.1.1:3306=15911",
	"--database=agents/reports=10.77.1.2:3306=15912",
	"--database=agents/lost=lost.test:7000=15913",
	"--database=agents/six=[fd77:1::6]:6543=15914",
}

var (
	serverPorts     = []string{"3306", "5432", "6000", "6543", "7000"}
	serverAddresses = []string{"10.77.1.1", "10.77.1.2", "10.77.1.3", foreign, "fd77:1::3", "fd77:1::6", foreign6}
)

func newWorld(t *testing.T) world {
	t.Helper()
	needsRoot(t)
	folder := openFolder(t)
	made := world{pod: newNamespace(t), outside: newNamespace(t), resolvConf: filepath.Join(folder, "resolv.conf"), stateDir: folder}
	made.connect(t)
	if err := os.WriteFile(made.resolvConf, []byte("nameserver "+gateway+"\nsearch test\noptions timeout:1 attempts:1\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	names := made.outside.as(t, 0, "dns", gateway+":53", "orders.test.=10.77.1.3,fd77:1::3", "moved.test.=10.77.1.3,"+foreign)
	made.server = made.outside.as(t, 0, "serve", append([]string{"database"}, serverListeners()...)...)
	made.sidecar = made.pod.as(t, sidecarUID, "serve", append([]string{"sidecar"}, sidecarListeners()...)...)
	for _, each := range []*process{names, made.server, made.sidecar} {
		if said := each.line(t); said != "ready" {
			t.Fatalf("said %q", said)
		}
	}
	return made
}

// connect lays the cable. The pod routes everything to the other end.
func (world world) connect(t *testing.T) {
	t.Helper()
	world.pod.run(t, "ip", "link", "add", "eth0", "type", "veth", "peer", "name", "eth0", "netns", world.outside.path())
	for _, each := range []namespace{world.pod, world.outside} {
		each.run(t, "ip", "link", "set", "lo", "up")
		each.run(t, "ip", "link", "set", "eth0", "up")
	}
	world.pod.address(t, "10.77.0.2/24", "eth0")
	world.pod.address(t, "fd77::2/64", "eth0")
	world.outside.address(t, gateway+"/24", "eth0")
	world.outside.address(t, gateway6+"/64", "eth0")
	for _, address := range serverAddresses {
		world.outside.address(t, address, "lo")
	}
	world.pod.run(t, "ip", "route", "add", "default", "via", gateway)
	world.pod.run(t, "ip", "-6", "route", "add", "default", "via", gateway6)
	world.pod.sysctl(t, "ipv4.ping_group_range", "0 65535")
}

// address is usable at once: nobody is asked whether it is a duplicate.
func (in namespace) address(t *testing.T, address, device string) {
	t.Helper()
	words := []string{"ip", "address", "add", address, "dev", device}
	if strings.Contains(address, ":") {
		words = append(words, "nodad")
	}
	in.run(t, words...)
}

func serverListeners() []string {
	var listeners []string
	for _, port := range serverPorts {
		listeners = append(listeners, "tcp4:0.0.0.0:"+port, "tcp6:[::]:"+port)
		for _, address := range serverAddresses {
			listeners = append(listeners, "udp:"+endpoint(address, port))
		}
	}
	// What only somebody on that machine should reach.
	return append(listeners, "udp4:127.0.0.1:6000")
}

func sidecarListeners() []string {
	// A localPort, which happens to be the port of Databases.
	listeners := []string{"tcp4:127.0.0.1:3306", "tcp6:[::1]:3306"}
	for port := 15910; port <= 15914; port++ {
		listeners = append(listeners, fmt.Sprintf("tcp4:127.0.0.1:%d", port), fmt.Sprintf("tcp6:[::1]:%d", port))
	}
	return listeners
}

func endpoint(address, port string) string {
	if strings.Contains(address, ":") {
		return "[" + address + "]:" + port
	}
	return address + ":" + port
}

// onlyNetAdmin is what the init container has: no capability but NET_ADMIN. (There its UID is 0, which here would keep all.)
func onlyNetAdmin() *syscall.SysProcAttr {
	const capNetAdmin = 12
	return &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 4242, Gid: 4242}, AmbientCaps: []uintptr{capNetAdmin}}
}

// apply makes the rules and gives what was said on stdout and on stderr.
func (world world) apply(t *testing.T, databases ...string) (string, string) {
	t.Helper()
	args := append([]string{world.resolvConf, "apply", "--sidecar-uid=5555", "--state-dir=" + world.stateDir}, databases...)
	applied := world.pod.with(t, onlyNetAdmin(), "command", args...)
	code, lines := applied.end()
	if code != 0 {
		t.Fatalf("apply ended with %d\n%s", code, applied.stderr)
	}
	return strings.Join(lines, "\n"), applied.stderr.String()
}

// rules gives the table as nft(8) lists it.
func (world world) rules(t *testing.T) string {
	t.Helper()
	return world.nft(t, "list", "table", "inet", "sallyport")
}

func (world world) nft(t *testing.T, words ...string) string {
	t.Helper()
	if _, err := exec.LookPath("nft"); err != nil {
		t.Skip("nft(8) is not installed: install nftables")
	}
	return world.pod.run(t, append([]string{"nft"}, words...)...)
}

// script is a file for nft(8).
func (world world) script(t *testing.T, text string) string {
	t.Helper()
	path := filepath.Join(world.stateDir, "script.nft")
	if err := os.WriteFile(path, []byte(text+"\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	return path
}

// arrivals gives what the machine outside has seen so far: the sidecar's own datagram comes last.
func (world world) arrivals(t *testing.T) []string {
	t.Helper()
	marker := attempt{Network: "udp", Address: "10.77.1.1:7000", Text: "marker"}
	if found := world.try(t, sidecarUID, marker); found.Reached == "" {
		t.Fatalf("the marker was not answered: %s", found)
	}
	var seen []string
	for {
		line := world.server.line(t)
		if strings.HasPrefix(line, "udp 10.77.1.1:7000") {
			return seen
		}
		seen = append(seen, line)
	}
}

func (world world) try(t *testing.T, uid uint32, way attempt) result {
	t.Helper()
	return world.tryWith(t, &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: uid, Gid: uid}}, way)
}

func (world world) tryWith(t *testing.T, attributes *syscall.SysProcAttr, way attempt) result {
	t.Helper()
	encoded, err := json.Marshal(way)
	if err != nil {
		t.Fatal(err)
	}
	var found result
	if err := json.Unmarshal([]byte(world.pod.with(t, attributes, "try", string(encoded)).line(t)), &found); err != nil {
		t.Fatal(err)
	}
	return found
}
