"""What is known of the findings of ``node-inspect``; see :mod:`harness.mesh.catalogue`."""

from __future__ import annotations

from harness.mesh.entries import FORCE, Entry

INSPECTED: dict[str, Entry] = {
    "missing-gossip-peer": Entry(
        "a node with tasks of a network is no peer of it in gossip",
        ("D1", "D2"),
        "port 7946 is blocked or lossy between the two, or gossip forgot the node after a flap (moby#53141)",
        "let 7946/tcp+udp pass in both directions; if it does, restart dockerd on the node that is missing",
    ),
    "foreign-gossip-peer": Entry(
        "a peer in gossip that is no node of the swarm",
        ("D5", "G10"),
        "a removed node still runs its engine, or another swarm shares the gossip",
        "docker swarm leave --force on that machine, or stop its engine",
    ),
    "missing-gossip-row": Entry(
        "gossip knows nothing of a running task",
        ("D2", "E2"),
        "the node missed the task's announcement, or took an old deletion for a new one (moby#53141)",
        FORCE,
    ),
    "stale-gossip-row": Entry(
        "gossip still tells of a task that is gone",
        ("D5", "E1"),
        "the node missed the task's end, or its owner left without telling: its names lead to dead addresses",
        f"restart dockerd on the node that tells it; otherwise {FORCE}",
    ),
    "orphan-container": Entry(
        "an orphan container",
        ("G7",),
        "the node was away when the task was removed, or dockerd was killed in between (moby#42723)",
        "docker rm -f it on the node",
    ),
    "foreign-listener": Entry(
        "a foreign listener on a port",
        ("A9",),
        "the process had the port before the engine published it: its remote clients are sent to the service "
        "(moby#39089), or it keeps the engine from its own port",
        "stop that process or give it another port, or publish another port",
    ),
    "missing-gossip-listener": Entry(
        "nobody listens for gossip",
        ("D1",),
        "the engine lost its gossip, or listens in another network",
        "restart dockerd on the node",
    ),
    "certificate-expires": Entry(
        "a node's certificate that has ended or soon does",
        ("G9",),
        "the node could not renew it: its clock is wrong, or it does not reach a manager",
        "set the clock right and let 2377/tcp pass; once it ended, leave and join again",
    ),
    "wrong-certificate": Entry(
        "a certificate that does not fit the node",
        ("G9", "G10"),
        "files of another node were copied here, or the node missed a change of role or root",
        "leave and join the swarm again on this node",
    ),
}
