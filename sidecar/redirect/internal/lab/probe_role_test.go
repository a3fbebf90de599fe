package lab

import (
	"context"
	"net"
	"os"
	"time"

	"sallyport.dev/redirect/internal/arguments"
	"sallyport.dev/redirect/internal/probe"
	"sallyport.dev/redirect/internal/resolver"
)

// runProbe ends the probe at its first pause, when all that there was to do is done.
func runProbe(ctx context.Context, options arguments.Probe, resolvConf string, cancel func()) {
	dial := (&net.Dialer{}).DialContext
	probe.Run(ctx, options, probe.Surroundings{
		Network: probe.Network{Lookup: resolver.Resolver{ConfigPath: resolvConf, Dial: dial}.Lookup, Dial: dial, Patience: time.Second},
		Now:     time.Now, Stderr: os.Stderr,
		Pause: func(context.Context, time.Duration) { cancel() },
	})
}
