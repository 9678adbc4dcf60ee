"""The promises: their ids, what each one claims, and which profile verifies it.

Ids are stable: reports, thresholds and other tools name them.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from harness.errors import RequestError


@dataclasses.dataclass(frozen=True)
class Check:
    """One promise; ``disruptive`` checks break something on purpose and need a target that allows it.

    ``tutorial`` ones deploy images that a lab has only when they are asked for.
    """

    id: str
    claim: str
    profile: str
    disruptive: bool = False
    tutorial: bool = False


CHECKS: tuple[Check, ...] = (
    Check("cluster.nodes-ready", "every node is Ready", "smoke"),
    Check("cluster.leader", "exactly one manager leads", "smoke"),
    Check("cluster.ports", "the swarm's own ports are open between all nodes", "smoke"),
    Check("reach.every-node", "every node's address answers on the published port", "smoke"),
    Check("reach.node-without-task", "nodes that run no task of the service answer too", "smoke"),
    Check("reach.localhost", "127.0.0.1 answers on the published port of every node", "smoke"),
    Check("reach.closed-after-remove", "a removed service's port is closed on every node", "smoke"),
    Check("spread.covered", "every replica answers through every node, and nobody else", "smoke"),
    Check("spread.even", "every replica gets its share through every node", "smoke"),
    Check("vip.resolves", "the service's name resolves to exactly its VIP on every node", "smoke"),
    Check("dns.tasks", "tasks.<name> resolves to exactly the running tasks on every node", "smoke"),
    Check("mesh.tables", "every node's kernel tables hold what the manager says", "smoke"),
    Check("packet.walk", "each step of a packet's way is as it must be on every node", "full"),
    Check("packet.captured", "requests are seen to take that way, there and back", "full"),
    Check("overlay.mesh", "every task answers every node at its own overlay address", "release"),
    Check("overlay.sizes", "payloads of every size pass wherever small ones do", "release"),
    Check("reach.vantages", "a published port answers alike from every vantage point", "release"),
    Check("overlay.after-quiet", "after a silence the first packet of every pair arrives", "full"),
    Check("overlay.way-out", "a task reaches a host outside, with its node's address", "full"),
    Check("reach.udp", "every node answers every datagram on a published UDP port", "full"),
    Check("reach.host-mode", "a port in host mode is answered only where a task runs, by that task", "full"),
    Check("reach.two-ports", "each of two ports of a service reaches every replica by every node", "full"),
    Check("reach.source", "tasks see the entry node by the mesh, their client in host mode", "full"),
    Check("reach.hairpin", "a task reaches its own service, and itself, by VIP and published port", "full"),
    Check("vip.own-task", "every task reaches all tasks through their own VIP, itself too", "full"),
    Check("vip.idle", "silence beyond the IPVS timeout ends a connection, keep-alive keeps it", "full"),
    Check("dns.dnsrr", "under dnsrr a name is exactly its tasks, each first by chance alone", "full"),
    Check("dns.alias", "an alias resolves to what its service's name does", "full"),
    Check("dns.no-leak", "a task is told no name of a network that it is not on", "full"),
    Check("overlay.isolated", "tasks on two networks cannot reach one another", "full"),
    Check("overlay.encrypted", "an encrypted network leaves no clear text on the wire", "full"),
    Check("overlay.interfaces", "a task has one interface on the overlay and one for the way out", "full"),
    Check("overlay.attachable", "a plain container finds a service by name, VIP and tasks", "full"),
    Check("dns.fresh", "tasks.<name> follows within its bound when a service is scaled", "release"),
    Check("keepalive.pins", "a kept-alive connection stays with one replica (by design)", "release"),
    Check("redis.counter", "every request to flask-redis is counted exactly once", "release"),
    Check("redis.counter-through-kill", "no answered request is lost from the count", "release", True),
    Check("redis.refused", "a wrong password fails the web tier, and the log says whose it is", "full"),
    Check(
        "redis.restarted", "a Redis without a volume starts empty when killed, and that is said", "full", True
    ),
    Check("task-kill.replaced", "a killed task is replaced in time", "release", True),
    Check("task-kill.outage", "a killed task costs no more than its budget", "release", True),
    Check("task-kill.silent", "no request goes to a dead task for long", "release", True),
    Check("task-kill.even-again", "the spread is even again over the new replicas", "release", True),
    Check("task-kill.tables", "every node's kernel tables hold the new set of tasks", "release", True),
    Check("task-kill.healthy-joins", "with a health check the replacement refuses nobody", "release", True),
    Check("node-loss.detected", "a node without power is called Down in time", "release", True),
    Check("node-loss.rescheduled", "its tasks run elsewhere in time", "release", True),
    Check("node-loss.outage", "its loss costs no more than gossip's detection", "release", True),
    Check("node-loss.even-again", "the spread is even again over the survivors", "release", True),
    Check("node-loss.rejoined", "with its power back the node rejoins and answers", "release", True),
    Check("node-loss.tables", "the survivors' kernel tables forget it", "release", True),
    Check(
        "node-loss.tables-after-return", "all kernel tables hold what the manager says again", "release", True
    ),
    Check("load.fresh", "fresh connections under load keep to the limits", "release"),
    Check("load.kept", "kept-alive connections under load keep to the limits", "release"),
    Check("scale.costs", "scaling up and down under load costs hardly a request", "full", True),
    Check("reach.port-added", "a port that is added to a service answers by every node", "full", True),
    Check("reach.port-removed", "a port that is taken from a service is closed on every node", "full", True),
    Check(
        "reach.port-moved", "a port that another service takes over is answered by that alone", "full", True
    ),
    Check("update.pauses", "an update whose tasks crash pauses, and the service serves on", "full", True),
    Check("update.completes", "an update replaces every task and costs hardly a request", "full", True),
    Check("update.costs", "an update costs no more than its order and health check allow", "full", True),
    Check("update.rolls-back", "an update whose tasks crash is rolled back, and no success", "full", True),
    Check("volume.kept", "what a task wrote to a local volume is there for its successor", "full", True),
    Check("volume.local", "a task finds another volume on another node, and its own back home", "full", True),
    # these look into the nodes, as root does
    Check("secret.readable", "every task finds its secret, in memory only", "full", True),
    Check("secret.nowhere-else", "no disk, environment, log, answer or other node tells it", "full", True),
    Check("secret.in-use", "a secret that a service has cannot be removed", "full", True),
    Check("config.readable", "every task finds its config", "full", True),
    Check("config.in-use", "a config that a service has cannot be removed", "full", True),
    Check("secret.rotates", "a secret is rotated under load, and every task has the new one", "full", True),
    # of a compose file: the user's own (gate --stack), or one of ours
    Check("stack.runs", "every service of a compose file runs what it asks for", "full"),
    Check("stack.answers", "every node answers on each of its published ports", "full"),
    Check("stack.covered", "every replica is used through every node, and nobody else", "full"),
    Check("stack.even", "every replica gets its share through every node", "full"),
    Check("stack.tables", "every node's kernel tables hold what the manager says of it", "full"),
    Check("stack.updates", "every service is updated, and swarm calls it completed", "full"),
    Check("stack.removed", "nothing of it is left when it is removed, networks included", "full"),
    Check("cluster.certificates", "every node has its certificate of the swarm's root", "full", True),
    Check("cluster.ca-rotates", "the root is rotated, every certificate with it, without loss", "full", True),
    Check("cluster.tokens", "wrong and rotated tokens let nobody join", "full", True),
    # before managers are restarted: what an unlock leaves behind would look like another port that is cut
    Check("ports.4789", "4789/udp cut on a node: requests across hang, the port is named", "full", True),
    Check("ports.7946", "7946 cut on a node: no news comes across, the port is named", "full", True),
    Check("ports.2376", "2376/tcp cut on a manager: the swarm serves on, the port is named", "full", True),
    Check("ports.2377", "2377/tcp cut on a worker: Down, replaced, serving; the port is named", "full", True),
    Check("cluster.manager-restart", "a restarted manager keeps all, and requests go on", "full", True),
    Check(
        "cluster.autolock", "with autolock a restarted manager is locked until the key is given", "full", True
    ),
    Check(
        "secret.logs-in", "a database takes its password from a secret's file", "full", True, tutorial=True
    ),
    Check("voting.pages", "a browser votes, changes its vote and sees it counted", "full", tutorial=True),
    Check("voting.counted", "a vote through any node is counted once and shown", "full", tutorial=True),
    Check(
        "voting.one-per-voter", "a voter who votes again changes a vote and adds none", "full", tutorial=True
    ),
    Check("voting.kept", "no counted vote is lost with worker, redis or db", "full", True, tutorial=True),
    Check("proxy.balanced", "a proxy gives every backend its share", "full", tutorial=True),
    Check("proxy.sticky", "a client that returns its cookie stays with its backend", "full", tutorial=True),
    Check(
        "proxy.tls", "a proxy ends TLS with its secret's certificate, through any node", "full", tutorial=True
    ),
    Check(
        "proxy.http2",
        "a proxy speaks HTTP/2 where a client offers it, through any node",
        "full",
        tutorial=True,
    ),
    Check("proxy.websocket", "a proxy carries a WebSocket, through any node", "full", tutorial=True),
    Check("proxy.dead-node", "behind a proxy a lost node costs no request", "full", True, tutorial=True),
    Check("swarm.preflight", "nothing stops the swarm from working, nor a run on it", "doctor"),
)
# what the first word of an id stands for, as reports head it
CHAPTERS = {
    "cluster": "The cluster",
    "ports": "A port is cut",
    "reach": "Published ports: every node answers",
    "spread": "How requests are spread",
    "vip": "VIP and names",
    "dns": "VIP and names",
    "mesh": "The kernels' tables",
    "packet": "The packet's way",
    "overlay": "Overlay networks",
    "keepalive": "How requests are spread",
    "redis": "flask and Redis",
    "task-kill": "A task is killed",
    "node-loss": "A node loses its power",
    "load": "Throughput",
    "scale": "Scaling and updates",
    "update": "Scaling and updates",
    "volume": "Local volumes",
    "secret": "Secrets and configs",
    "config": "Secrets and configs",
    "stack": "A stack from a compose file",
    "voting": "The voting app",
    "proxy": "HAProxy and nginx before a service",
    "swarm": "Preflight",
}
OF_OUR_STACKS = frozenset({"stack.updates", "stack.removed"})  # not of services that ran already
PROFILES: tuple[str, ...] = ("smoke", "release", "full")
BY_ID = {check.id: check for check in CHECKS}


def of_profile(name: str) -> tuple[Check, ...]:
    """The checks of a profile; each profile contains those before it.

    Raises:
        RequestError: there is no such profile.
    """
    if name not in PROFILES:
        raise RequestError(f"unknown profile {name!r}", remedy=f"choose one of {', '.join(PROFILES)}")
    included = PROFILES[: PROFILES.index(name) + 1]
    return tuple(check for check in CHECKS if check.profile in included)


def of_stack(*, ours: bool) -> tuple[str, ...]:
    """Ids of what is verified of the user's own services.

    Args:
        ours: whether the run deploys them, so that it may update and remove them too.
    """
    stack = (check.id for check in CHECKS if check.id.startswith("stack."))
    chosen = (one for one in stack if ours or one not in OF_OUR_STACKS)
    return ("cluster.nodes-ready", "cluster.leader", *chosen)


def chapter_of(ident: str) -> str:
    """The chapter that a check belongs to; of an id that is not known here, its first word."""
    word = ident.partition(".")[0]
    return CHAPTERS.get(word, word)


def select(profile: str, *, only: Sequence[str] = (), skip: Sequence[str] = ()) -> tuple[Check, ...]:
    """The checks of a profile narrowed by id or by group (``spread`` stands for its ``spread.*``).

    Raises:
        RequestError: an unknown profile or id, or nothing is left to verify.
    """
    inside = {check.id for check in of_profile(profile)}
    wanted = _expand(only, inside) or inside
    unwanted = _expand(skip, inside)
    chosen = tuple(check for check in CHECKS if check.id in wanted - unwanted)
    outside = [check.id for check in chosen if check.id not in inside]
    if outside:
        raise RequestError(
            f"{outside[0]} is not in profile {profile}", remedy="harness gate --list shows them"
        )
    if not chosen:
        raise RequestError("no check is left to verify", remedy="loosen --only or --skip")
    return chosen


def _expand(words: Sequence[str], inside: set[str]) -> set[str]:
    """The ids that words stand for; a group of which the profile has some stands for those."""
    found: set[str] = set()
    for word in (part.strip() for entry in words for part in entry.split(",")):
        ids = {check.id for check in CHECKS if check.id == word or check.id.startswith(f"{word}.")}
        if not ids:
            raise RequestError(f"unknown check {word!r}", remedy="harness gate --list shows the ids")
        found |= ids & inside or ids
    return found


def claim_of(check: str) -> str:
    """What the check with this id claims.

    Raises:
        KeyError: no check has this id.
    """
    return BY_ID[check].claim
