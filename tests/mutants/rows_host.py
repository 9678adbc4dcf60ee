"""Mutants of a node's own network: what leads a request from the node's address to ingress_sbox."""

from harness.mutants.mutant import INSIDE, KERNEL, OUTSIDE, Mutant, Wanted

_BOTH = frozenset({OUTSIDE, KERNEL})
_LOCAL = frozenset({INSIDE, KERNEL})
_DNAT = "DOCKER-INGRESS -p tcp --dport $PORT -j DNAT --to-destination $GW:$PORT"
_ACCEPT = "DOCKER-INGRESS -p tcp --dport $PORT -j ACCEPT"
_LOCALNET = "net.ipv4.conf.docker_gwbridge.route_localnet"
_DROP = "DOCKER-USER -p tcp -m conntrack --ctorigdstport $PORT -j DROP"
_REFUSE = "INPUT -p udp --dport 4789 -j REJECT"
_V6 = "INPUT -i lo -p tcp --dport $PORT -j DROP"
_UNTRACKED = (
    "PREROUTING -p tcp --dport $PORT ! --syn -m statistic --mode random --probability 0.15 -j CT --notrack"
)
_STALE = "DOCKER-INGRESS -p tcp --dport 9999 -j DNAT --to-destination $GW:9999"
_HIJACK = "PREROUTING -p tcp --dport $PORT -j REDIRECT --to-ports 22"

MUTANTS = (
    Mutant(
        "A1",
        "A1",
        "the DNAT rule of a port is gone",
        f"iptables -t nat -D {_DNAT}",
        f"iptables -t nat -C {_DNAT} || iptables -t nat -I {_DNAT}",
        (Wanted("missing-dnat", service="web"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A2a",
        "A2",
        "the jump from PREROUTING is gone",
        "keep - nat; iptables -t nat -D PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
        "back - nat",
        (Wanted("missing-ingress-jump"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A2b",
        "A2",
        "the jump from OUTPUT is gone",
        "keep - nat; iptables -t nat -D OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
        "back - nat",
        (Wanted("missing-ingress-jump"),),
        _LOCAL,
        "localhost",
    ),
    Mutant(
        "A3a",
        "A3",
        "the ACCEPT rule of a port is gone",
        f"iptables -D {_ACCEPT}; iptables -P FORWARD DROP",
        f"iptables -P FORWARD ACCEPT; iptables -C {_ACCEPT} || iptables -I {_ACCEPT}",
        (Wanted("missing-ingress-accept", service="web"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A3b",
        "A3",
        "a DROP rule before DOCKER-INGRESS, as of 28.0.0",
        "iptables -I FORWARD 1 ! -i docker_gwbridge -o docker_gwbridge -j DROP",
        "gone iptables -D FORWARD ! -i docker_gwbridge -o docker_gwbridge -j DROP",
        (Wanted("ingress-forward-blocked"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A4",
        "A4",
        "a firewall reload has emptied DOCKER-INGRESS",
        "keep - nat; keep - filter; iptables -t nat -F DOCKER-INGRESS; iptables -F DOCKER-INGRESS",
        "back - nat; back - filter",
        (Wanted("flushed-rules"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A4b",
        "A4",
        "a firewall reload has emptied every chain",
        "keep - nat; keep - filter; iptables -F; iptables -t nat -F",
        "back - nat; back - filter",
        (Wanted("flushed-rules"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A5a",
        "A5",
        "a rule in DOCKER-USER drops a published port",
        f"iptables -I {_DROP}",
        f"gone iptables -D {_DROP}",
        (Wanted("ingress-forward-blocked", service="web"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A5b",
        "A5",
        "the node's firewall refuses the data path",
        f"iptables -I {_REFUSE}",
        f"gone iptables -D {_REFUSE}",
        (Wanted("data-path-blocked"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A7a",
        "A7",
        "route_localnet is off",
        f"sysctl -qw {_LOCALNET}=0",
        f"sysctl -qw {_LOCALNET}=1",
        (Wanted("route-localnet-off"),),
        _LOCAL,
        "localhost",
    ),
    Mutant(
        "A7b",
        "A7",
        "the MASQUERADE rule of the node's own requests is gone",
        """keep - nat
        iptables -t nat -D POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE""",
        "back - nat",
        (Wanted("missing-masquerade"),),
        _LOCAL,
        "localhost",
    ),
    Mutant(
        "A9",
        "A9",
        "a rule of somebody else takes a published port first",
        f"iptables -t nat -I {_HIJACK}",
        f"gone iptables -t nat -D {_HIJACK}",
        (Wanted("shadowed-dnat", service="web"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A10a",
        "A10",
        "the DNAT rule of a service that is gone",
        f"iptables -t nat -I {_STALE}",
        f"gone iptables -t nat -D {_STALE}",
        (Wanted("stale-dnat"),),
    ),
    Mutant(
        "A10b",
        "A10",
        "an IPVS service that belongs to nobody",
        "ns $ING ipvsadm -A -f 9999 -s rr",
        "gone ns $ING ipvsadm -D -f 9999",
        (Wanted("stale-ipvs-service", "ingress_sbox"),),
    ),
    Mutant(
        "A11",
        "A11",
        "nothing of a published service on one node",
        f"""keep $ING mangle; ns $ING ipvsadm -Sn > /run/mutant.ipvs
        iptables -t nat -D {_DNAT}; ns $ING ipvsadm -D -f $MARK
        cut_rules $ING mangle PREROUTING '--dport '$PORT""",
        f"""back $ING mangle
        test ! -s /run/mutant.ipvs || {{ ns $ING ipvsadm -C; ns $ING ipvsadm -R < /run/mutant.ipvs; }}
        rm -f /run/mutant.ipvs
        iptables -t nat -C {_DNAT} || iptables -t nat -I {_DNAT}""",
        (Wanted("service-not-programmed", "ingress_sbox", "web", "VIP"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A12",
        "A12",
        "docker_gwbridge is down",
        "ip link set docker_gwbridge down",
        "ip link set docker_gwbridge up",
        (Wanted("docker-gwbridge-down"),),
        _BOTH,
        "plain",
    ),
    Mutant(
        "A8",
        "A8",
        "::1 is accepted and hangs, on engines below 29.8",
        "true",
        "true",
        witnesses=frozenset(),
        by_design="ipv6-loopback",
    ),
    Mutant(
        "A8b",
        "A8",
        "a rule for ::1 on one node",
        f"ip6tables -I {_V6}",
        f"gone ip6tables -D {_V6}",
        (Wanted("ipv6-differs", space="", service="web", address="V6_LOOPBACK"),),
        frozenset({INSIDE}),
        "vantages",
    ),
    Mutant(
        "B16",
        "B16",
        "packets in the middle of a connection are not tracked: the node answers them with RST",
        f"iptables -t raw -I {_UNTRACKED}",
        f"gone iptables -t raw -D {_UNTRACKED}",
        (Wanted("published-port-untracked", service="web"),),
        _BOTH,
        "plain",
    ),
)
