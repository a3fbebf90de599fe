package lab

import (
	"encoding/json"
	"testing"

	"sallyport.dev/redirect/internal/files"
)

func TestProbe(t *testing.T) {
	orders := "--database=agents/orders=orders.test:5432=15910"
	target := func(database, host string, port uint16) files.Target {
		return files.Target{Database: database, Host: host, Port: port, Engine: "PostgreSQL"}
	}
	cases := []struct {
		name    string
		applied []string
		targets []files.Target
		want    []files.TargetResult
	}{
		{
			"the rules stand", []string{orders},
			[]files.Target{target("agents/orders", "orders.test", 5432)},
			[]files.TargetResult{{Database: "agents/orders", Outcome: files.Redirected, Detail: "10.77.1.3 port 5432 leads to the sidecar"}},
		},
		{
			"there are no rules", nil,
			[]files.Target{target("agents/orders", "orders.test", 5432)},
			[]files.TargetResult{{Database: "agents/orders", Outcome: files.DirectPathOpen, Detail: "10.77.1.3 port 5432 is answered by somebody else than the sidecar"}},
		},
		{
			"nobody listens for this Database", []string{"--database=agents/orders=orders.test:5432=15999"},
			[]files.Target{target("agents/orders", "orders.test", 5432)},
			[]files.TargetResult{{Database: "agents/orders", Outcome: files.Blocked, Detail: "10.77.1.3 port 5432 is closed: connection refused"}},
		},
		{
			"its port is now another", []string{orders},
			[]files.Target{target("agents/orders", "orders.test", 6000)},
			[]files.TargetResult{{Database: "agents/orders", Outcome: files.Blocked, Detail: "10.77.1.3 port 6000 is closed: connection refused"}},
		},
		{
			"its name has another address", []string{orders},
			[]files.Target{target("agents/orders", "moved.test", 5432)},
			[]files.TargetResult{{Database: "agents/orders", Outcome: files.AddressesChanged, Detail: "moved.test is now also 10.77.9.9, of which the rules of this pod cover port 5432 only; restart the pod"}},
		},
		{
			"its name is gone", []string{orders},
			[]files.Target{target("agents/orders", "gone.test", 5432)},
			[]files.TargetResult{{Database: "agents/orders", Outcome: files.Unresolved, Detail: "gone.test: DNS knows no address for it"}},
		},
		{
			"a Database the pod was not made for", []string{orders},
			[]files.Target{target("agents/orders", "orders.test", 5432), target("agents/new", "10.77.1.2", 3306)},
			[]files.TargetResult{
				{Database: "agents/orders", Outcome: files.Redirected, Detail: "10.77.1.3 port 5432 leads to the sidecar"},
				{Database: "agents/new", Outcome: files.DirectPathOpen, Detail: "10.77.1.2 port 3306 is answered by somebody else than the sidecar"},
			},
		},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			world := newWorld(t)
			if each.applied != nil {
				world.apply(t, each.applied...)
			}
			if err := files.Write(world.stateDir, files.TargetsName, files.Targets{Revision: 7, Targets: each.targets}); err != nil {
				t.Fatal(err)
			}
			var found files.Result
			line := world.pod.as(t, probeUID, "probe-once", world.resolvConf, world.stateDir).line(t)
			if err := json.Unmarshal([]byte(line), &found); err != nil {
				t.Fatal(err)
			}
			wanted, _ := json.Marshal(each.want)
			if got, _ := json.Marshal(found.Results); string(got) != string(wanted) || found.Revision != 7 || found.UnixMs == 0 {
				t.Errorf("%s\nwanted %s", line, wanted)
			}
		})
	}
}
