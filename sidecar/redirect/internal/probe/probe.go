package probe

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"time"

	"sallyport.dev/redirect/internal/arguments"
	"sallyport.dev/redirect/internal/files"
)

// Surroundings is what the probe touches outside of itself.
type Surroundings struct {
	Network Network
	Now     func() time.Time
	// Pause ends early with the context.
	Pause  func(ctx context.Context, duration time.Duration)
	Stderr io.Writer
}

// How often targets.json is looked at.
const look = time.Second

// Run probes when targets.json changes and after each interval, until the context ends. Trouble is said on stderr, and then
// no result is written: an old one tells by its time that nothing was proven since.
func Run(ctx context.Context, options arguments.Probe, with Surroundings) {
	var seen identity
	var last time.Time
	for ctx.Err() == nil {
		current := identify(filepath.Join(options.StateDir, files.TargetsName))
		if current.exists && (current != seen || with.Now().Sub(last) >= options.Interval) {
			seen, last = current, with.Now()
			if err := once(ctx, options.StateDir, with); err != nil && ctx.Err() == nil {
				fmt.Fprintf(with.Stderr, "sallyport-redirect: %v\n", err)
			}
		}
		with.Pause(ctx, look)
	}
}

func once(ctx context.Context, directory string, with Surroundings) error {
	targets, err := files.Read[files.Targets](directory, files.TargetsName)
	if err != nil {
		return err
	}
	applied, err := files.Read[files.Applied](directory, files.AppliedName)
	if err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	results, err := run(ctx, with.Network, targets.Targets, applied)
	if err != nil {
		return err
	}
	return files.Write(directory, files.ResultName, files.Result{Revision: targets.Revision, UnixMs: with.Now().UnixMilli(), Results: results})
}

// identity tells one state of a file from the next; a rename brings another inode, for as long as the old one is open or
// its number is not given again, which the time covers.
type identity struct {
	exists   bool
	inode    uint64
	size     int64
	modified time.Time
}

func identify(path string) identity {
	found, err := os.Stat(path)
	if err != nil {
		return identity{}
	}
	return identity{true, inode(found), found.Size(), found.ModTime()}
}
