"""What is known of the findings in a node's own network; see :mod:`harness.mesh.catalogue`."""

from __future__ import annotations

import dataclasses

FORCE = "docker service update --force SERVICE writes the service's rows anew"
RESTART = "restarting dockerd on the node writes all of them anew"
REMOVE = "delete the row by hand, or restart dockerd on the node"
BOTH = f"{FORCE}; if that does not help, {RESTART}"


@dataclasses.dataclass(frozen=True)
class Entry:
    """What is known of a finding.

    Attributes:
        says: a noun phrase; ``of <service>`` may follow it.
        modes: ids of failure modes.
        remedy: ``SERVICE`` stands for the service's name.
    """

    says: str
    modes: tuple[str, ...]
    cause: str
    remedy: str


HOST: dict[str, Entry] = {
    "docker-gwbridge-down": Entry(
        "the bridge between host and sandboxes is down",
        ("A12",),
        "somebody or something took docker_gwbridge down, or it lost its address",
        "ip link set docker_gwbridge up; if it lost its address, restart dockerd",
    ),
    "split-brain-tables": Entry(
        "rules in both kinds of tables",
        ("A6",),
        "a tool on the node writes the other kind of tables (legacy, nft) than dockerd, and the kernel "
        "applies both",
        "use one kind everywhere (update-alternatives --config iptables), flush the other, restart dockerd",
    ),
    "flushed-rules": Entry(
        "an emptied DOCKER-INGRESS chain",
        ("A4",),
        "a firewall was reloaded or flushed after dockerd wrote its rules; engines before the fixes of July "
        "2025 do not write them again",
        f"{RESTART}; let the firewall leave docker's chains alone",
    ),
    "service-not-programmed": Entry(
        "nothing of a published service",
        ("A11", "B6"),
        "the engine never wrote DNAT, marks and IPVS service of it on this node",
        BOTH,
    ),
    "missing-ingress-jump": Entry(
        "no jump to DOCKER-INGRESS",
        ("A2",),
        "a firewall tool removed or replaced the chain's first rules",
        RESTART,
    ),
    "missing-dnat": Entry(
        "no DNAT rule for a published port",
        ("A1", "A11"),
        "the rule was removed, or never written",
        BOTH,
    ),
    "stale-dnat": Entry(
        "a DNAT rule for a port that no service publishes",
        ("A10",),
        "the engine left it behind when a service was removed or its port changed",
        REMOVE,
    ),
    "duplicate-dnat": Entry(
        "several DNAT rules for one port",
        ("A10",),
        "a rule was written twice: one will outlive the service",
        REMOVE,
    ),
    "wrong-dnat-target": Entry(
        "a DNAT rule to another address than ingress_sbox",
        ("A10", "B10"),
        "ingress_sbox was made anew at another address, and the rule kept the old one",
        BOTH,
    ),
    "shadowed-dnat": Entry(
        "a rule that takes a published port before DOCKER-INGRESS does",
        ("A9",),
        "a rule of somebody else comes first",
        "remove or narrow that rule, or publish another port",
    ),
    "missing-ingress-accept": Entry(
        "no ACCEPT rule for a published port in DOCKER-INGRESS",
        ("A3",),
        "the rule was removed: whatever drops later in FORWARD drops the port's traffic",
        BOTH,
    ),
    "stale-ingress-accept": Entry(
        "an ACCEPT rule for a port that no service publishes",
        ("A10",),
        "the engine left it behind when a service was removed or its port changed",
        REMOVE,
    ),
    "ingress-forward-blocked": Entry(
        "published traffic dropped on its way from the host to ingress_sbox",
        ("A3", "A5"),
        "a rule or policy comes before DOCKER-INGRESS can accept it",
        "let published ports pass in DOCKER-USER, or put the rule behind docker's; with 28.0.0, upgrade",
    ),
    "published-port-untracked": Entry(
        "packets to a published port are left out of connection tracking",
        ("B16",),
        "what is not tracked is not translated: the node itself answers it, with a reset",
        "delete the NOTRACK rule (iptables -t raw), or except the published ports from it",
    ),
    "missing-masquerade": Entry(
        "no MASQUERADE rule for requests of the node itself",
        ("A7",),
        "the rule was removed: 127.0.0.1 and the published port get no answer, other nodes do",
        RESTART,
    ),
    "route-localnet-off": Entry(
        "requests to 127.0.0.1 may not leave the loopback",
        ("A7",),
        "a sysctl profile reset it after dockerd had set it",
        "sysctl -w net.ipv4.conf.docker_gwbridge.route_localnet=1",
    ),
    "ip-forward-off": Entry(
        "forwarding of packets is off",
        ("B8",),
        "a sysctl profile reset it, or the sandbox inherited 0 (moby#38723)",
        "sysctl -w net.ipv4.ip_forward=1 in that namespace, and in the profile that resets it",
    ),
}
NODE: dict[str, Entry] = {
    "data-path-blocked": Entry(
        "overlay packets dropped by the node's own rules",
        ("C1", "A5"),
        "a firewall rule or policy drops the data path's UDP port",
        "let the data path's UDP port pass between all nodes, in both directions",
    ),
    "gossip-blocked": Entry(
        "gossip dropped by the node's own rules",
        ("D1",),
        "a firewall rule or policy drops port 7946: new tasks become known late or never",
        "let port 7946 pass between all nodes, TCP and UDP, in both directions",
    ),
    "control-blocked": Entry(
        "the managers' port dropped by the node's own rules",
        ("G2",),
        "a firewall rule or policy drops port 2377: the node will be called Down",
        "let TCP port 2377 pass between managers and all nodes",
    ),
    "peer-blocked": Entry(
        "all of the swarm's traffic with a peer dropped by the node's own rules",
        ("D2", "A5"),
        "a firewall rule or policy drops more than one of the swarm's ports",
        "let 2377/tcp, 7946/tcp+udp and the data path's UDP port pass between all nodes",
    ),
    "source-address-mismatch": Entry(
        "overlay packets leave with another source address than the node's",
        ("C8",),
        "a second address, route or SNAT rule makes the kernel choose it, and peers drop them (moby#53004)",
        "give the route to the peers the node's address as src, or advertise the other address",
    ),
    "lossy-underlay": Entry(
        "a network emulator on the device of the data path",
        ("C14",),
        "somebody tests with tc netem, or forgot to take it away: packets are delayed, dropped or reordered",
        "tc qdisc del dev DEVICE root on the node",
    ),
    "encrypted-path-blocked": Entry(
        "packets of encrypted networks dropped by the node's own rules",
        ("C12",),
        "a firewall rule or policy drops IP protocol 50 (ESP): encrypted networks are dead, plain ones work",
        "let ESP pass between all nodes, in both directions",
    ),
    "missing-ipsec": Entry(
        "no IPsec towards a peer of an encrypted network",
        ("C12",),
        "its policies or keys were flushed, or could not be set (dockerd's log: Failed to add ... SA)",
        "restart dockerd on the node; a new task of the network on the peer also makes it set them up",
    ),
    "subnet-overlap": Entry(
        "an overlay network's subnet that the node uses otherwise",
        ("F3",),
        "the network was made with the subnet of a local network, or one was added to the node later",
        "make the network anew with a --subnet that no node uses",
    ),
    "network-full": Entry(
        "no free address on a network for the tasks",
        ("F2", "F4"),
        "the subnet is too small for its VIPs, tasks and one load balancer per node, or addresses leaked",
        "make the network anew with a larger --subnet; if few tasks use it, look for leaked addresses",
    ),
    "conntrack-table-small": Entry(
        "the table of tracked connections is nearly full or far too small",
        ("B17",),
        "a sysctl profile set a small limit, or connections outgrew it: new ones are dropped",
        "raise net.netfilter.nf_conntrack_max on the node",
    ),
    "neighbour-table-small": Entry(
        "the table of neighbours is nearly full or far too small",
        ("B17",),
        "a sysctl profile set a small limit, or endpoints outgrew it: packets wait for an address for ever",
        "raise net.ipv4.neigh.default.gc_thresh3 (and 1, 2) on the node",
    ),
    "missing-kernel-support": Entry(
        "the kernel lacks what the mesh is made of",
        ("B9", "C10"),
        "the kernel was built without it, or the module is not installed or may not be loaded",
        "install the kernel's full set of modules (linux-modules-extra...), or use another kernel",
    ),
}
