package apply

import (
	"context"
	"errors"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"sallyport.dev/redirect/internal/arguments"
	"sallyport.dev/redirect/internal/files"
	"sallyport.dev/redirect/internal/resolver"
	"sallyport.dev/redirect/internal/rules"
)

// rig answers each name with its answers one after the other, the last one for ever.
type rig struct {
	answers map[string][]answer
	paused  int
	written []rules.Table
	refusal error
	stderr  strings.Builder
	stdout  strings.Builder
}

type answer struct {
	addresses []netip.Addr
	failure   *resolver.Failure
}

func at(text string) answer { return answer{addresses: []netip.Addr{netip.MustParseAddr(text)}} }

func failing(temporary bool) answer {
	return answer{failure: &resolver.Failure{Host: "db", Temporary: temporary, Why: "nobody knows"}}
}

func (rig *rig) run(t *testing.T, stateDir string, ctx context.Context) error {
	t.Helper()
	options := arguments.Apply{SidecarUID: 5555, StateDir: stateDir, Databases: []arguments.Database{{Name: "agents/orders", Host: "db", Port: 5432, RedirectPort: 15910}}}
	return Run(ctx, options, Surroundings{
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) {
			next := rig.answers[host][0]
			if len(rig.answers[host]) > 1 {
				rig.answers[host] = rig.answers[host][1:]
			}
			if next.failure != nil {
				return nil, next.failure
			}
			return next.addresses, nil
		},
		Write: func(table rules.Table) error {
			rig.written = append(rig.written, table)
			return rig.refusal
		},
		Now:    func() time.Time { return time.UnixMilli(1764) },
		Pause:  func(context.Context, time.Duration) { rig.paused++ },
		Stdout: &rig.stdout,
		Stderr: &rig.stderr,
	})
}

func TestRun(t *testing.T) {
	cases := []struct {
		name    string
		answers []answer
		paused  int
		applied string
		stderr  string
	}{
		{
			name: "an address", answers: []answer{at("10.0.0.1")},
			applied: `{"databases":[{"database":"agents/orders","addresses":["10.0.0.1"]}],"unixMs":1764}`,
		},
		{
			name: "an address once DNS answers", answers: []answer{failing(true), failing(true), at("fd00::1")}, paused: 2,
			applied: `{"databases":[{"database":"agents/orders","addresses":["fd00::1"]}],"unixMs":1764}`,
		},
		{
			name: "no address", answers: []answer{failing(false)},
			applied: `{"databases":[{"database":"agents/orders","addresses":[],"unresolved":"db: nobody knows"}],"unixMs":1764}`,
			stderr:  "sallyport-redirect: agents/orders: db: nobody knows; until the pod is restarted only its port 5432 is covered\n",
		},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			folder, rig := t.TempDir(), rig{answers: map[string][]answer{"db": each.answers}}
			if err := rig.run(t, folder, context.Background()); err != nil {
				t.Fatal(err)
			}
			text, _ := os.ReadFile(filepath.Join(folder, files.AppliedName))
			if strings.TrimSpace(string(text)) != each.applied || rig.stderr.String() != each.stderr || rig.paused != each.paused {
				t.Errorf("%s%s%d pauses", text, rig.stderr.String(), rig.paused)
			}
			if len(rig.written) != 1 || !strings.Contains(rig.stdout.String(), rig.written[0].Text()) {
				t.Errorf("the rules are not printed: %s", rig.stdout.String())
			}
		})
	}
}

func TestRunDoesNotWaitForDNSForEver(t *testing.T) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	rig := rig{answers: map[string][]answer{"db": {failing(true)}}}
	if err := rig.run(t, t.TempDir(), ctx); err != nil || rig.paused != 0 {
		t.Errorf("%v, %d pauses", err, rig.paused)
	}
}

func TestRunClaimsNothingWhenTheKernelRefuses(t *testing.T) {
	folder, rig := t.TempDir(), rig{answers: map[string][]answer{"db": {at("10.0.0.1")}}, refusal: errors.New("no")}
	if err := rig.run(t, folder, context.Background()); err == nil || err.Error() != "no" {
		t.Errorf("%v", err)
	}
	if _, err := os.Stat(filepath.Join(folder, files.AppliedName)); err == nil {
		t.Error("applied.json is there")
	}
}
