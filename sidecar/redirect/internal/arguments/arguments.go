// Package arguments reads the command line: strictly, and with every problem at once.
package arguments

import (
	"fmt"
	"net/netip"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"time"
)

// Ports of the pod that are kept for the sidecar's redirects.
const (
	FirstRedirectPort = 15910
	LastRedirectPort  = 15999
)

// Database is one way that leads to the sidecar.
type Database struct {
	// Name is namespace/name of the Database object.
	Name string
	// Host is a name for DNS or an IP address without brackets.
	Host         string
	Port         uint16
	RedirectPort uint16
}

// Apply is what `sallyport-redirect apply` was asked for.
type Apply struct {
	SidecarUID uint32
	StateDir   string
	Databases  []Database
}

// Probe is what `sallyport-redirect probe` was asked for.
type Probe struct {
	StateDir string
	Interval time.Duration
}

// ParseApply reads the arguments after `apply`. Every problem is one sentence; with problems the value means nothing.
func ParseApply(args []string) (Apply, []string) {
	flags := read(args, "sidecar-uid", "state-dir", "database")
	apply := Apply{
		SidecarUID: uint32(flags.number("sidecar-uid", 1, 1<<32-2)),
		StateDir:   flags.folder("state-dir"),
	}
	for _, value := range flags.values["database"] {
		if database, problem := parseDatabase(value); problem != "" {
			flags.problem("%s", problem)
		} else {
			apply.Databases = append(apply.Databases, database)
		}
	}
	flags.unique(apply.Databases)
	return apply, flags.problems
}

// ParseProbe reads the arguments after `probe`.
func ParseProbe(args []string) (Probe, []string) {
	flags := read(args, "state-dir", "interval-seconds")
	probe := Probe{
		StateDir: flags.folder("state-dir"),
		Interval: time.Duration(flags.number("interval-seconds", 1, 86_400)) * time.Second,
	}
	return probe, flags.problems
}

type reader struct {
	values   map[string][]string
	problems []string
}

func read(args []string, known ...string) *reader {
	flags := &reader{values: map[string][]string{}}
	for _, arg := range args {
		name, value, found := strings.Cut(strings.TrimPrefix(arg, "--"), "=")
		switch {
		case !strings.HasPrefix(arg, "--") || !contains(known, name):
			flags.problem("%q is not known; known are --%s", arg, strings.Join(known, "=…, --")+"=…")
		case !found || value == "":
			flags.problem("--%s needs a value: --%s=…", name, name)
		default:
			flags.values[name] = append(flags.values[name], value)
		}
	}
	return flags
}

func (flags *reader) problem(format string, args ...any) {
	flags.problems = append(flags.problems, fmt.Sprintf(format, args...))
}

// one gives the value of a flag that must be there exactly once; an empty string when it was not.
func (flags *reader) one(name string) string {
	values := flags.values[name]
	if len(values) == 1 {
		return values[0]
	}
	flags.problem("--%s must be given once, and was given %d times", name, len(values))
	return ""
}

func (flags *reader) number(name string, least, most uint64) uint64 {
	value := flags.one(name)
	if value == "" {
		return 0
	}
	number, ok := parseNumber(value, least, most)
	if !ok {
		flags.problem("--%s=%s must be a whole number from %d to %d", name, value, least, most)
	}
	return number
}

func (flags *reader) folder(name string) string {
	value := flags.one(name)
	if value != "" && !filepath.IsAbs(value) {
		flags.problem("--%s=%s must be an absolute path", name, value)
	}
	return value
}

func (flags *reader) unique(databases []Database) {
	names, ports := map[string]bool{}, map[uint16]string{}
	for _, database := range databases {
		if names[database.Name] {
			flags.problem("--database=%s is there twice", database.Name)
			continue
		}
		names[database.Name] = true
		if other, taken := ports[database.RedirectPort]; taken {
			flags.problem("--database=%s has the redirect port %d of %s", database.Name, database.RedirectPort, other)
		}
		ports[database.RedirectPort] = database.Name
	}
}

var (
	objectName = regexp.MustCompile(`^[a-z0-9]([-a-z0-9]*[a-z0-9])?/[a-z0-9]([-a-z0-9.]*[a-z0-9])?$`)
	hostName   = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9._-]*[A-Za-z0-9_])?\.?$`)
	target     = regexp.MustCompile(`^(?:\[([^\]]*)\]|([^:\[\]]*)):([0-9]+)$`)
)

// parseDatabase reads NAMESPACE/NAME=HOST:PORT=REDIRECTPORT.
func parseDatabase(value string) (Database, string) {
	refused := func(why string) (Database, string) {
		return Database{}, fmt.Sprintf("--database=%s: %s", value, why)
	}
	parts := strings.Split(value, "=")
	if len(parts) != 3 {
		return refused("must be NAMESPACE/NAME=HOST:PORT=REDIRECTPORT")
	}
	if !objectName.MatchString(parts[0]) {
		return refused("must begin with namespace/name of a Database")
	}
	found := target.FindStringSubmatch(parts[1])
	if found == nil {
		return refused("must have HOST:PORT in the middle, an IPv6 address in brackets")
	}
	host, ok := parseHost(found[1], found[2])
	if !ok {
		return refused("its host is neither a name nor an IP address")
	}
	port, ok := parseNumber(found[3], 1, 65_535)
	if !ok {
		return refused("its port must be from 1 to 65535")
	}
	redirectPort, ok := parseNumber(parts[2], FirstRedirectPort, LastRedirectPort)
	if !ok {
		return refused(fmt.Sprintf("its redirect port must be from %d to %d", FirstRedirectPort, LastRedirectPort))
	}
	return Database{Name: parts[0], Host: host, Port: uint16(port), RedirectPort: uint16(redirectPort)}, ""
}

func parseHost(bracketed, plain string) (string, bool) {
	if bracketed != "" {
		address, err := netip.ParseAddr(bracketed)
		return bracketed, err == nil && address.Is6() && address.Zone() == ""
	}
	return plain, len(plain) <= 253 && hostName.MatchString(plain)
}

// parseNumber takes digits only: no sign, no space, no leading zero.
func parseNumber(value string, least, most uint64) (uint64, bool) {
	number, err := strconv.ParseUint(value, 10, 64)
	return number, err == nil && strconv.FormatUint(number, 10) == value && number >= least && number <= most
}

func contains(list []string, wanted string) bool {
	for _, each := range list {
		if each == wanted {
			return true
		}
	}
	return false
}
