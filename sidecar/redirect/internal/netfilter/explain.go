package netfilter

import (
	"errors"
	"fmt"
	"slices"

	"github.com/mdlayher/netlink"
	"golang.org/x/sys/unix"
)

// Room for one acknowledgement of each message of the transaction; the kernel sends them all at once.
const receiveBytes = 4 << 20

func roomForAcknowledgements(conn *netlink.Conn) error {
	// Without the capability over the host's limits it is as much as the system allows: enough for some hundred rules.
	if err := conn.SetReadBuffer(receiveBytes); err != nil {
		return err
	}
	return conn.SetWriteBuffer(receiveBytes)
}

// What a kernel without nf_tables, without its NAT or without one of the expressions answers.
var unsupported = []unix.Errno{unix.ENOENT, unix.EOPNOTSUPP, unix.EPROTONOSUPPORT, unix.EAFNOSUPPORT, unix.EINVAL, unix.ENOSYS}

func explain(what string, cause error) error {
	is := func(errno unix.Errno) bool { return errors.Is(cause, errno) }
	switch {
	case is(unix.EPERM), is(unix.EACCES):
		return fmt.Errorf("%s: the capability NET_ADMIN is missing; allow it for the container sallyport-redirect, or use interception Local in this namespace (%w)", what, cause)
	case slices.ContainsFunc(unsupported, is):
		return fmt.Errorf("%s: it needs Linux 5.3 with nf_tables (nft_chain_nat, nft_redir, nft_reject_inet, nft_ct) on this node; use interception Local where nodes have none (%w)", what, cause)
	case is(unix.ENOBUFS), is(unix.EMSGSIZE), is(unix.ENOMEM):
		return fmt.Errorf("%s: there are too many rules for the node's limits; raise net.core.rmem_max and net.core.wmem_max, or have fewer Databases in the namespace (%w)", what, cause)
	}
	return fmt.Errorf("%s: %w", what, cause)
}
