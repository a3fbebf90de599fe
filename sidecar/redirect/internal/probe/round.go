package probe

import (
	"context"
	"fmt"
	"net/netip"
	"slices"
	"sync"

	"sallyport.dev/redirect/internal/files"
)

const (
	targetsAtOnce  = 8
	attemptsAtOnce = 16
)

type round struct {
	network Network
	slots   chan struct{}
}

// run probes every target. The error means that nothing was proven.
func run(ctx context.Context, network Network, targets []files.Target, applied files.Applied) ([]files.TargetResult, error) {
	round := round{network, make(chan struct{}, attemptsAtOnce)}
	results, failures := make([]files.TargetResult, len(targets)), make([]error, len(targets))
	inParallel(len(targets), make(chan struct{}, targetsAtOnce), func(i int) {
		results[i], failures[i] = round.probe(ctx, targets[i], covered(applied, targets[i].Database))
	})
	return results, first(failures)
}

// probe tries the addresses the host has now, and those the rules were made for.
func (round round) probe(ctx context.Context, target files.Target, covered []netip.Addr) (files.TargetResult, error) {
	now, unresolved := round.network.Lookup(ctx, target.Host)
	if ctx.Err() != nil {
		return files.TargetResult{}, ctx.Err()
	}
	attempts, err := round.tryAll(ctx, union(now, covered), target.Port)
	if err != nil {
		return files.TargetResult{}, err
	}
	outcome, detail := judge(target, attempts, missing(now, covered), unresolved)
	return files.TargetResult{Database: target.Database, Outcome: outcome, Detail: detail}, nil
}

func (round round) tryAll(ctx context.Context, addresses []netip.Addr, port uint16) ([]attempt, error) {
	attempts, failures := make([]attempt, len(addresses)), make([]error, len(addresses))
	inParallel(len(addresses), round.slots, func(i int) {
		attempts[i], failures[i] = round.network.try(ctx, netip.AddrPortFrom(addresses[i], port))
	})
	return attempts, first(failures)
}

// judge gives the worst of what was found.
func judge(target files.Target, attempts []attempt, uncovered []netip.Addr, unresolved error) (files.Outcome, string) {
	worst := map[files.Outcome]attempt{}
	for _, each := range attempts {
		if _, known := worst[each.outcome]; !known {
			worst[each.outcome] = each
		}
	}
	if open, found := worst[files.DirectPathOpen]; found {
		return files.DirectPathOpen, open.sentence()
	}
	if unresolved != nil {
		return files.Unresolved, unresolved.Error()
	}
	if len(uncovered) > 0 {
		return files.AddressesChanged, fmt.Sprintf("%s is now also %s, of which the rules of this pod cover port %d only; restart the pod", target.Host, list(uncovered), target.Port)
	}
	if blocked, found := worst[files.Blocked]; found {
		return files.Blocked, blocked.sentence()
	}
	return files.Redirected, worst[files.Redirected].sentence()
}

func covered(applied files.Applied, database string) []netip.Addr {
	var addresses []netip.Addr
	for _, each := range applied.Databases {
		if each.Database != database {
			continue
		}
		for _, text := range each.Addresses {
			if address, err := netip.ParseAddr(text); err == nil {
				addresses = append(addresses, address)
			}
		}
	}
	return addresses
}

func union(a, b []netip.Addr) []netip.Addr {
	all := slices.Concat(a, b)
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

func missing(now, covered []netip.Addr) []netip.Addr {
	return slices.DeleteFunc(slices.Clone(now), func(address netip.Addr) bool { return slices.Contains(covered, address) })
}

func inParallel(count int, slots chan struct{}, work func(i int)) {
	var group sync.WaitGroup
	for i := range count {
		group.Add(1)
		slots <- struct{}{}
		go func() {
			defer group.Done()
			defer func() { <-slots }()
			work(i)
		}()
	}
	group.Wait()
}

func first(failures []error) error {
	for _, failure := range failures {
		if failure != nil {
			return failure
		}
	}
	return nil
}
