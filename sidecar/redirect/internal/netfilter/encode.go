// Package netfilter writes a table of rules into the kernel over netlink, and reads it back.
package netfilter

import (
	"encoding/binary"
	"fmt"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"github.com/google/nftables/userdata"
	"golang.org/x/sys/unix"

	"sallyport.dev/redirect/internal/rules"
)

const (
	register = 1
	// nft(8) sets it for redirects to a port: NF_NAT_RANGE_PROTO_SPECIFIED.
	portGiven = 2
	// What the header of a packet that opens a connection has of SYN and ACK.
	synFlag, ackFlag = 0x02, 0x10
	// NFT_EXTHDR_OP_IPV4 (Linux 5.3), which x/sys does not name.
	ipv4Option = expr.ExthdrOp(2)
)

// fact is something a rule asks of a packet, as the kernel's expressions; those of a set come with its elements.
type fact struct {
	expressions []expr.Any
	// keys of the set which the last expression looks up; none when it is not a lookup.
	keys    [][]byte
	keyType nftables.SetDatatype
}

func encodeMatch(match rules.Match) fact {
	switch match := match.(type) {
	case rules.MatchUID:
		return load(&expr.Meta{Key: expr.MetaKeySKUID, Register: register}).equal(native(match.UID))
	case rules.MatchEstablished:
		return load(&expr.Ct{Key: expr.CtKeySTATE, Register: register}).
			masked(native(expr.CtStateBitESTABLISHED)).differs(native(0))
	case rules.MatchTCPNotOpening:
		return protocol(unix.IPPROTO_TCP).and(payload(expr.PayloadBaseTransportHeader, 13, 1)).
			masked([]byte{synFlag | ackFlag}).differs([]byte{synFlag})
	case rules.MatchTCP:
		return protocol(unix.IPPROTO_TCP)
	case rules.MatchIPv4Option:
		return family(unix.NFPROTO_IPV4).and(present(uint8(match.Option), ipv4Option)).equal([]byte{1})
	case rules.MatchIPv6RoutingHeader:
		return family(unix.NFPROTO_IPV6).and(present(unix.IPPROTO_ROUTING, expr.ExthdrOpIpv6)).equal([]byte{1})
	case rules.MatchLoopback:
		if match.IPv6 {
			return destination(netip.IPv6Loopback(), 16).equal(netip.IPv6Loopback().AsSlice())
		}
		return destination(netip.IPv4Unspecified(), 1).equal([]byte{127})
	case rules.MatchAddresses:
		return encodeAddresses(match.Addresses)
	case rules.MatchPorts:
		return encodePorts(match)
	case rules.MatchLeaving:
		device := make([]byte, unix.IFNAMSIZ)
		copy(device, "lo")
		return load(&expr.Meta{Key: expr.MetaKeyOIFNAME, Register: register}).differs(device)
	}
	panic(fmt.Sprintf("a match without an encoding: %T", match))
}

func encodeAddresses(addresses []netip.Addr) fact {
	keys := make([][]byte, len(addresses))
	for i, address := range addresses {
		keys[i] = address.AsSlice()
	}
	keyType := nftables.TypeIPAddr
	if addresses[0].Is6() {
		keyType = nftables.TypeIP6Addr
	}
	return destination(addresses[0], uint32(len(keys[0]))).among(keys, keyType)
}

func encodePorts(match rules.MatchPorts) fact {
	keys := make([][]byte, len(match.Ports))
	for i, port := range match.Ports {
		keys[i] = network(port)
	}
	return protocol(byte(match.Protocol)).and(payload(expr.PayloadBaseTransportHeader, 2, 2)).
		among(keys, nftables.TypeInetService)
}

func encodeVerdict(verdict rules.Verdict) []expr.Any {
	switch verdict := verdict.(type) {
	case rules.VerdictAccept:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictAccept}}
	case rules.VerdictReturn:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictReturn}}
	case rules.VerdictDrop:
		return []expr.Any{&expr.Verdict{Kind: expr.VerdictDrop}}
	case rules.VerdictReset:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_TCP_RST}}
	case rules.VerdictReject:
		return []expr.Any{&expr.Reject{Type: unix.NFT_REJECT_ICMPX_UNREACH, Code: unix.NFT_REJECT_ICMPX_PORT_UNREACH}}
	case rules.VerdictRedirect:
		return []expr.Any{
			&expr.Immediate{Register: register, Data: network(verdict.Port)},
			&expr.Redir{RegisterProtoMin: register, RegisterProtoMax: register, Flags: portGiven},
		}
	}
	panic(fmt.Sprintf("a verdict without an encoding: %T", verdict))
}

func encodeComment(comment string) []byte {
	if comment == "" {
		return nil
	}
	// The kernel takes 256 bytes of user data, the two of the header and the ending NUL included; nft(8) takes 128.
	return userdata.AppendString(nil, userdata.TypeComment, comment[:min(len(comment), 127)])
}

func load(expression expr.Any) fact { return fact{expressions: []expr.Any{expression}} }

func family(number byte) fact {
	return load(&expr.Meta{Key: expr.MetaKeyNFPROTO, Register: register}).equal([]byte{number})
}

func protocol(number byte) fact {
	return load(&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: register}).equal([]byte{number})
}

// destination loads the first bytes of the destination of packets of the address' family.
func destination(of netip.Addr, bytes uint32) fact {
	if of.Is4() {
		return family(unix.NFPROTO_IPV4).and(payload(expr.PayloadBaseNetworkHeader, 16, bytes))
	}
	return family(unix.NFPROTO_IPV6).and(payload(expr.PayloadBaseNetworkHeader, 24, bytes))
}

func payload(base expr.PayloadBase, offset, bytes uint32) expr.Any {
	return &expr.Payload{DestRegister: register, Base: base, Offset: offset, Len: bytes}
}

func present(header uint8, operation expr.ExthdrOp) expr.Any {
	return &expr.Exthdr{DestRegister: register, Type: header, Len: 1, Flags: unix.NFT_EXTHDR_F_PRESENT, Op: operation}
}

func (found fact) and(expression expr.Any) fact {
	found.expressions = append(found.expressions, expression)
	return found
}

func (found fact) masked(mask []byte) fact {
	return found.and(&expr.Bitwise{
		SourceRegister: register, DestRegister: register, Len: uint32(len(mask)), Mask: mask, Xor: make([]byte, len(mask)),
	})
}

func (found fact) equal(data []byte) fact {
	return found.and(&expr.Cmp{Op: expr.CmpOpEq, Register: register, Data: data})
}

func (found fact) differs(data []byte) fact {
	return found.and(&expr.Cmp{Op: expr.CmpOpNeq, Register: register, Data: data})
}

// among compares with the only key, or looks the keys up in a set that write makes.
func (found fact) among(keys [][]byte, keyType nftables.SetDatatype) fact {
	if len(keys) == 1 {
		return found.equal(keys[0])
	}
	found = found.and(&expr.Lookup{SourceRegister: register})
	found.keys, found.keyType = keys, keyType
	return found
}

func native(value uint32) []byte { return binary.NativeEndian.AppendUint32(nil, value) }

func network(port uint16) []byte { return binary.BigEndian.AppendUint16(nil, port) }
