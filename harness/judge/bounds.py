"""The times swarm itself sets, as plain arithmetic on what was read from the swarm and the service.

Sources: the dispatcher counts a node down after three heartbeats without one, each up to 0.5 s late
(swarmkit ``manager/dispatcher``: grace period multiplier 3, epsilon 500 ms). The data plane learns of a dead
peer by gossip (hashicorp/memberlist ``config.go``, LAN defaults: probe interval 1 s, probe timeout 500 ms,
suspicion multiplier 4; ``util.go`` ``suspicionTimeout``: multiplier x max(1, log10 n) x probe interval).
"""

from __future__ import annotations

import math

GRACE_PERIODS = 3  # heartbeats missed until a node is down
HEARTBEAT_EPSILON = 0.5  # seconds by which the manager's expectation may be late
DOWN_MARGIN = 1.0  # seconds from the manager's decision until we have read it
PROBE_INTERVAL = 1.0  # seconds between two probes of one node
SUSPICION_MULTIPLIER = 4  # probe intervals that a suspect has to refute
GOSSIP_MARGIN = 1.5  # seconds: probe timeout 0.5 s, spreading the news, writing the tables
READ_MARGIN = 1.0  # seconds from a task's state on its node until we have read it


def node_down(heartbeat: float) -> float:
    """Seconds within which a node without power must be shown Down.

    Args:
        heartbeat: the dispatcher's heartbeat period in seconds, as read from the swarm (5 by default).
    """
    return GRACE_PERIODS * (heartbeat + HEARTBEAT_EPSILON) + DOWN_MARGIN


def gossip(nodes: int) -> float:
    """Seconds within which the survivors must have dropped a dead node's real servers (3 nodes: 8.5).

    A probe goes round all peers in ``nodes - 1`` intervals and takes one to fail; then the suspicion runs.

    Args:
        nodes: nodes in the swarm, the lost one included.
    """
    round_trip = max(1, nodes - 1) * PROBE_INTERVAL
    suspicion = SUSPICION_MULTIPLIER * max(1.0, math.log10(max(1, nodes))) * PROBE_INTERVAL
    return round(round_trip + PROBE_INTERVAL + suspicion + GOSSIP_MARGIN, 1)


def replaced(restart_delay: float, start: float) -> float:
    """Seconds within which the replacement of a killed task must run.

    Args:
        restart_delay: the service's restart delay in seconds (5 by default).
        start: how long a task of this service may take from scheduled to running, in seconds.
    """
    return restart_delay + start + READ_MARGIN


def running_again(heartbeat: float, restart_delay: float, start: float) -> float:
    """Seconds after a node's loss within which all its replicas must run elsewhere.

    Args:
        heartbeat: heartbeat period in seconds.
        restart_delay: the service's restart delay in seconds.
        start: how long a task may take from scheduled to running, in seconds.
    """
    return node_down(heartbeat) + replaced(restart_delay, start)


def rejoined(heartbeat: float, boot: float) -> float:
    """Seconds after power returned within which the node must be Ready again.

    Args:
        heartbeat: heartbeat period in seconds; the agent registers anew with back-off of up to one period.
        boot: how long kernel and engine may take to start, in seconds.
    """
    return boot + 2 * (heartbeat + HEARTBEAT_EPSILON) + DOWN_MARGIN
