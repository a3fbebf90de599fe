package netfilter

import (
	"errors"
	"fmt"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func TestExplain(t *testing.T) {
	for _, each := range []struct {
		cause error
		want  string
	}{
		{unix.EPERM, "the capability NET_ADMIN is missing; allow it for the container sallyport-redirect, or use interception Local"},
		{unix.EOPNOTSUPP, "it needs Linux 5.3 with nf_tables (nft_chain_nat, nft_redir, nft_reject_inet, nft_ct) on this node; use interception Local"},
		{unix.EPROTONOSUPPORT, "it needs Linux 5.3 with nf_tables"},
		{unix.ENOENT, "it needs Linux 5.3 with nf_tables"},
		{unix.ENOBUFS, "raise net.core.rmem_max and net.core.wmem_max, or have fewer Databases"},
		{errors.New("odd"), "no rules: odd"},
	} {
		err := explain("no rules", fmt.Errorf("conn.Receive: %w", each.cause))
		if !strings.HasPrefix(err.Error(), "no rules: ") || !strings.Contains(err.Error(), strings.TrimPrefix(each.want, "no rules: ")) || !errors.Is(err, each.cause) {
			t.Errorf("%v: %v", each.cause, err)
		}
	}
}
