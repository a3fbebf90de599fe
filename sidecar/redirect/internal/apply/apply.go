// Package apply makes the rules of a pod: it resolves the Databases' hosts, writes the table and records what it covers.
package apply

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"sync"
	"time"

	"sallyport.dev/redirect/internal/arguments"
	"sallyport.dev/redirect/internal/files"
	"sallyport.dev/redirect/internal/resolver"
	"sallyport.dev/redirect/internal/rules"
)

// Surroundings is what apply touches outside of itself.
type Surroundings struct {
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Write puts the table into the kernel.
	Write func(table rules.Table) error
	Now   func() time.Time
	// Pause ends early with the context.
	Pause  func(ctx context.Context, duration time.Duration)
	Stdout io.Writer
	Stderr io.Writer
}

const (
	// A pod's first packets may be lost until its network policies are in force; names are asked for again until then.
	resolveBudget = 20 * time.Second
	resolvePause  = time.Second
)

// Run applies; the error is one sentence with what to do. A name without address is not an error: its port is covered,
// and it is said on stderr and in applied.json.
func Run(ctx context.Context, options arguments.Apply, with Surroundings) error {
	found := resolveAll(ctx, options.Databases, with)
	table, notes := rules.Plan(options.SidecarUID, planned(options.Databases, found))
	for i, database := range options.Databases {
		if found[i].why != "" {
			fmt.Fprintf(with.Stderr, "sallyport-redirect: %s: %s; until the pod is restarted only its port %d is covered\n", database.Name, found[i].why, database.Port)
		}
	}
	for _, note := range notes {
		fmt.Fprintf(with.Stderr, "sallyport-redirect: %s\n", note)
	}
	if err := with.Write(table); err != nil {
		return err
	}
	applied := record(options.Databases, found, with.Now())
	if err := files.Write(options.StateDir, files.AppliedName, applied); err != nil {
		return err
	}
	fmt.Fprintf(with.Stdout, "sallyport-redirect: table inet %s is in force for %d Databases\n%s", table.Name, len(options.Databases), table.Text())
	return nil
}

// resolved has addresses, or why there are none.
type resolved struct {
	addresses []netip.Addr
	why       string
}

// resolveAll asks for all names at once: there are as many as redirect ports at most, and a slow one must not keep others.
func resolveAll(ctx context.Context, databases []arguments.Database, with Surroundings) []resolved {
	ctx, cancel := context.WithTimeout(ctx, resolveBudget)
	defer cancel()
	found := make([]resolved, len(databases))
	var group sync.WaitGroup
	for i, database := range databases {
		group.Add(1)
		go func() {
			defer group.Done()
			found[i] = resolve(ctx, database.Host, with)
		}()
	}
	group.Wait()
	return found
}

func resolve(ctx context.Context, host string, with Surroundings) resolved {
	for {
		addresses, err := with.Lookup(ctx, host)
		if err == nil {
			return resolved{addresses: addresses}
		}
		var failure *resolver.Failure
		if !errors.As(err, &failure) || !failure.Temporary || ctx.Err() != nil {
			return resolved{why: err.Error()}
		}
		with.Pause(ctx, resolvePause)
	}
}

func planned(databases []arguments.Database, found []resolved) []rules.Database {
	plan := make([]rules.Database, len(databases))
	for i, database := range databases {
		plan[i] = rules.Database{
			Name:         database.Name,
			Port:         database.Port,
			RedirectPort: database.RedirectPort,
			Addresses:    found[i].addresses,
		}
	}
	return plan
}

func record(databases []arguments.Database, found []resolved, now time.Time) files.Applied {
	applied := files.Applied{Databases: make([]files.AppliedDatabase, len(databases)), UnixMs: now.UnixMilli()}
	for i, database := range databases {
		addresses := make([]string, len(found[i].addresses))
		for j, address := range found[i].addresses {
			addresses[j] = address.String()
		}
		applied.Databases[i] = files.AppliedDatabase{Database: database.Name, Addresses: addresses, Unresolved: found[i].why}
	}
	return applied
}
