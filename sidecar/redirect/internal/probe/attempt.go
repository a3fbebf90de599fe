// Package probe tries the way around the sidecar, from the application's side of the rules.
package probe

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"sallyport.dev/redirect/internal/files"
)

// Network is how the probe reaches out.
type Network struct {
	// Lookup gives the addresses of a host through DNS.
	Lookup func(ctx context.Context, host string) ([]netip.Addr, error)
	// Dial opens a TCP connection.
	Dial func(ctx context.Context, network, address string) (net.Conn, error)
	// Patience for a connection, and again for the answer.
	Patience time.Duration
}

const (
	// A request packet of PostgreSQL with a code that no server knows; the sidecar's listener knows it.
	questionCode = 1234<<16 | 24930
	answer       = "sallyport"
)

// attempt is what one way to one address led to. Detail completes "ADDRESS port PORT …".
type attempt struct {
	endpoint netip.AddrPort
	outcome  files.Outcome
	detail   string
}

// try dials once. The error means that this attempt proves nothing: the probe itself was kept from it.
func (network Network) try(ctx context.Context, endpoint netip.AddrPort) (attempt, error) {
	connecting, cancel := context.WithTimeout(ctx, network.Patience)
	defer cancel()
	conn, err := network.Dial(connecting, "tcp", endpoint.String())
	if err != nil {
		return notConnected(ctx, endpoint, err)
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.Close() })
	defer stop()
	if err := conn.SetDeadline(time.Now().Add(network.Patience)); err != nil {
		return attempt{}, err
	}
	said, err := converse(conn)
	if ctx.Err() != nil {
		return attempt{}, ctx.Err()
	}
	if said == answer {
		return attempt{endpoint, files.Redirected, "leads to the sidecar"}, nil
	}
	return attempt{endpoint, files.DirectPathOpen, stranger(said, err, network.Patience)}, nil
}

// converse gives what the other side said, as far as it is as long as the sidecar's answer.
func converse(conn net.Conn) (string, error) {
	question := binary.BigEndian.AppendUint32(binary.BigEndian.AppendUint32(nil, 8), questionCode)
	_, writing := conn.Write(question)
	said := make([]byte, len(answer))
	length, err := io.ReadFull(conn, said)
	return string(said[:length]), errors.Join(err, writing)
}

func stranger(said string, err error, patience time.Duration) string {
	switch {
	case said != "":
		return "is answered by somebody else than the sidecar"
	case errors.Is(err, os.ErrDeadlineExceeded):
		return fmt.Sprintf("is accepted by somebody who says nothing for %s", patience)
	}
	return "is accepted and closed by somebody else than the sidecar"
}

// What the network, or a rule, answers to a connection it does not want.
var refusals = []syscall.Errno{
	syscall.ECONNREFUSED, syscall.ECONNRESET, syscall.ETIMEDOUT, syscall.EHOSTUNREACH, syscall.ENETUNREACH, syscall.EACCES,
	syscall.EPERM, syscall.EADDRNOTAVAIL, syscall.EAFNOSUPPORT,
}

func notConnected(ctx context.Context, endpoint netip.AddrPort, err error) (attempt, error) {
	if ctx.Err() != nil {
		return attempt{}, ctx.Err()
	}
	if errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
		return attempt{endpoint, files.Blocked, "does not answer"}, nil
	}
	var errno syscall.Errno
	if errors.As(err, &errno) && slices.Contains(refusals, errno) {
		return attempt{endpoint, files.Blocked, "is closed: " + errno.Error()}, nil
	}
	return attempt{}, fmt.Errorf("%s cannot be tried: %w", endpoint, err)
}

func (found attempt) sentence() string {
	return fmt.Sprintf("%s port %d %s", found.endpoint.Addr(), found.endpoint.Port(), found.detail)
}

func list(addresses []netip.Addr) string {
	words := make([]string, len(addresses))
	for i, address := range addresses {
		words[i] = address.String()
	}
	return strings.Join(words, ", ")
}
