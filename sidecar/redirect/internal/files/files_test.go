package files

import (
	"errors"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestWriteAndRead(t *testing.T) {
	folder := t.TempDir()
	if _, err := Read[Result](folder, ResultName); !errors.Is(err, fs.ErrNotExist) {
		t.Errorf("%v", err)
	}
	for _, revision := range []int64{7, 8} {
		if err := Write(folder, ResultName, Result{Revision: revision, UnixMs: 9, Results: []TargetResult{{"a/b", Blocked, "is closed"}}}); err != nil {
			t.Fatal(err)
		}
		found, err := Read[Result](folder, ResultName)
		if err != nil || found.Revision != revision {
			t.Errorf("%+v %v", found, err)
		}
	}
	path := filepath.Join(folder, ResultName)
	text, _ := os.ReadFile(path)
	if want := `{"revision":8,"unixMs":9,"results":[{"database":"a/b","outcome":"Blocked","detail":"is closed"}]}` + "\n"; string(text) != want {
		t.Errorf("%s, wanted %s", text, want)
	}
	if info, _ := os.Stat(path); info.Mode().Perm() != 0o644 {
		t.Errorf("other UIDs must read it: %v", info.Mode())
	}
	if entries, _ := os.ReadDir(folder); len(entries) != 1 {
		t.Errorf("%v", entries)
	}
}

func TestWriteReplacesWhatAnInterruptedRunLeft(t *testing.T) {
	folder := t.TempDir()
	if err := os.WriteFile(filepath.Join(folder, "."+AppliedName+".new"), []byte("half"), 0o400); err != nil {
		t.Fatal(err)
	}
	if err := Write(folder, AppliedName, Applied{}); err != nil {
		t.Error(err)
	}
}

func TestReadRefusesWhatTheSidecarDoesNotWrite(t *testing.T) {
	folder := t.TempDir()
	for _, text := range []string{"", "{", "[]", `{"revision":"7"}`, `{"revision":7,"targets":[{"port":70000}]}`} {
		if err := os.WriteFile(filepath.Join(folder, TargetsName), []byte(text), 0o644); err != nil {
			t.Fatal(err)
		}
		if _, err := Read[Targets](folder, TargetsName); err == nil || !strings.HasPrefix(err.Error(), "targets.json is not what the sidecar writes: ") {
			t.Errorf("%q: %v", text, err)
		}
	}
}
