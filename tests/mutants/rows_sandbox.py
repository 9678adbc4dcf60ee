"""Mutants of ingress_sbox: marks, IPVS services and real servers, NAT, settings."""

from harness.mutants.mutant import KERNEL, OUTSIDE, Mutant, Wanted

_BOTH = frozenset({OUTSIDE, KERNEL})
_SPACE = "ingress_sbox"
_UNMARK = 'keep $ING mangle; cut_rules $ING mangle PREROUTING "--dport $PORT "'
_SECOND = "ns $ING iptables -t mangle -A PREROUTING -p tcp --dport $PORT -j MARK --set-mark 0x7777"
_IPVS_BACK = """test ! -s /run/mutant.ipvs || { ns $ING ipvsadm -C; ns $ING ipvsadm -R < /run/mutant.ipvs; }
rm -f /run/mutant.ipvs"""
_IPVS_KEEP = "ns $ING ipvsadm -Sn > /run/mutant.ipvs"
_ROUTES = "ns $ING ip route show > /run/mutant.routes"
_ROUTES_BACK = """test ! -s /run/mutant.routes || while read route; do
    ns $ING ip route replace $route 2>/dev/null || true
done < /run/mutant.routes"""


MUTANTS = (
    Mutant(
        "B1",
        "B1",
        "a real server without a task",
        "ns $ING ipvsadm -a -f $MARK -r $FREE_ING:0 -m -w 1",
        "gone ns $ING ipvsadm -d -f $MARK -r $FREE_ING:0",
        (Wanted("stale-ipvs-backend", _SPACE, "web", "FREE_ING"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B2",
        "B2",
        "a replica is no real server",
        "ns $ING ipvsadm -d -f $MARK -r $REMOTE_ING:0",
        "gone ns $ING ipvsadm -a -f $MARK -r $REMOTE_ING:0 -m -w 1",
        (Wanted("missing-ipvs-backend", _SPACE, "web", "REMOTE_ING"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B3",
        "B3",
        "a real server of another service",
        "ns $ING ipvsadm -a -f $MARK -r $API_ING:0 -m -w 1",
        "gone ns $ING ipvsadm -d -f $MARK -r $API_ING:0",
        (Wanted("crosswired-ipvs-backend", _SPACE, "web", "API_ING"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B4a",
        "B4",
        "a running replica of weight 0",
        "ns $ING ipvsadm -e -f $MARK -r $REMOTE_ING:0 -m -w 0",
        "ns $ING ipvsadm -e -f $MARK -r $REMOTE_ING:0 -m -w 1",
        (Wanted("starved-ipvs-backend", _SPACE, "web", "REMOTE_ING"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B4b",
        "B4",
        "a replica of weight 10",
        # rr takes no notice of weights but 0: only a scheduler that weighs shows the skew
        "ns $ING ipvsadm -e -f $MARK -r $REMOTE_ING:0 -m -w 10",
        "ns $ING ipvsadm -e -f $MARK -r $REMOTE_ING:0 -m -w 1",
        (Wanted("skewed-ipvs-weight", _SPACE, "web", "REMOTE_ING"),),
    ),
    Mutant(
        "B4c",
        "B4",
        "another scheduler than round robin",
        "ns $ING ipvsadm -E -f $MARK -s sh",
        "ns $ING ipvsadm -E -f $MARK -s rr",
        (Wanted("unexpected-scheduler", _SPACE, "web", "VIP"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B5a",
        "B5",
        "the MARK rule of a port is gone",
        _UNMARK,
        "back $ING mangle",
        (Wanted("missing-mark", _SPACE, "web"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B5b",
        "B5",
        "a second mark for a port, which wins",
        _SECOND,
        f"gone {_SECOND.replace('-A PREROUTING', '-D PREROUTING')}",
        (Wanted("conflicting-marks", _SPACE, "web"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B5c",
        "B5",
        "a port's mark leads to no IPVS service",
        f"{_UNMARK}; {_SECOND}",
        "back $ING mangle",
        (Wanted("mark-without-service", _SPACE, "web"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B6",
        "B6",
        "the IPVS service of a mark is gone",
        f"{_IPVS_KEEP}; ns $ING ipvsadm -D -f $MARK",
        _IPVS_BACK,
        (Wanted("missing-ipvs-service", _SPACE, "web", "VIP"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B7a",
        "B7",
        "the SNAT rule of balanced packets is gone",
        "keep $ING nat; cut_rules $ING nat POSTROUTING --ipvs",
        "back $ING nat",
        (Wanted("missing-snat", _SPACE),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B9",
        "B9",
        "the kernel may not load ip_vs",
        "echo install ip_vs /bin/false > /etc/modprobe.d/mutant.conf",
        "rm -f /etc/modprobe.d/mutant.conf",
        (Wanted("missing-kernel-support"),),
        _BOTH,
        "plain",
        settle=12.0,
        reboot=True,
    ),
    Mutant(
        "B10a",
        "B10",
        "ingress_sbox is cut off from the overlay",
        f"{_ROUTES}; ns $ING ip link set eth0 down",
        f"ns $ING ip link set eth0 up; {_ROUTES_BACK}",
        (Wanted("sandbox-device-down", _SPACE),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B10b",
        "B10",
        "ingress_sbox is cut off from the host",
        f"{_ROUTES}; ns $ING ip link set eth1 down",
        f"ns $ING ip link set eth1 up; {_ROUTES_BACK}",
        (Wanted("sandbox-device-down", _SPACE),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "B10c",
        "B10",
        "ingress_sbox is gone from the engine's folder",
        # traffic does not tell: the kernel keeps the namespace for whoever still holds it
        "umount $ING && rm -f $ING",
        # only the engine can make it anew
        "test -e $ING || { engine stop; engine start; }",
        (Wanted("missing-ingress-sandbox", _SPACE),),
        renews=True,
    ),
    Mutant(
        "B11",
        "B11",
        "two ingress sandboxes with one address",
        "ns $ING ip addr add $PEER_SBOX/24 dev eth0",
        "gone ns $ING ip addr del $PEER_SBOX/24 dev eth0",
        (Wanted("duplicate-address", _SPACE, "", "PEER_SBOX"),),
    ),
)
