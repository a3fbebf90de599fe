package probe

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"sallyport.dev/redirect/internal/arguments"
	"sallyport.dev/redirect/internal/files"
)

func targets(revision int64, targets ...files.Target) files.Targets {
	return files.Targets{Revision: revision, Targets: targets}
}

// names is a DNS of this process; a name that is not there does not exist.
type names map[string][]netip.Addr

func (names names) lookup(_ context.Context, host string) ([]netip.Addr, error) {
	if found, known := names[host]; known {
		return found, nil
	}
	return nil, errors.New(host + ": DNS knows no address for it")
}

// reached leads every address to one of our listeners, so that outcomes are chosen by address.
func reached(t *testing.T, by map[string]func(conn *net.TCPConn)) func(context.Context, string, string) (net.Conn, error) {
	t.Helper()
	endpoints := map[string]string{}
	for address, serve := range by {
		endpoints[address] = listen(t, serve).String()
	}
	return func(ctx context.Context, network, address string) (net.Conn, error) {
		host, _, _ := net.SplitHostPort(address)
		if endpoint, known := endpoints[host]; known {
			return (&net.Dialer{}).DialContext(ctx, network, endpoint)
		}
		return nil, context.DeadlineExceeded
	}
}

func answers(text string) func(conn *net.TCPConn) {
	return func(conn *net.TCPConn) {
		question(conn)
		_, _ = io.WriteString(conn, text)
		conn.Close()
	}
}

func TestOutcomeIsTheWorst(t *testing.T) {
	dial := reached(t, map[string]func(conn *net.TCPConn){"10.0.0.1": answers("sallyport"), "10.0.0.2": answers("sallyport"), "10.0.0.3": answers("E")})
	at := func(texts ...string) []netip.Addr {
		var found []netip.Addr
		for _, text := range texts {
			found = append(found, netip.MustParseAddr(text))
		}
		return found
	}
	cases := []struct {
		name    string
		now     []netip.Addr
		applied []string
		want    files.Outcome
		detail  string
	}{
		{"all redirected", at("10.0.0.1", "10.0.0.2"), []string{"10.0.0.1", "10.0.0.2"}, files.Redirected, "10.0.0.1 port 5432 leads to the sidecar"},
		{"one of them blocked", at("10.0.0.1", "10.0.0.9"), []string{"10.0.0.1", "10.0.0.9"}, files.Blocked, "10.0.0.9 port 5432 does not answer"},
		{"one of them open", at("10.0.0.1", "10.0.0.3", "10.0.0.9"), []string{"10.0.0.1", "10.0.0.3", "10.0.0.9"}, files.DirectPathOpen, "10.0.0.3 port 5432 is answered by somebody else than the sidecar"},
		{"one that is new", at("10.0.0.1", "10.0.0.2"), []string{"10.0.0.1"}, files.AddressesChanged, "db.test is now also 10.0.0.2, of which the rules of this pod cover port 5432 only; restart the pod"},
		{"one that is new, and open", at("10.0.0.1", "10.0.0.3"), []string{"10.0.0.1"}, files.DirectPathOpen, "10.0.0.3 port 5432 is answered by somebody else than the sidecar"},
		{"one that is gone", at("10.0.0.1"), []string{"10.0.0.1", "10.0.0.2"}, files.Redirected, "10.0.0.1 port 5432 leads to the sidecar"},
		{"one that is gone, and open", at("10.0.0.1"), []string{"10.0.0.1", "10.0.0.3"}, files.DirectPathOpen, "10.0.0.3 port 5432 is answered by somebody else than the sidecar"},
		{"no name any more", nil, []string{"10.0.0.1"}, files.Unresolved, "db.test: DNS knows no address for it"},
		{"no name any more, and open", nil, []string{"10.0.0.3"}, files.DirectPathOpen, "10.0.0.3 port 5432 is answered by somebody else than the sidecar"},
		{"no rules for it", at("10.0.0.1"), nil, files.AddressesChanged, "db.test is now also 10.0.0.1, of which the rules of this pod cover port 5432 only; restart the pod"},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			known := names{}
			if each.now != nil {
				known["db.test"] = each.now
			}
			network := Network{Lookup: known.lookup, Dial: dial, Patience: 5 * time.Second}
			applied := files.Applied{Databases: []files.AppliedDatabase{{Database: "agents/other", Addresses: []string{"10.0.0.3"}}, {Database: "agents/orders", Addresses: each.applied}}}
			found, err := run(context.Background(), network, []files.Target{{Database: "agents/orders", Host: "db.test", Port: 5432}}, applied)
			if err != nil || len(found) != 1 || found[0] != (files.TargetResult{Database: "agents/orders", Outcome: each.want, Detail: each.detail}) {
				t.Errorf("%+v %v", found, err)
			}
		})
	}
}

func TestAttemptsAtOnceAreBounded(t *testing.T) {
	var mutex sync.Mutex
	running, most := 0, 0
	started := make(chan struct{}, 10_000)
	network := Network{Patience: time.Minute, Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
		var many []netip.Addr
		for i := range 20 {
			many = append(many, netip.AddrFrom4([4]byte{10, 0, 0, byte(i)}))
		}
		return many, nil
	}}
	release := make(chan struct{})
	network.Dial = func(context.Context, string, string) (net.Conn, error) {
		mutex.Lock()
		running++
		most = max(most, running)
		mutex.Unlock()
		started <- struct{}{}
		<-release
		mutex.Lock()
		running--
		mutex.Unlock()
		return nil, context.DeadlineExceeded
	}
	go func() {
		for range attemptsAtOnce {
			<-started
		}
		close(release)
	}()
	var many []files.Target
	for i := range 10 {
		many = append(many, files.Target{Database: fmt.Sprintf("agents/number-%d", i), Host: "db.test", Port: 5432})
	}
	if _, err := run(context.Background(), network, many, files.Applied{}); err != nil {
		t.Fatal(err)
	}
	if most != attemptsAtOnce {
		t.Errorf("%d at once", most)
	}
}

// loop runs the probe step by step: each step lasts until it pauses.
type loop struct {
	folder string
	now    time.Time
	steps  chan struct{}
	paused chan struct{}
	ended  chan struct{}
	cancel func()
	stderr strings.Builder
	rounds int
}

func start(t *testing.T) *loop {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	loop := &loop{folder: t.TempDir(), now: time.UnixMilli(1_000_000), steps: make(chan struct{}), paused: make(chan struct{}), ended: make(chan struct{}), cancel: cancel}
	lookup := func(context.Context, string) ([]netip.Addr, error) {
		loop.rounds++
		return []netip.Addr{netip.MustParseAddr("10.0.0.1")}, nil
	}
	with := Surroundings{
		Network: Network{Lookup: lookup, Patience: time.Second, Dial: func(context.Context, string, string) (net.Conn, error) { return nil, context.DeadlineExceeded }},
		Now:     func() time.Time { return loop.now },
		Pause: func(ctx context.Context, _ time.Duration) {
			loop.paused <- struct{}{}
			select {
			case <-loop.steps:
			case <-ctx.Done():
			}
		},
		Stderr: &loop.stderr,
	}
	go func() {
		Run(ctx, arguments.Probe{StateDir: loop.folder, Interval: time.Minute}, with)
		close(loop.ended)
	}()
	<-loop.paused
	t.Cleanup(loop.end)
	return loop
}

func (loop *loop) end() {
	loop.cancel()
	<-loop.ended
}

func (loop *loop) step(later time.Duration) {
	loop.now = loop.now.Add(later)
	loop.steps <- struct{}{}
	<-loop.paused
}

func (loop *loop) write(t *testing.T, revision int64) {
	t.Helper()
	if err := files.Write(loop.folder, files.TargetsName, targets(revision, files.Target{Database: "agents/orders", Host: "db.test", Port: 5432})); err != nil {
		t.Fatal(err)
	}
}

func (loop *loop) result(t *testing.T) string {
	t.Helper()
	found, err := files.Read[files.Result](loop.folder, files.ResultName)
	if err != nil {
		return "none"
	}
	return fmt.Sprintf("revision %d at %d", found.Revision, found.UnixMs)
}

func TestRunProbesWhenTargetsChangeAndAfterTheInterval(t *testing.T) {
	loop := start(t)
	expect := func(rounds int, result string) {
		t.Helper()
		if loop.rounds != rounds || loop.result(t) != result {
			t.Errorf("%d rounds, %s; wanted %d, %s", loop.rounds, loop.result(t), rounds, result)
		}
	}
	expect(0, "none")
	loop.step(time.Hour)
	expect(0, "none")
	loop.write(t, 1)
	loop.step(time.Second)
	expect(1, "revision 1 at 4601000")
	loop.step(59 * time.Second)
	expect(1, "revision 1 at 4601000")
	loop.step(time.Second)
	expect(2, "revision 1 at 4661000")
	loop.write(t, 2)
	loop.step(time.Second)
	expect(3, "revision 2 at 4662000")
	loop.step(59 * time.Second)
	expect(3, "revision 2 at 4662000")
	loop.end()
	if loop.stderr.String() != "" {
		t.Error(loop.stderr.String())
	}
}

func TestRunSaysOnceWhatItCannotRead(t *testing.T) {
	loop := start(t)
	if err := os.WriteFile(filepath.Join(loop.folder, files.TargetsName), []byte("{"), 0o644); err != nil {
		t.Fatal(err)
	}
	loop.step(time.Second)
	loop.step(time.Second)
	if loop.result(t) != "none" {
		t.Error(loop.result(t))
	}
	loop.write(t, 3)
	loop.step(time.Second)
	if loop.result(t) != "revision 3 at 1003000" {
		t.Error(loop.result(t))
	}
	loop.end()
	if said := loop.stderr.String(); strings.Count(said, "\n") != 1 || !strings.HasPrefix(said, "sallyport-redirect: targets.json is not what the sidecar writes: ") {
		t.Errorf("%q", said)
	}
}

func TestResultHasEveryTarget(t *testing.T) {
	network := Network{Lookup: names{}.lookup, Patience: time.Second}
	wanted := []files.Target{{Database: "a/one", Host: "one"}, {Database: "a/two", Host: "two"}}
	found, err := run(context.Background(), network, wanted, files.Applied{})
	encoded, _ := json.Marshal(found)
	want := `[{"database":"a/one","outcome":"Unresolved","detail":"one: DNS knows no address for it"},{"database":"a/two","outcome":"Unresolved","detail":"two: DNS knows no address for it"}]`
	if err != nil || string(encoded) != want {
		t.Errorf("%s %v", encoded, err)
	}
	if found, err := run(context.Background(), network, nil, files.Applied{}); err != nil || found == nil {
		t.Errorf("an empty list must be one: %v %v", found, err)
	}
}
