// sallyport-redirect makes the rules by which a pod's traffic to its databases leads to the sidecar (`apply`), and tries
// from the application's side whether there is a way around them (`probe`).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"

	"sallyport.dev/redirect/internal/command"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, syscall.SIGINT)
	code := command.Run(ctx, os.Args[1:], "/etc/resolv.conf", os.Stdout, os.Stderr)
	stop()
	os.Exit(code)
}
