package lab

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"sallyport.dev/redirect/internal/apply"
	"sallyport.dev/redirect/internal/arguments"
	"sallyport.dev/redirect/internal/command"
	"sallyport.dev/redirect/internal/dnstest"
	"sallyport.dev/redirect/internal/files"
	"sallyport.dev/redirect/internal/netfilter"
	"sallyport.dev/redirect/internal/resolver"
	"sallyport.dev/redirect/internal/rules"
)

// TestMain is also the entry of the processes that tests start in their namespaces.
func TestMain(m *testing.M) {
	role, playing := os.LookupEnv("LAB_ROLE")
	if !playing {
		os.Exit(m.Run())
	}
	roles := map[string]func(args []string) error{
		"serve": serve, "try": tryRole, "talk": talk, "command": commandRole, "without": without, "probe-once": probeOnce,
		"dns": dnsRole, "die-silently": dieSilently, "many": many, "leave-much": leaveMuch, "pod-in-pod": podInPod,
	}
	if err := roles[role](os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	os.Exit(0)
}

// untilInputEnds keeps a process for as long as the test wants it.
func untilInputEnds() { _, _ = io.Copy(io.Discard, os.Stdin) }

// commandRole runs the command line, resolv.conf first.
func commandRole(args []string) error {
	os.Exit(command.Run(context.Background(), args[1:], args[0], os.Stdout, os.Stderr))
	return nil
}

// without applies all rules but one, or without one match: the first argument is its text, the rest those of apply with
// IP addresses only.
func without(args []string) error {
	options, problems := arguments.ParseApply(args[1:])
	if len(problems) > 0 {
		return fmt.Errorf("%v", problems)
	}
	removed := 0
	write := func(table rules.Table) error {
		for i, chain := range table.Chains {
			var kept []rules.Rule
			for _, rule := range chain.Rules {
				if rule.Text() == args[0] {
					removed++
					continue
				}
				before := len(rule.Matches)
				rule.Matches = slices.DeleteFunc(rule.Matches, func(match rules.Match) bool {
					return rules.Rule{Matches: []rules.Match{match}, Verdict: rules.VerdictAccept{}}.Text() == args[0]+" accept"
				})
				removed += before - len(rule.Matches)
				kept = append(kept, rule)
			}
			table.Chains[i].Rules = kept
		}
		return netfilter.Write(table)
	}
	err := apply.Run(context.Background(), options, apply.Surroundings{
		Lookup: resolver.Resolver{}.Lookup, Write: write, Now: time.Now, Stdout: io.Discard, Stderr: os.Stderr,
	})
	if err == nil && removed == 0 {
		return fmt.Errorf("no rule is %q", args[0])
	}
	return err
}

// many is apply with manyAddresses in place of DNS.
func many(args []string) error {
	options, problems := arguments.ParseApply(args[1:])
	if len(problems) > 0 {
		return fmt.Errorf("%v", problems)
	}
	return apply.Run(context.Background(), options, apply.Surroundings{
		Lookup: func(_ context.Context, host string) ([]netip.Addr, error) { return manyAddresses(host) },
		Write:  netfilter.Write, Now: time.Now, Stdout: io.Discard, Stderr: os.Stderr,
	})
}

// dnsRole serves names at an address: NAME=ADDRESS,ADDRESS…
func dnsRole(args []string) error {
	answers := map[string]dnstest.Answer{}
	for _, arg := range args[1:] {
		name, list, _ := strings.Cut(arg, "=")
		var answer dnstest.Answer
		for _, text := range strings.Split(list, ",") {
			answer.Addresses = append(answer.Addresses, netip.MustParseAddr(text))
		}
		answers[name] = answer
	}
	server, err := dnstest.Start(args[0], answers)
	if err != nil {
		return err
	}
	defer server.Close()
	fmt.Println("ready")
	untilInputEnds()
	return nil
}

// probeOnce runs the probe until it has looked at the targets once, and prints the result.
func probeOnce(args []string) error {
	ctx, cancel := context.WithCancel(context.Background())
	options := arguments.Probe{StateDir: args[1], Interval: time.Hour}
	runProbe(ctx, options, args[0], cancel)
	result, err := files.Read[files.Result](options.StateDir, files.ResultName)
	if err != nil {
		return err
	}
	encoded, err := json.Marshal(result)
	fmt.Println(string(encoded))
	return err
}

// tryRole makes one attempt and prints what came of it.
func tryRole(args []string) error {
	var way attempt
	if err := json.Unmarshal([]byte(args[0]), &way); err != nil {
		return err
	}
	found := way.make()
	found.UID = uint32(os.Getuid())
	encoded, err := json.Marshal(found)
	fmt.Println(string(encoded))
	return err
}

// leaveMuch writes to a server that does not read until nothing more fits, and leaves that to the kernel.
func leaveMuch(args []string) error {
	conn, err := attempt{Address: args[0]}.connect()
	if err != nil {
		return err
	}
	if _, err := fmt.Fprint(conn, "hold\n"); err != nil {
		return err
	}
	raw, err := conn.(syscall.Conn).SyscallConn()
	if err != nil {
		return err
	}
	much := make([]byte, 1<<20)
	err = raw.Write(func(fd uintptr) bool {
		for err == nil {
			_, err = unix.Write(int(fd), much)
		}
		return true
	})
	if err != nil {
		return err
	}
	fmt.Println(conn.LocalAddr())
	return nil
}

// talk holds one connection: each line of the input is sent, each answer printed.
func talk(args []string) error {
	conn, err := attempt{Address: args[0]}.connect()
	if err != nil {
		return err
	}
	defer conn.Close()
	fmt.Println(conn.LocalAddr())
	reader := bufio.NewReader(conn)
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		if _, err := fmt.Fprintln(conn, lines.Text()); err != nil {
			return err
		}
		answer, err := reader.ReadString('\n')
		if err != nil {
			return err
		}
		fmt.Print(answer)
	}
	return lines.Err()
}
