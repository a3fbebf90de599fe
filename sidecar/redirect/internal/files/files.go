// Package files is what `apply`, `probe` and the sidecar tell each other through the state directory. Every file is
// written whole under another name and renamed, so that a reader sees the old one or the new one.
package files

import (
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
)

// Names in the state directory.
const (
	AppliedName = "applied.json"
	TargetsName = "targets.json"
	ResultName  = "result.json"
)

// Applied is what the rules were made for; `apply` writes it once they stand.
type Applied struct {
	Databases []AppliedDatabase `json:"databases"`
	UnixMs    int64             `json:"unixMs"`
}

// AppliedDatabase has the addresses the host resolved to, sorted; none when it did not, and then `unresolved` says why.
type AppliedDatabase struct {
	Database   string   `json:"database"`
	Addresses  []string `json:"addresses"`
	Unresolved string   `json:"unresolved,omitempty"`
}

// Targets is what the sidecar wants to have probed. Revision grows with every change.
type Targets struct {
	Revision int64    `json:"revision"`
	Targets  []Target `json:"targets"`
}

// Target is one Database as the pod's Database objects have it now.
type Target struct {
	Database string `json:"database"`
	Host     string `json:"host"`
	Port     uint16 `json:"port"`
	Engine   string `json:"engine"`
}

// Result has one entry for each target of the revision, in their order.
type Result struct {
	Revision int64          `json:"revision"`
	UnixMs   int64          `json:"unixMs"`
	Results  []TargetResult `json:"results"`
}

// TargetResult is the worst that was found over the target's addresses; Detail is one sentence.
type TargetResult struct {
	Database string  `json:"database"`
	Outcome  Outcome `json:"outcome"`
	Detail   string  `json:"detail"`
}

// Outcome of a probe.
type Outcome string

// Outcomes, from best to worst.
const (
	Redirected       Outcome = "Redirected"
	Blocked          Outcome = "Blocked"
	AddressesChanged Outcome = "AddressesChanged"
	Unresolved       Outcome = "Unresolved"
	DirectPathOpen   Outcome = "DirectPathOpen"
)

// Write puts the value into the directory under the name. Readers run under other UIDs: mode 0644.
func Write(directory, name string, value any) error {
	encoded, err := json.Marshal(value)
	if err != nil {
		return fmt.Errorf("%s cannot be encoded: %w", name, err)
	}
	temporary := filepath.Join(directory, "."+name+".new")
	// Left behind by a run that ended here; it may belong to another UID.
	_ = os.Remove(temporary)
	if err := os.WriteFile(temporary, append(encoded, '\n'), 0o644); err != nil {
		return fmt.Errorf("%s cannot be written: %w; the volume of --state-dir must be mounted and writable", name, err)
	}
	if err := os.Rename(temporary, filepath.Join(directory, name)); err != nil {
		return fmt.Errorf("%s cannot be put in place: %w", name, err)
	}
	return nil
}

// Read gives the content of a file that Write, or the sidecar, has put there. The error matches fs.ErrNotExist when it is
// not there yet.
func Read[T any](directory, name string) (T, error) {
	var value T
	text, err := os.ReadFile(filepath.Join(directory, name))
	if err != nil {
		return value, err
	}
	if err := json.Unmarshal(text, &value); err != nil {
		return value, fmt.Errorf("%s is not what the sidecar writes: %w", name, err)
	}
	return value, nil
}
