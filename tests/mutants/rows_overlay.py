"""Mutants of the overlay: its packets between nodes, vxlan devices, forwarding entries, neighbours."""

from harness.mutants.mutant import INSIDE, KERNEL, OUTSIDE, Mutant, Wanted

_OUT = frozenset({OUTSIDE, KERNEL})
_IN = frozenset({INSIDE, KERNEL})
_UDP = "-p udp --dport 4789"
_FDB = "ns $OV bridge fdb"
_RIGHT = f"{_FDB} replace $(mac $REMOTE_APP) dev vxlan0 dst $PEER self permanent"
_NEIGH = "ns $OV ip neigh"
_FORGET = "ns $LB ip neigh flush dev eth0"
_KNOWN = f"{_NEIGH} replace $REMOTE_APP lladdr $(mac $REMOTE_APP) dev vxlan0 nud permanent"
_FREE = f"{_NEIGH} replace $FREE_APP lladdr $(mac $FREE_APP) dev vxlan0 nud permanent"
_DUMB = "FORWARD -p IPv4 --ip-protocol tcp -j DROP"
# ebtables leaves its table behind, and no nft is on the nodes: delete it as nft does
_NO_TABLE = r"""
gone ns $OV perl -e '
sub msg { my ($type, $flags, $body) = @_; pack("LSSLL", 16 + length $body, $type, $flags, ++$n, 0) . $body }
socket(S, 16, 3, 12) or die; # netlink, raw, netfilter
send(S, msg(16, 1, pack("CCn", 0, 0, 10)) .                                      # a batch of nf_tables begins
    msg(10 << 8 | 2, 5, pack("CCn", 7, 0, 0) . pack("SSa8", 11, 1, "filter")) .  # delete table bridge filter
    msg(17, 1, pack("CCn", 0, 0, 10)), 0, pack("SSLL", 16, 0, 0, 0)) or die'
"""


def _rule(ident: str, title: str, *rules: str, address: str = "", ask: str = "plain") -> Mutant:
    """Rules of the node's own firewall that drop overlay packets."""
    return Mutant(
        ident,
        ident.rstrip("abcd"),
        title,
        "; ".join(f"iptables -I {rule} -j DROP" for rule in rules),
        "; ".join(f"gone iptables -D {rule} -j DROP" for rule in rules),
        (Wanted("data-path-blocked", address=address),),
        _OUT,
        ask,
    )


MUTANTS = (
    _rule("C1a", "the data path's port is closed", f"INPUT {_UDP}", f"OUTPUT {_UDP}"),
    _rule("C1b", "the data path is closed one way, from one peer", f"INPUT -s $PEER {_UDP}", address="PEER"),
    Mutant(
        "C1c",
        "C1",
        "the vxlan device is down",
        f"{_NEIGH} show dev vxlan0 nud permanent > /run/mutant.neigh; ns $OV ip link set vxlan0 down",
        f"""ns $OV ip link set vxlan0 up
        test ! -s /run/mutant.neigh || while read address word mac rest; do
            {_NEIGH} replace $address lladdr $mac dev vxlan0 nud permanent
        done < /run/mutant.neigh""",
        (Wanted("vxlan-down", "OV"),),
        _IN,
        "vip",
    ),
    Mutant(
        "C2",
        "C2",
        "ICMP passes and TCP does not: rules of a bridge that iptables does not show",
        f"ns $OV ebtables-nft -A {_DUMB}",
        _NO_TABLE,
        (Wanted("foreign-table", "OV"),),
        _IN,
        "vip",
    ),
    Mutant(
        "C3a",
        "C3",
        "the underlay carries 1400 bytes, the overlay sends 1450",
        # traffic does not tell: vxlan sets no DF, and the lab's network lets fragments pass
        "ip link set eth0 mtu 1400",
        "ip link set eth0 mtu 1500",
        (Wanted("overlay-mtu-too-large", address="NODE_IP"),),
    ),
    _rule(
        "C3b",
        "large overlay packets are dropped",
        f"INPUT {_UDP} -m length --length 1300:65535",
        ask="large",
    ),
    _rule(
        "C4",
        "overlay packets beyond 900 bytes are dropped, as hypervisors do",
        f"INPUT {_UDP} -m length --length 900:65535",
        ask="large",
    ),
    Mutant(
        "C5a",
        "C5",
        "a forwarding entry is gone",
        f"{_FDB} del $(mac $REMOTE_APP) dev vxlan0 dst $PEER self",
        _RIGHT,
        (Wanted("missing-fdb-entry", "OV", "web", "REMOTE_APP"),),
        _IN,
        "quiet",
    ),
    Mutant(
        "C5b",
        "C5",
        "a forwarding entry is a learned one: traffic keeps it alive, silence kills it",
        f"""{_FDB} del $(mac $REMOTE_APP) dev vxlan0 dst $PEER self
        {_FDB} add $(mac $REMOTE_APP) dev vxlan0 dst $PEER self dynamic""",
        f"gone {_FDB} del $(mac $REMOTE_APP) dev vxlan0 dst $PEER self; {_RIGHT}",
        (Wanted("missing-fdb-entry", "OV", "web", "REMOTE_APP"),),
        _IN,
        "quiet",
    ),
    Mutant(
        "C6a",
        "C6",
        "a forwarding entry leads to the wrong node",
        f"{_FDB} replace $(mac $REMOTE_APP) dev vxlan0 dst $THIRD self permanent",
        _RIGHT,
        (Wanted("wrong-fdb-entry", "OV", "web", "REMOTE_APP"),),
        _IN,
        "vip",
    ),
    Mutant(
        "C6b",
        "C6",
        "a forwarding entry of an endpoint that is gone",
        f"{_FDB} replace $(mac $FREE_APP) dev vxlan0 dst $PEER self permanent",
        f"gone {_FDB} del $(mac $FREE_APP) dev vxlan0 dst $PEER self",
        (Wanted("stale-fdb-entry", "OV", "", "FREE_APP"),),
    ),
    Mutant(
        "C7a",
        "C7",
        "a neighbour of a MAC that nobody has",
        # what the load balancer remembers of its own hides it for a while
        f"{_NEIGH} replace $REMOTE_APP lladdr 02:42:de:ad:be:ef dev vxlan0 nud permanent; {_FORGET}",
        f"{_KNOWN}; {_FORGET}",
        (Wanted("wrong-neighbour", "OV", "web", "REMOTE_APP"),),
        _IN,
        "vip",
    ),
    Mutant(
        "C7b",
        "C7",
        "a neighbour is gone",
        f"{_NEIGH} del $REMOTE_APP dev vxlan0",
        _KNOWN,
        (Wanted("missing-neighbour", "OV", "web", "REMOTE_APP"),),
    ),
    Mutant(
        "C7c",
        "C7",
        "a neighbour of an endpoint that is gone",
        _FREE,
        f"gone {_NEIGH} del $FREE_APP dev vxlan0",
        (Wanted("stale-neighbour", "OV", "", "FREE_APP"),),
    ),
    Mutant(
        "C8a",
        "C8",
        "a route chooses a second address as source",
        "ip addr add 192.168.200.77/24 dev eth0; ip route replace $PEER/32 dev eth0 src 192.168.200.77",
        "gone ip route del $PEER/32 dev eth0; gone ip addr del 192.168.200.77/24 dev eth0",
        (Wanted("source-address-mismatch", address="PEER"),),
        _OUT,
        "plain",
    ),
    Mutant(
        "C8b",
        "C8",
        "an SNAT rule gives overlay packets another source",
        f"""ip addr add 192.168.200.77/24 dev eth0
        iptables -t nat -I POSTROUTING -o eth0 {_UDP} -j SNAT --to-source 192.168.200.77""",
        f"""gone iptables -t nat -D POSTROUTING -o eth0 {_UDP} -j SNAT --to-source 192.168.200.77
        gone ip addr del 192.168.200.77/24 dev eth0""",
        (Wanted("source-address-mismatch"),),
    ),
    Mutant(
        "C10",
        "C10",
        "the kernel may not load vxlan",
        "echo install vxlan /bin/false > /etc/modprobe.d/mutant.conf",
        "rm -f /etc/modprobe.d/mutant.conf",
        (Wanted("missing-kernel-support"),),
        settle=12.0,
        reboot=True,
    ),
    Mutant(
        "C14b",
        "C14",
        "the underlay delays packets a lot and loses one in seven",
        "tc qdisc add dev eth0 root netem delay 100ms 200ms loss 15%",
        "gone tc qdisc del dev eth0 root",
        (Wanted("lossy-underlay", address="NODE_IP"),),
        _OUT,
        "plain",
    ),
    Mutant(
        "C14a",
        "C14",
        "the underlay delays and loses packets",
        "tc qdisc add dev eth0 root netem delay 50ms 20ms loss 8%",
        "gone tc qdisc del dev eth0 root",
        (Wanted("lossy-underlay", address="NODE_IP"),),
        _OUT,
        "plain",
    ),
    Mutant(
        "C12b",
        "C12",
        "the node has lost the keys of an encrypted network",
        # traffic of our own went on: its new task may make the engine set the keys up again (not proved)
        "ip xfrm state flush",
        "engine stop; engine start",
        tuple(Wanted("missing-ipsec", service="api", address=address) for address in ("PEER", "THIRD")),
        renews=True,
    ),
    Mutant(
        "C12a",
        "C12",
        "the node drops ESP",
        "iptables -I INPUT -p esp -j DROP",
        "gone iptables -D INPUT -p esp -j DROP",
        (Wanted("encrypted-path-blocked"),),
        _IN,
        "secret",
    ),
    Mutant(
        "C11",
        "C11",
        "a vxlan device of a swarm's network is left in the host's namespace",
        "ip link add vx-stray type vxlan id $SPARE_VNI dstport 4789",
        "gone ip link del vx-stray",
        (Wanted("stray-vxlan"),),
    ),
)
