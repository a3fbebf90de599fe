package arguments

import (
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
)

var sound = []string{"--sidecar-uid=5555", "--state-dir=/var/lib/sallyport/probe"}

func TestParseApply(t *testing.T) {
	args := append(slices.Clone(sound),
		"--database=agents/orders=orders-db.prod.svc:5432=15910",
		"--database=agents/billing=10.0.0.7:3306=15911",
		"--database=prod/ledger.v2=[fd00::7]:6543=15999",
		"--database=prod/old=OLD_db.example.:5432=15998",
	)
	found, problems := ParseApply(args)
	want := Apply{SidecarUID: 5555, StateDir: "/var/lib/sallyport/probe", Databases: []Database{
		{"agents/orders", "orders-db.prod.svc", 5432, 15910},
		{"agents/billing", "10.0.0.7", 3306, 15911},
		{"prod/ledger.v2", "fd00::7", 6543, 15999},
		{"prod/old", "OLD_db.example.", 5432, 15998},
	}}
	if len(problems) > 0 || !reflect.DeepEqual(found, want) {
		t.Errorf("%+v %q", found, problems)
	}
}

func TestParseApplyWithoutDatabases(t *testing.T) {
	if _, problems := ParseApply(sound); len(problems) > 0 {
		t.Errorf("%q", problems)
	}
}

func TestParseApplyTellsEachProblem(t *testing.T) {
	cases := []struct {
		name string
		args []string
		want []string
	}{
		{"nothing given", nil, []string{
			"--sidecar-uid must be given once, and was given 0 times",
			"--state-dir must be given once, and was given 0 times",
		}},
		{"all at once", []string{"--sidecar-uid=0", "--state-dir=here", "--verbose", "--database=orders"}, []string{
			`"--verbose" is not known; known are --sidecar-uid=…, --state-dir=…, --database=…`,
			"--sidecar-uid=0 must be a whole number from 1 to 4294967294",
			"--state-dir=here must be an absolute path",
			"--database=orders: must be NAMESPACE/NAME=HOST:PORT=REDIRECTPORT",
		}},
		{"a flag without a value", append([]string{"--database"}, sound...), []string{"--database needs a value: --database=…"}},
		{"a flag with an empty value", append([]string{"--database="}, sound...), []string{"--database needs a value: --database=…"}},
		{"a word that is no flag", append([]string{"sidecar-uid=5555"}, sound...), []string{
			`"sidecar-uid=5555" is not known; known are --sidecar-uid=…, --state-dir=…, --database=…`,
		}},
		{"a UID twice", append([]string{"--sidecar-uid=5556"}, sound...), []string{"--sidecar-uid must be given once, and was given 2 times"}},
		{"a Database twice", append([]string{"--database=a/b=c:1=15910", "--database=a/b=d:2=15911"}, sound...), []string{
			"--database=a/b is there twice",
		}},
		{"a redirect port twice", append([]string{"--database=a/b=c:1=15910", "--database=a/c=d:2=15910"}, sound...), []string{
			"--database=a/c has the redirect port 15910 of a/b",
		}},
	}
	for _, each := range cases {
		t.Run(each.name, func(t *testing.T) {
			if _, problems := ParseApply(each.args); !slices.Equal(problems, each.want) {
				t.Errorf("%q\nwanted %q", problems, each.want)
			}
		})
	}
}

func TestParseApplyRefusesDatabases(t *testing.T) {
	for value, why := range map[string]string{
		"a/b=c:5432":                                   "must be NAMESPACE/NAME=HOST:PORT=REDIRECTPORT",
		"a/b=c:5432=15910=1":                           "must be NAMESPACE/NAME=HOST:PORT=REDIRECTPORT",
		"b=c:5432=15910":                               "must begin with namespace/name of a Database",
		"a/B=c:5432=15910":                             "must begin with namespace/name of a Database",
		"a/b/c=c:5432=15910":                           "must begin with namespace/name of a Database",
		"a/b=c=15910":                                  "must have HOST:PORT in the middle, an IPv6 address in brackets",
		"a/b=fd00::7:5432=15910":                       "must have HOST:PORT in the middle, an IPv6 address in brackets",
		"a/b=c:-1=15910":                               "must have HOST:PORT in the middle, an IPv6 address in brackets",
		"a/b=:5432=15910":                              "its host is neither a name nor an IP address",
		"a/b=[]:5432=15910":                            "its host is neither a name nor an IP address",
		"a/b=[10.0.0.7]:5432=15910":                    "its host is neither a name nor an IP address",
		"a/b=[fe80::1%eth0]:5432=15910":                "its host is neither a name nor an IP address",
		"a/b=-c:5432=15910":                            "its host is neither a name nor an IP address",
		"a/b=c d:5432=15910":                           "its host is neither a name nor an IP address",
		"a/b=" + strings.Repeat("c", 254) + ":1=15910": "its host is neither a name nor an IP address",
		"a/b=c:0=15910":                                "its port must be from 1 to 65535",
		"a/b=c:65536=15910":                            "its port must be from 1 to 65535",
		"a/b=c:05432=15910":                            "its port must be from 1 to 65535",
		"a/b=c:99999999999999999999=15910":             "its port must be from 1 to 65535",
		"a/b=c:5432=15909":                             "its redirect port must be from 15910 to 15999",
		"a/b=c:5432=16000":                             "its redirect port must be from 15910 to 15999",
		"a/b=c:5432=x":                                 "its redirect port must be from 15910 to 15999",
	} {
		t.Run(value, func(t *testing.T) {
			want := []string{"--database=" + value + ": " + why}
			if _, problems := ParseApply(append([]string{"--database=" + value}, sound...)); !slices.Equal(problems, want) {
				t.Errorf("%q, wanted %q", problems, want)
			}
		})
	}
}

func TestParseProbe(t *testing.T) {
	found, problems := ParseProbe([]string{"--state-dir=/state", "--interval-seconds=60"})
	if want := (Probe{"/state", time.Minute}); len(problems) > 0 || found != want {
		t.Errorf("%+v %q", found, problems)
	}
	_, problems = ParseProbe([]string{"--interval-seconds=0.5", "--sidecar-uid=5555"})
	want := []string{
		`"--sidecar-uid=5555" is not known; known are --state-dir=…, --interval-seconds=…`,
		"--state-dir must be given once, and was given 0 times",
		"--interval-seconds=0.5 must be a whole number from 1 to 86400",
	}
	if !slices.Equal(problems, want) {
		t.Errorf("%q\nwanted %q", problems, want)
	}
}
