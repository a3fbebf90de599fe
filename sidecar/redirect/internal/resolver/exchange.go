package resolver

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

const (
	// What servers are asked to keep to: it fits a packet on every path.
	maxUDPBytes = 1232
	// What is read all the same from those that do not.
	maxPacketBytes = 4096
)

// answer is what one server said about one name and type.
type answer struct {
	addresses []netip.Addr
	rcode     dnsmessage.RCode
	truncated bool
}

// exchange asks one server once: over UDP, and over TCP when the answer does not fit.
func (resolver Resolver) exchange(ctx context.Context, server netip.AddrPort, question dnsmessage.Question, config Config) (answer, error) {
	ctx, cancel := context.WithTimeout(ctx, config.Timeout)
	defer cancel()
	if !config.TCP {
		found, err := resolver.ask(ctx, "udp", server, question)
		if err != nil || !found.truncated {
			return found, err
		}
	}
	return resolver.ask(ctx, "tcp", server, question)
}

func (resolver Resolver) ask(ctx context.Context, network string, server netip.AddrPort, question dnsmessage.Question) (answer, error) {
	id := uint16(rand.Uint32())
	query, err := encodeQuery(id, question)
	if err != nil {
		return answer{}, err
	}
	conn, err := resolver.Dial(ctx, network, serverAddress(server))
	if err != nil {
		return answer{}, err
	}
	defer conn.Close()
	stop := context.AfterFunc(ctx, func() { _ = conn.SetDeadline(time.Unix(1, 0)) })
	defer stop()
	if network == "tcp" {
		return askStream(conn, id, question, query)
	}
	return askPacket(conn, id, question, query)
}

func askPacket(conn net.Conn, id uint16, question dnsmessage.Question, query []byte) (answer, error) {
	if _, err := conn.Write(query); err != nil {
		return answer{}, err
	}
	packet := make([]byte, maxPacketBytes)
	for {
		length, err := conn.Read(packet)
		if err != nil {
			return answer{}, err
		}
		// Anything else on this port is late or forged: the answer may still come.
		if found, err := decodeAnswer(packet[:length], id, question); !errors.Is(err, errNotOurs) {
			return found, err
		}
	}
}

func askStream(conn net.Conn, id uint16, question dnsmessage.Question, query []byte) (answer, error) {
	framed := append(binary.BigEndian.AppendUint16(nil, uint16(len(query))), query...)
	if _, err := conn.Write(framed); err != nil {
		return answer{}, err
	}
	var length [2]byte
	if _, err := io.ReadFull(conn, length[:]); err != nil {
		return answer{}, err
	}
	message := make([]byte, binary.BigEndian.Uint16(length[:]))
	if _, err := io.ReadFull(conn, message); err != nil {
		return answer{}, err
	}
	return decodeAnswer(message, id, question)
}

func encodeQuery(id uint16, question dnsmessage.Question) ([]byte, error) {
	builder := dnsmessage.NewBuilder(nil, dnsmessage.Header{ID: id, RecursionDesired: true})
	if err := builder.StartQuestions(); err != nil {
		return nil, err
	}
	if err := builder.Question(question); err != nil {
		return nil, err
	}
	if err := builder.StartAdditionals(); err != nil {
		return nil, err
	}
	var header dnsmessage.ResourceHeader
	if err := header.SetEDNS0(maxUDPBytes, dnsmessage.RCodeSuccess, false); err != nil {
		return nil, err
	}
	if err := builder.OPTResource(header, dnsmessage.OPTResource{}); err != nil {
		return nil, err
	}
	return builder.Finish()
}

var errNotOurs = errors.New("not an answer to the question")

func decodeAnswer(message []byte, id uint16, question dnsmessage.Question) (answer, error) {
	var parser dnsmessage.Parser
	header, err := parser.Start(message)
	if err != nil || !header.Response || header.ID != id {
		return answer{}, errNotOurs
	}
	asked, err := parser.Question()
	if err != nil || asked.Type != question.Type || asked.Class != question.Class || !strings.EqualFold(asked.Name.String(), question.Name.String()) {
		return answer{}, errNotOurs
	}
	found := answer{rcode: header.RCode, truncated: header.Truncated}
	if found.truncated {
		return found, nil
	}
	if err := parser.SkipAllQuestions(); err != nil {
		return answer{}, fmt.Errorf("malformed answer: %w", err)
	}
	found.addresses, err = decodeAddresses(&parser)
	return found, err
}

// decodeAddresses takes the addresses at the end of whatever chain of aliases the server followed.
func decodeAddresses(parser *dnsmessage.Parser) ([]netip.Addr, error) {
	var addresses []netip.Addr
	for {
		header, err := parser.AnswerHeader()
		if errors.Is(err, dnsmessage.ErrSectionDone) {
			return addresses, nil
		}
		if err != nil {
			return nil, fmt.Errorf("malformed answer: %w", err)
		}
		switch header.Type {
		case dnsmessage.TypeA:
			record, err := parser.AResource()
			if err != nil {
				return nil, fmt.Errorf("malformed answer: %w", err)
			}
			addresses = append(addresses, netip.AddrFrom4(record.A))
		case dnsmessage.TypeAAAA:
			record, err := parser.AAAAResource()
			if err != nil {
				return nil, fmt.Errorf("malformed answer: %w", err)
			}
			addresses = append(addresses, netip.AddrFrom16(record.AAAA).Unmap())
		default:
			if err := parser.SkipAnswer(); err != nil {
				return nil, fmt.Errorf("malformed answer: %w", err)
			}
		}
	}
}
