"""What the manager alone tells: its API, its peers, the nodes and their engines, and the nodes' clocks."""

from __future__ import annotations

import dataclasses

from harness.doctor.ground import AGAIN, Ground
from harness.doctor.lines import Line, State, ok, stop, unknown, warn
from harness.mesh.findings import listed
from harness.mesh.versions import numbers
from harness.model import Role

LEAST_NODES = 2  # with one node there is nothing to balance between
_ODD = 5.0  # seconds: clocks are read to about one, on a busy swarm to two or three
_BACKDATED = 3600.0  # seconds: swarmkit dates certificates back by that, beyond it a node cannot join
_OLDEST, _NEWEST = (1, 41), (1, 44)  # of the API that we speak


@dataclasses.dataclass(frozen=True)
class Bad:
    """An engine version with a known fault; ``state``: a stop where nothing works, a warning else."""

    versions: tuple[tuple[int, ...], ...]
    fault: str
    remedy: str
    state: State = State.WARN


KNOWN_BAD: tuple[Bad, ...] = (
    Bad(((28, 0, 0),), "drops what comes to published ports (moby#49536)", "upgrade to 28.0.1", State.STOP),
    Bad(((28, 2, 2),), "loses names and forwarding entries (moby#50129, #50236)", "upgrade to 28.3"),
    Bad(((27, 0, 2),), "gives new networks overlapping subnets (moby#48069)", "upgrade"),
    Bad(
        ((29, 5, 0), (29, 5, 2), (29, 6, 1)),
        "loses or keeps forwarding entries (moby#52661)",
        "run harness audit often, or use another version",
    ),
    Bad(
        ((29, 6, 2),),
        "forgets names after a short disconnect (moby#53141)",
        "upgrade; docker service update --force heals",
    ),
    Bad(
        ((29, 8, 0),),
        "does not put forwarding entries back after a flap (moby#53663)",
        "upgrade; docker service update --force heals",
    ),
)


def api(ground: Ground) -> list[Line]:
    """Which version of its API the engine and we speak; that there is none ends the command before."""
    known = [one for one in ground.asked.engines if one.node == ground.asked.manager and not one.trouble]
    if not known:
        return [unknown("api", "the engine did not tell its versions", AGAIN)]
    one = known[0]
    oldest, newest = ("{}.{}".format(*version) for version in (_OLDEST, _NEWEST))
    told = f"{one.spoken}, the engine offers {one.minimum} to {one.api}"
    if not _OLDEST <= numbers(one.spoken)[:2] <= _NEWEST:
        return [stop("api", told, f"harness speaks {oldest} to {newest} (engines from 20.10)", one.node)]
    return [ok("api", told, one.node)]


def quorum(ground: Ground) -> list[Line]:
    """Whether a majority of managers is reachable and exactly one of them leads (moby#25275, #34384)."""
    managers = [node for node in ground.nodes if node.role is Role.MANAGER]
    remedy = "bring managers back; as the last resort docker swarm init --force-new-cluster"
    if ground.asked.leaderless:
        return [stop("quorum", f"no leader: {ground.asked.leaderless}", remedy)]
    if not managers:
        return [unknown("quorum", "the manager told of no manager", AGAIN)]
    up = [node for node in managers if node.ready and node.reachability != "unreachable"]
    leaders = [node.hostname for node in managers if node.leader]
    most = len(managers) // 2 + 1
    told = f"{len(up)} of {len(managers)} managers reachable, {most} needed, leader {listed(leaders)}"
    if len(leaders) != 1 or len(up) < most:
        return [stop("quorum", told, remedy)]
    if len(managers) % 2 == 0:
        remedy = "promote or demote one: an even number survives no more losses than one less"
        return [warn("quorum", told, remedy)]
    return [ok("quorum", told)]


def nodes(ground: Ground) -> list[Line]:
    """Whether every node is Ready, and can be told from the others."""
    if not ground.nodes:
        return [unknown("nodes", "the manager told of no node", AGAIN)]
    lines = [
        stop(
            "nodes",
            f"the manager calls it {node.state}",
            "start the node or its engine, or docker node rm it",
            node.hostname or node.id,
        )
        for node in ground.nodes
        if not node.ready
    ]
    names = [node.hostname for node in ground.nodes]
    twice = sorted({name for name in names if names.count(name) > 1})
    if twice:
        told = f"several nodes are called {listed(twice)}: answers cannot be told apart"
        lines.append(warn("nodes", told, "give them names of their own, or remove the old entry"))
    return lines or [ok("nodes", f"all {len(names)} are Ready")]


def size(ground: Ground) -> list[Line]:
    """Whether there are nodes enough to balance between."""
    if not ground.nodes:
        return [unknown("size", "the manager told of no node", AGAIN)]
    takers = sum(node.takes_tasks for node in ground.nodes)
    told = f"{len(ground.nodes)} nodes, {takers} take tasks"
    if len(ground.nodes) < LEAST_NODES:
        return [stop("size", told, "join another node, or use --target lab")]
    if takers < LEAST_NODES:
        return [warn("size", told, "docker node update --availability active more of them")]
    return [ok("size", told)]


def versions(ground: Ground) -> list[Line]:
    """Whether all engines are of one version, and of none that is known to be bad."""
    lines = [] if ground.nodes else [unknown("versions", "the manager told of no node", AGAIN)]
    told = {node.hostname: node.engine for node in ground.nodes}
    for name, engine in told.items():
        if not numbers(engine):
            lines.append(unknown("versions", "the engine's version is not known", "docker version", name))
        lines += [
            Line("versions", bad.state, f"{engine} {bad.fault}", bad.remedy, (name,))
            for bad in KNOWN_BAD
            if numbers(engine) in bad.versions
        ]
    kinds = sorted({engine for engine in told.values() if engine}, key=numbers)
    if len(kinds) > 1:
        each = [f"{one} on {sum(other == one for other in told.values())}" for one in kinds]
        remedy = "upgrade the rest: mixed versions are where meshes break (moby#41775)"
        lines.append(warn("versions", f"engines differ: {listed(each)}", remedy))
    kernels = sorted({str(dict(one.facts).get("kernel", "")) for one in ground.scene.kernels.values()} - {""})
    fine = f"engine {listed(kinds)}" + (f", kernel {listed(kernels)}" if kernels else "")
    return lines or [ok("versions", fine)]


def clock(ground: Ground) -> list[Line]:
    """How far the nodes' calendars are ahead of the manager's: certificates and logs depend on them."""
    if not ground.look.clocks:
        why = ground.asked.trouble or "no clock was read beside the manager's"
        return [unknown("clock", why, "compare by hand: date +%s on every node")]
    told = dict(ground.look.clocks)
    lines = []
    for node in ground.expected.nodes:
        ahead = told.get(node.hostname)
        if ahead is None:
            lines.append(unknown("clock", "its clock was not read", AGAIN, node.hostname))
        elif abs(ahead) > _ODD:
            word = f"{abs(ahead):.0f} s {'ahead of' if ahead > 0 else 'behind'} the manager"
            make = stop if abs(ahead) >= _BACKDATED else warn
            lines.append(make("clock", word, "run chrony or ntpd on every node", node.hostname))
        else:
            lines.append(ok("clock", f"within {_ODD:g} s of the manager's", node.hostname))
    return lines
