// Package command is the command line: which of the two is wanted, and how it ends.
package command

import (
	"context"
	"fmt"
	"io"
	"net"
	"runtime/debug"
	"time"

	"sallyport.dev/redirect/internal/apply"
	"sallyport.dev/redirect/internal/arguments"
	"sallyport.dev/redirect/internal/netfilter"
	"sallyport.dev/redirect/internal/probe"
	"sallyport.dev/redirect/internal/resolver"
)

const usage = `usage:
  sallyport-redirect apply --sidecar-uid=UID --state-dir=DIR [--database=NAMESPACE/NAME=HOST:PORT=REDIRECTPORT …]
  sallyport-redirect probe --state-dir=DIR --interval-seconds=SECONDS
`

const (
	failed       = 1
	misused      = 2
	patience     = 3 * time.Second
	garbageShare = 25 // percent of the heap: the probe lives as long as its pod, and its memory counts in every pod
)

// Run gives the exit code: 0 done, 1 failed, 2 misused. The context ends a probe, cleanly.
func Run(ctx context.Context, args []string, resolvConf string, stdout, stderr io.Writer) int {
	names := resolver.Resolver{ConfigPath: resolvConf, Dial: (&net.Dialer{}).DialContext}
	command := ""
	if len(args) > 0 {
		command = args[0]
	}
	switch command {
	case "apply":
		options, problems := arguments.ParseApply(args[1:])
		if len(problems) > 0 {
			return refuse(stderr, problems)
		}
		with := apply.Surroundings{Lookup: names.Lookup, Write: netfilter.Write, Now: time.Now, Pause: pause, Stdout: stdout, Stderr: stderr}
		if err := apply.Run(ctx, options, with); err != nil {
			fmt.Fprintf(stderr, "sallyport-redirect: %v\n", err)
			return failed
		}
		return 0
	case "probe":
		options, problems := arguments.ParseProbe(args[1:])
		if len(problems) > 0 {
			return refuse(stderr, problems)
		}
		debug.SetGCPercent(garbageShare)
		network := probe.Network{Lookup: names.Lookup, Dial: names.Dial, Patience: patience}
		probe.Run(ctx, options, probe.Surroundings{Network: network, Now: time.Now, Pause: pause, Stderr: stderr})
		return 0
	}
	fmt.Fprint(stderr, usage)
	return misused
}

func refuse(stderr io.Writer, problems []string) int {
	for _, problem := range problems {
		fmt.Fprintf(stderr, "sallyport-redirect: %s\n", problem)
	}
	return misused
}

func pause(ctx context.Context, duration time.Duration) {
	timer := time.NewTimer(duration)
	defer timer.Stop()
	select {
	case <-timer.C:
	case <-ctx.Done():
	}
}
