"""Mutants of the host's own network on a node: rules, the swarm's ports, limits."""

from __future__ import annotations

import dataclasses

from harness.mesh.kernel import Route
from tests.mesh_changes import (
    device,
    new_rule,
    no_rule,
    other_rule,
    sysctl,
)
from tests.mesh_mutant import (
    HOST,
    Mutant,
    both,
    rows,
    second_tables,
)
from tests.mesh_spec import (
    ADDRESSES,
    MANAGER,
    W1,
    W2,
)

TCP = "-p tcp -m tcp --dport 8080"
GOSSIP = "--dport 7946 -j DROP"
HOST_MUTANTS = (
    Mutant("lossy-underlay", W1, HOST, device("eth0", qdisc="netem"), address=ADDRESSES[W1]),
    Mutant(
        "subnet-overlap",
        W1,
        HOST,
        rows(routes=lambda held: (*held, Route("10.0.9.128/25", "eth0"))),
        words=("10.0.9.128/25 on eth0",),
    ),
    # the host's rules
    Mutant("missing-dnat", W1, HOST, no_rule("-j DNAT"), "web", words=("8080",)),
    Mutant(
        "stale-dnat",
        W2,
        HOST,
        new_rule(
            "nat", "-A DOCKER-INGRESS -p tcp -m tcp --dport 9000 -j DNAT --to-destination 172.18.0.2:9000"
        ),
        words=("9000/tcp",),
    ),
    Mutant(
        "duplicate-dnat",
        W1,
        HOST,
        new_rule("nat", f"-A DOCKER-INGRESS {TCP} -j DNAT --to-destination 172.18.0.2:8080"),
        "web",
    ),
    Mutant(
        "wrong-dnat-target",
        W1,
        HOST,
        other_rule("--to-destination 172.18.0.2", "--to-destination 172.18.0.7"),
        "web",
        "172.18.0.7",
    ),
    Mutant(
        "shadowed-dnat",
        W1,
        HOST,
        new_rule("nat", f"-A PREROUTING {TCP} -j DNAT --to-destination 10.1.1.1:80"),
        "web",
    ),
    Mutant(
        "missing-ingress-jump",
        W1,
        HOST,
        no_rule("-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS"),
        words=("PREROUTING", "requests from elsewhere"),
    ),
    Mutant(
        "missing-ingress-jump",
        W2,
        HOST,
        no_rule("-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS"),
        words=("OUTPUT", "127.0.0.1"),
    ),
    Mutant(
        "missing-ingress-jump", MANAGER, HOST, no_rule("-A FORWARD -j DOCKER-INGRESS"), words=("in filter",)
    ),
    Mutant("missing-ingress-accept", W1, HOST, no_rule("--dport 8080 -j ACCEPT"), "web"),
    Mutant("missing-ingress-accept", W1, HOST, no_rule("--sport 8080"), "web", words=("ESTABLISHED",)),
    Mutant(
        "stale-ingress-accept",
        W1,
        HOST,
        new_rule("filter", "-A DOCKER-INGRESS -p udp -m udp --dport 9000 -j ACCEPT"),
        words=("9000/udp",),
    ),
    Mutant(
        "ingress-forward-blocked",
        W1,
        HOST,
        new_rule("filter", "-A DOCKER-USER -p tcp -m conntrack --ctorigdstport 8080 -j DROP"),
        "web",
        words=("ctorigdstport",),
    ),
    Mutant(
        "ingress-forward-blocked",
        W1,
        HOST,
        new_rule("mangle", f"-A PREROUTING {TCP} -j DROP"),
        "web",
        words=("--dport 8080",),
    ),
    Mutant(
        "published-port-untracked",
        W1,
        HOST,
        new_rule("raw", f"-A PREROUTING {TCP} -m statistic --mode random --probability 0.15 -j CT --notrack"),
        "web",
        words=("8080/tcp", "--notrack"),
    ),
    Mutant(
        "published-port-untracked",
        W1,
        HOST,
        both(new_rule("raw", "-A own -p tcp -j NOTRACK"), new_rule("raw", "-A PREROUTING -j own")),
        words=("8080/tcp", "NOTRACK"),
    ),
    Mutant(
        "published-port-untracked",
        W2,
        HOST,
        new_rule("raw", "-A PREROUTING -p tcp -j NOTRACK"),
        words=("8080/tcp", "NOTRACK"),
    ),
    Mutant(
        "ingress-forward-blocked",
        W2,
        HOST,
        new_rule("filter", "-A FORWARD ! -i docker_gwbridge -o docker_gwbridge -j DROP"),
        words=("! -i docker_gwbridge",),
    ),
    Mutant(
        "flushed-rules",
        W1,
        HOST,
        both(no_rule("-A DOCKER-INGRESS "), no_rule("MASQUERADE")),
        words=("nat and filter is empty",),
    ),
    Mutant("missing-masquerade", W1, HOST, no_rule("--src-type LOCAL -j MASQUERADE")),
    Mutant("route-localnet-off", W1, HOST, sysctl("net.ipv4.conf.docker_gwbridge.route_localnet", "0")),
    Mutant("docker-gwbridge-down", W1, HOST, device("docker_gwbridge", up=False)),
    Mutant("ip-forward-off", W2, HOST, sysctl("net.ipv4.ip_forward", "0")),
    Mutant(
        "split-brain-tables", W1, HOST, second_tables("-A FORWARD -j DROP"), words=("-A FORWARD -j DROP",)
    ),
    Mutant(
        "split-brain-tables",
        W2,
        HOST,
        second_tables("-A DOCKER-USER -j RETURN"),
        words=("in both",),
    ),
    # the swarm's own ports
    Mutant("data-path-blocked", W1, HOST, new_rule("filter", "-A INPUT -p udp --dport 4789 -j REJECT")),
    Mutant(
        "data-path-blocked",
        W1,
        HOST,
        new_rule("filter", f"-A INPUT -s {ADDRESSES[W2]}/32 -p udp -m udp --dport 4789 -j DROP"),
        address=ADDRESSES[W2],
    ),
    Mutant(
        "data-path-blocked",
        W2,
        HOST,
        new_rule("filter", "-A INPUT -p udp -m udp --dport 4789 -m length --length 1300:65535 -j DROP"),
        words=("1400 bytes or more",),
    ),
    Mutant(
        "gossip-blocked",
        W1,
        HOST,
        both(
            new_rule("filter", f"-A INPUT -p tcp -m tcp {GOSSIP}"),
            new_rule("filter", f"-A INPUT -p udp -m udp {GOSSIP}"),
        ),
    ),
    Mutant(
        "control-blocked", W1, HOST, new_rule("filter", "-A OUTPUT -p tcp --dport 2377 -j DROP"), address=""
    ),
    Mutant(
        "peer-blocked",
        W2,
        HOST,
        new_rule("filter", f"-A INPUT -s {ADDRESSES[MANAGER]}/32 -j DROP"),
        address=ADDRESSES[MANAGER],
    ),
    # the node
    Mutant(
        "source-address-mismatch",
        W1,
        HOST,
        new_rule("nat", "-A POSTROUTING -p udp --dport 4789 -j SNAT --to-source 192.168.200.99"),
        words=("192.168.200.99",),
    ),
    Mutant(
        "conntrack-table-small", W1, HOST, sysctl("net.netfilter.nf_conntrack_max", "64"), words=("= 64",)
    ),
    Mutant("conntrack-table-small", W1, HOST, sysctl("net.netfilter.nf_conntrack_count", "4000")),
    Mutant("neighbour-table-small", W1, HOST, sysctl("net.ipv4.neigh.default.gc_thresh3", "8")),
    Mutant(
        "overlay-mtu-too-large", W1, HOST, device("eth0", mtu=1400), address=ADDRESSES[W1], words=("1400",)
    ),
    Mutant(
        "stray-vxlan",
        MANAGER,
        HOST,
        rows(devices=lambda held: (*held, dataclasses.replace(held[1], name="vx", kind="vxlan", vni=4106))),
        words=("back",),
    ),
)
