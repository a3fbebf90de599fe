package lab

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"sallyport.dev/redirect/internal/files"
	"sallyport.dev/redirect/internal/resolver"
)

func TestAnUnresolvedNameIsSaidAndDoesNotEndIt(t *testing.T) {
	world := newWorld(t)
	_, said := world.apply(t, databases...)
	want := "sallyport-redirect: agents/lost: lost.test: DNS knows no address for it; until the pod is restarted only its port 7000 is covered\n"
	if said != want {
		t.Errorf("%q, wanted %q", said, want)
	}
	applied, err := files.Read[files.Applied](world.stateDir, files.AppliedName)
	if err != nil {
		t.Fatal(err)
	}
	encoded, _ := json.Marshal(applied.Databases)
	wanted := `[{"database":"agents/orders","addresses":["10.77.1.3","fd77:1::3"]},` +
		`{"database":"agents/billing","addresses":["10.77.1.1"]},{"database":"agents/reports","addresses":["10.77.1.2"]},` +
		`{"database":"agents/lost","addresses":[],"unresolved":"lost.test: DNS knows no address for it"},` +
		`{"database":"agents/six","addresses":["fd77:1::6"]}]`
	if string(encoded) != wanted || applied.UnixMs == 0 {
		t.Errorf("%s\nwanted %s", encoded, wanted)
	}
}

func TestTheHostsFileIsNotAsked(t *testing.T) {
	world := newWorld(t)
	if text, err := os.ReadFile("/etc/hosts"); err != nil || !strings.Contains(string(text), "localhost") {
		t.Skip("this machine's hosts file does not name localhost")
	}
	if _, said := world.apply(t, "--database=agents/orders=localhost:5432=15910"); !strings.Contains(said, "DNS knows no address") {
		t.Errorf("%q", said)
	}
}

// What nft(8) makes of the text is what the kernel holds: two encoders that know nothing of each other agree.
func TestTheKernelHoldsWhatTheTextSays(t *testing.T) {
	world := newWorld(t)
	said, _ := world.apply(t, databases...)
	_, text, _ := strings.Cut(said, "\n")
	other := newNamespace(t)
	held := world.rules(t)
	other.run(t, "nft", "-f", world.script(t, text))
	if meant := other.run(t, "nft", "list", "table", "inet", "sallyport"); held != meant {
		t.Errorf("the kernel holds\n%s\nnft makes of the text\n%s", held, meant)
	}
}

func TestTablesOfOthersStay(t *testing.T) {
	world := newWorld(t)
	world.nft(t, "add", "table", "inet", "other")
	world.apply(t, databases...)
	world.apply(t)
	if tables := world.nft(t, "list", "tables"); tables != "table inet other\ntable inet sallyport\n" {
		t.Errorf("%q", tables)
	}
}

func TestWithoutTheCapability(t *testing.T) {
	world := newWorld(t)
	applied := world.pod.as(t, applicationUID, "command", world.resolvConf, "apply", "--sidecar-uid=5555", "--state-dir="+world.stateDir)
	code, _ := applied.end()
	want := "sallyport-redirect: the rules were not taken by the kernel: the capability NET_ADMIN is missing; allow it for the container sallyport-redirect, or use interception Local in this namespace ("
	if code != 1 || !strings.HasPrefix(applied.stderr.String(), want) || strings.Count(applied.stderr.String(), "\n") != 1 {
		t.Errorf("%d %s", code, applied.stderr)
	}
	if _, err := os.Stat(filepath.Join(world.stateDir, files.AppliedName)); err == nil {
		t.Error("it claims to have applied something")
	}
}

func TestAStateDirectoryThatIsNotThere(t *testing.T) {
	world := newWorld(t)
	applied := world.pod.as(t, 0, "command", world.resolvConf, "apply", "--sidecar-uid=5555", "--state-dir=/nowhere/at/all")
	if code, _ := applied.end(); code != 1 || !strings.Contains(applied.stderr.String(), "the volume of --state-dir must be mounted and writable") {
		t.Errorf("%d %s", code, applied.stderr)
	}
}

// As many as there can be, each with as many addresses as a large headless Service may have; also where root is root of a
// user namespace only, as in a pod with hostUsers: false, and can have no more memory for netlink than others.
func TestTheMostDatabases(t *testing.T) {
	world := newWorld(t)
	var args []string
	for port := 15910; port <= 15999; port++ {
		args = append(args, fmt.Sprintf("--database=agents/number-%d=%d.many.test:%d=%d", port, port, port-10_000, port))
	}
	for name, attributes := range map[string]*syscall.SysProcAttr{"with NET_ADMIN": onlyNetAdmin(), "as root of a user namespace": rootOfAUserNamespace()} {
		t.Run(name, func(t *testing.T) {
			applied := world.pod.with(t, attributes, "many", append([]string{"apply", "--sidecar-uid=5555", "--state-dir=" + world.stateDir}, args...)...)
			if code, _ := applied.end(); code != 0 {
				t.Errorf("%d %s", code, applied.stderr)
			}
		})
	}
}

// manyAddresses stands in for DNS: 40 addresses of each family for N.many.test.
func manyAddresses(host string) ([]netip.Addr, error) {
	number, err := strconv.Atoi(strings.TrimSuffix(host, ".many.test"))
	if err != nil {
		return nil, &resolver.Failure{Host: host, Why: err.Error()}
	}
	var addresses []netip.Addr
	for i := range 40 {
		addresses = append(addresses,
			netip.AddrFrom4([4]byte{10, byte(number >> 8), byte(number), byte(i)}),
			netip.AddrFrom16([16]byte{0: 0xfd, 12: byte(number >> 8), 13: byte(number), 15: byte(i)}))
	}
	return addresses, nil
}
