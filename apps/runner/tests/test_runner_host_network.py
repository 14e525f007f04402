"""What network a machine has, as its kernel's tables say."""

from __future__ import annotations

from dillinger_runner.backends.host_network import HostNetwork, parse, read_here


def test_what_the_kernels_tables_say_of_a_machines_network() -> None:
    text = """== /proc/net/fib_trie
Main:
  +-- 0.0.0.0/0 3 0 5
     |-- 0.0.0.0
        /0 universe UNICAST
Local:
        |-- 127.0.0.1
           /32 host LOCAL
        |-- 172.17.0.1
           /32 host LOCAL
        |-- 192.168.7.4
           /32 host LOCAL
        |-- 192.168.7.255
           /32 link BROADCAST
== /proc/net/route
Iface\tDestination\tGateway \tFlags\tRefCnt\tUse\tMetric\tMask\t\tMTU\tWindow\tIRTT
eth0\t00000000\t0107A8C0\t0003\t0\t0\t0\t00000000\t0\t0\t0
eth0\t0007A8C0\t00000000\t0001\t0\t0\t0\t00FFFFFF\t0\t0\t0
docker0\t000011AC\t00000000\t0001\t0\t0\t0\t0000FFFF\t0\t0\t0
== /proc/net/if_inet6
00000000000000000000000000000001 01 80 10 80       lo
20010db8000000000000000000000004 02 40 00 80     eth0
fe800000000000000000000000000001 02 40 20 80     eth0
== /etc/resolv.conf
# made by hand
nameserver 192.168.7.1
nameserver fe80::1%eth0
search example.org
"""
    assert parse(text) == HostNetwork(
        addresses=("172.17.0.1", "192.168.7.4", "2001:db8::4"),
        networks=("192.168.7.0/24", "172.17.0.0/16"),
        outer_addresses=("192.168.7.4", "2001:db8::4"),
        resolvers=("192.168.7.1", "fe80::1"),
    )


def test_this_machine_knows_its_own_addresses_and_no_loopback_among_them() -> None:
    found = read_here()
    assert not [address for address in found.addresses if address.startswith("127.")]
    assert set(found.outer_addresses) <= set(found.addresses)
