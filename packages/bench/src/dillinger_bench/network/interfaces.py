"""Makes and sets up network interfaces: pairs of virtual cables (veth) by rtnetlink, addresses by ioctl.

Every function works in the network that the calling process is in. Formats: rtnetlink(7), netdevice(7),
linux/if_link.h, linux/veth.h, linux/ethtool.h.
"""

from __future__ import annotations

import array
import fcntl
import os
import socket
import struct

_RTM_NEWLINK = 16
_REQUEST, _ACK, _CREATE, _EXCL = 0x1, 0x4, 0x400, 0x200
_IFLA_IFNAME, _IFLA_LINKINFO, _IFLA_NET_NS_FD = 3, 18, 28
_INFO_KIND, _INFO_DATA, _VETH_PEER, _NESTED = 1, 2, 1, 0x8000
_SET_FLAGS, _SET_ADDRESS, _SET_NETMASK, _ETHTOOL = 0x8914, 0x8916, 0x891C, 0x8946
_UP_AND_RUNNING = 0x1 | 0x40
_SET_RX_CHECKSUM, _SET_TX_CHECKSUM, _SET_TSO, _SET_GSO, _SET_GRO = 0x15, 0x17, 0x1F, 0x24, 0x2C


def _attribute(kind: int, data: bytes) -> bytes:
    return struct.pack("=HH", 4 + len(data), kind) + data + bytes(-len(data) % 4)


def make_pair(name: str, peer: str, peer_network: int) -> None:
    """A virtual cable: `name` here, `peer` in the network behind the descriptor. Raises OSError."""
    nobody = struct.pack("=BxHiII", socket.AF_UNSPEC, 0, 0, 0, 0)
    far = nobody + _attribute(_IFLA_IFNAME, peer.encode() + b"\0")
    far += _attribute(_IFLA_NET_NS_FD, struct.pack("=i", peer_network))
    info = _attribute(_INFO_KIND, b"veth")
    info += _attribute(_INFO_DATA | _NESTED, _attribute(_VETH_PEER | _NESTED, far))
    body = nobody + _attribute(_IFLA_IFNAME, name.encode() + b"\0") + _attribute(_IFLA_LINKINFO | _NESTED, info)
    flags = _REQUEST | _ACK | _CREATE | _EXCL
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, socket.NETLINK_ROUTE) as netlink:
        netlink.bind((0, 0))
        netlink.send(struct.pack("=IHHII", 16 + len(body), _RTM_NEWLINK, flags, 1, 0) + body)
        _, kind, _, _, _ = struct.unpack_from("=IHHII", answer := netlink.recv(65_536))
    (error,) = struct.unpack_from("=i", answer, 16)
    if kind != 2 or error:
        raise OSError(-error, f"making the virtual cable {name}: {os.strerror(-error)}")


def bring_up(name: str, address: str | None = None) -> None:
    """Sets the address (of a network of 256) and switches the interface on."""
    title = name.encode()
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        if address is not None:
            for request, value in ((_SET_ADDRESS, address), (_SET_NETMASK, "255.255.255.0")):
                place = struct.pack("=H2x4s8x", socket.AF_INET, socket.inet_aton(value))
                fcntl.ioctl(control, request, struct.pack("16s", title) + place)
        fcntl.ioctl(control, _SET_FLAGS, struct.pack("16sH14x", title, _UP_AND_RUNNING))


def without_offloads(name: str) -> None:
    """Packets leave as they would on a wire: of the MTU's size at most, with their checksums."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as control:
        for command in (_SET_GSO, _SET_TSO, _SET_GRO, _SET_TX_CHECKSUM, _SET_RX_CHECKSUM):
            value = array.array("I", [command, 0])
            at, _ = value.buffer_info()
            fcntl.ioctl(control, _ETHTOOL, struct.pack("16sP16x", name.encode(), at)[:40])
