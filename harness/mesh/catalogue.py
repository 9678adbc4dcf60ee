"""Every finding of the audit by its stable name: what it says, the failure modes it fits, cause, remedy."""

from __future__ import annotations

from harness.mesh.entries import BOTH, FORCE, HOST, NODE, REMOVE, RESTART, Entry
from harness.mesh.entries_inspected import INSPECTED

_BALANCER = {
    "missing-ingress-sandbox": Entry(
        "no ingress_sbox",
        ("B10",),
        "the ingress network was removed or not made again on this node",
        RESTART,
    ),
    "missing-lb-sandbox": Entry(
        "no load balancer for a network with tasks on the node",
        ("B8", "B10"),
        "the network's load-balancing endpoint could not be made on this node",
        BOTH,
    ),
    "sandbox-device-down": Entry(
        "a device is down",
        ("B10",),
        "somebody or something took it down",
        "ip link set it up in that namespace, or start the task or dockerd anew",
    ),
    "missing-mark": Entry(
        "no MARK rule for a published port",
        ("B5", "A11"),
        "the rule was removed, or never written",
        BOTH,
    ),
    "stale-mark": Entry(
        "a MARK rule that no service has",
        ("B5", "A10"),
        "the engine left it behind when a service was removed or its port changed",
        REMOVE,
    ),
    "conflicting-marks": Entry(
        "several marks for the same packets: the last one wins",
        ("B5",),
        "a rule of an earlier service was left behind (moby#25325)",
        f"delete the wrong one by hand; otherwise {RESTART}",
    ),
    "wrong-mark": Entry(
        "a mark that leads to another IPVS service",
        ("B3", "B5"),
        "a rule of another service was left behind or changed",
        BOTH,
    ),
    "mark-without-service": Entry(
        "a mark that leads to no IPVS service",
        ("B5",),
        "a rule of an earlier service was left behind or changed",
        BOTH,
    ),
    "missing-vip-alias": Entry(
        "the VIP is no address of the load balancer",
        ("B8",),
        "the alias was removed, or could not be added",
        BOTH,
    ),
    "stale-vip-alias": Entry(
        "the address of a VIP that no service has",
        ("A10", "F1"),
        "the engine left it behind when a service was removed: it answers for whoever gets the address next",
        REMOVE,
    ),
    "missing-vip-mark": Entry(
        "no MARK rule for the VIP", ("B8",), "the rule was removed, or never written", BOTH
    ),
    "missing-ipvs-service": Entry(
        "no IPVS service for the mark",
        ("B6",),
        "it could not be made (dockerd's log: Failed to create ...), or was deleted",
        BOTH,
    ),
    "stale-ipvs-service": Entry(
        "an IPVS service that belongs to nobody",
        ("A10",),
        "the engine left it behind when a service was removed, or somebody made it",
        REMOVE,
    ),
    "missing-ipvs-backend": Entry(
        "a replica is no real server",
        ("B2",),
        "the node missed the task's announcement (gossip), or adding it failed: this node never uses it",
        FORCE,
    ),
    "stale-ipvs-backend": Entry(
        "a real server without a living task",
        ("B1", "D5"),
        "the node missed the task's end: every n-th request goes nowhere",
        BOTH,
    ),
    "crosswired-ipvs-backend": Entry(
        "a real server that belongs to another service",
        ("B3",),
        "an address was used again, and the node missed its first owner's end",
        BOTH,
    ),
    "starved-ipvs-backend": Entry(
        "a running replica of weight 0",
        ("B4",),
        "the engine took it for one that ends (moby#41896), or somebody changed it",
        FORCE,
    ),
    "skewed-ipvs-weight": Entry(
        "a real server of another weight than the engine gives",
        ("B4",),
        "somebody or something changed it: the engine sets 1, and 0 while a task ends",
        FORCE,
    ),
    "unexpected-scheduler": Entry(
        "another scheduler than round robin",
        ("B4",),
        "somebody or something changed it: the engine sets rr",
        BOTH,
    ),
    "missing-snat": Entry(
        "no SNAT rule for balanced packets",
        ("B7",),
        "the rule was removed: replicas answer past the load balancer, and remote requests hang",
        RESTART,
    ),
    "ipvs-conntrack-off": Entry(
        "IPVS keeps no connection tracking",
        ("B7",),
        "something reset the sysctl: SNAT does not happen, and remote requests hang",
        "sysctl -w net.ipv4.vs.conntrack=1 in that namespace",
    ),
    "ipvs-reuse-mode": Entry(
        "IPVS reschedules connections whose port is used again",
        ("B14",),
        "something reset the sysctl; before Linux 5.9 a port in TIME_WAIT then costs 1 s (moby#35082)",
        "sysctl -w net.ipv4.vs.conn_reuse_mode=0 in that namespace",
    ),
    "ipvs-nodest-expiry-off": Entry(
        "IPVS keeps connections whose real server is gone",
        ("B15",),
        "something reset the sysctl: flows of a fixed source port, above all UDP, stay with a dead task",
        "sysctl -w net.ipv4.vs.expire_nodest_conn=1 in that namespace",
    ),
}
_OVERLAY = {
    "foreign-table": Entry(
        "a table of nf_tables in a namespace of the engine's",
        ("C2", "A6"),
        "somebody wrote rules there that iptables does not show: they may drop what the mesh sends",
        "nft delete it in that namespace",
    ),
    "missing-overlay-sandbox": Entry(
        "a network with tasks on the node has no namespace there",
        ("C10", "C11"),
        "the vxlan device could not be made (dockerd's log: error creating vxlan interface)",
        RESTART,
    ),
    "stray-vxlan": Entry(
        "a vxlan device with the id of a swarm's network in the host's namespace",
        ("C11",),
        "dockerd was killed while it made the network, or somebody else uses the id: no task can start there",
        "ip link delete it, then restart dockerd",
    ),
    "vxlan-down": Entry(
        "the vxlan device is not up",
        ("C1",),
        "somebody or something took it down or deleted it: with it went its neighbours",
        RESTART,
    ),
    "wrong-vni": Entry(
        "another vxlan id than the swarm's",
        ("C11",),
        "the network was made again while this node was away, or somebody made the device",
        RESTART,
    ),
    "wrong-vxlan-port": Entry(
        "another UDP port of the vxlan device than the swarm's data path port",
        ("C4",),
        "the node joined with another data path port, or somebody made the device",
        "leave and join the swarm again on this node",
    ),
    "overlay-mtu-too-large": Entry(
        "overlay packets that the underlay cannot carry",
        ("C3",),
        "the underlay's MTU is smaller than the overlay's plus 50 bytes of vxlan: large answers hang",
        "raise the underlay's MTU, or make the network with --opt com.docker.network.driver.mtu",
    ),
    "missing-fdb-entry": Entry(
        "no permanent forwarding entry for a remote endpoint",
        ("C5",),
        "it was deleted, and a learned one that ages out stood in its way (moby#52661, moby#53663)",
        f"bridge fdb replace it in that namespace; otherwise {FORCE}",
    ),
    "wrong-fdb-entry": Entry(
        "a forwarding entry to another node than the endpoint's",
        ("C6",),
        "the node missed the end of an address's first owner: packets go to the wrong host",
        f"bridge fdb replace it in that namespace; otherwise {FORCE}",
    ),
    "stale-fdb-entry": Entry(
        "a forwarding entry for an endpoint that is not there",
        ("C6", "D5"),
        "the node missed the endpoint's end: the next owner of the address is looked for in the wrong place",
        "bridge fdb del it in that namespace, or restart dockerd",
    ),
    "missing-neighbour": Entry(
        "no permanent neighbour for a remote endpoint",
        ("C7",),
        "it was deleted, or never written",
        f"ip neigh replace it in that namespace; otherwise {FORCE}",
    ),
    "wrong-neighbour": Entry(
        "a neighbour of another MAC than the endpoint's",
        ("C7",),
        "somebody or something changed it: packets are sent to a MAC that nobody has",
        f"ip neigh replace it in that namespace; otherwise {FORCE}",
    ),
    "stale-neighbour": Entry(
        "a neighbour for an endpoint that is not there",
        ("C7",),
        "the node missed the endpoint's end: its vxlan device answers for whoever gets the address next",
        "ip neigh del it in that namespace, or restart dockerd",
    ),
}
_TASK = {
    "missing-task-sandbox": Entry(
        "a running task without its address on the node",
        ("F1", "G1"),
        "the task's container is gone or lost its address, and the manager was not told",
        FORCE,
    ),
    "missing-redirect": Entry(
        "no REDIRECT from the published to the target port",
        ("B19",),
        "the rule was removed, or never written: the replica refuses what other nodes send it",
        FORCE,
    ),
    "wrong-redirect": Entry(
        "a REDIRECT to another port than the target port",
        ("B19",),
        "the rule is that of an earlier target port (swarmkit#1171), or was changed",
        FORCE,
    ),
    "missing-task-accept": Entry(
        "the task's own rules drop its target port",
        ("B19",),
        "the ACCEPT rule was removed, and what follows it drops all else of the ingress address",
        FORCE,
    ),
    "wrong-mac": Entry(
        "another MAC than the address gives",
        ("C13",),
        "udev or somebody rewrote it: what other nodes send goes to the MAC that the address gives",
        "set MACAddressPolicy=none for veth devices in a systemd .link file, then start the task anew",
    ),
    "duplicate-address": Entry(
        "an address that somebody else has, too",
        ("F1", "B11"),
        "it was given out twice after a change of leader or a crash, or somebody added it",
        "remove the later owner (update --force of its service; for a load balancer, restart dockerd)",
    ),
}
CATALOGUE: dict[str, Entry] = {**HOST, **_BALANCER, **_OVERLAY, **_TASK, **NODE, **INSPECTED}
