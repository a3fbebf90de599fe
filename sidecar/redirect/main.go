// sallyport-redirect makes the rules by which a pod's traffic to its databases leads to the sidecar (`apply`), and tries
// from the application's side whether there is a way around them (`probe`).
package main

import (
	"context"
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"runtime/debug"
	"syscall"
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
	resolvConf   = "/etc/resolv.conf"
	garbageShare = 25 // percent of the heap: the probe lives as long as its pod, and its memory counts in every pod
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := run(ctx, os.Args[1:], resolvConf, os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}

func run(ctx context.Context, args []string, resolvConf string, stdout, stderr io.Writer) int {
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
		probe.Run(ctx, options, probe.Surroundings{Lookup: names.Lookup, Dial: (&net.Dialer{}).DialContext, Now: time.Now, Pause: pause, Stderr: stderr})
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
