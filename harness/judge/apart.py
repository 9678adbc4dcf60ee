"""What tasks and plain containers reach on overlay networks, and what they must not; their interfaces."""

from __future__ import annotations

import ipaddress
from collections.abc import Sequence

from harness.evidence import Around, Interface, Reach, Roster
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, listed

_OK = "ok"


@judge
def apart(looks: Sequence[Around]) -> Verdict:
    """No task reaches a task on a network that it is not on; it reaches those on its own in the same moment.

    Args:
        looks: of tasks, each on one network, which asked addresses on their own and on the others.
    """
    parts = [_one(look, node) for look in looks for node in look.nodes]
    parts += _missing(looks)
    own, foreign = (
        sum((one.network == look.network) is mine for look in looks for one in look.reaches)
        for mine in (True, False)
    )
    return conclude(
        parts,
        f"tasks on {count(len(looks), 'network')} reach no task on another ({count(foreign, 'attempt')} from "
        f"{count(len({node for look in looks for node in look.nodes}), 'node')}), and all {own} times one on "
        "their own",
        subject=Subject(),
        witnesses=("inside",),
        numbers={"own": own, "foreign": foreign, "skipped": _skipped(looks)},
    )


def _one(look: Around, node: str) -> Part:
    mine = [one for one in look.reaches if one.source == node and one.network == look.network]
    others = [one for one in look.reaches if one.source == node and one.network != look.network]
    crossed = [one for one in others if one.outcome == _OK]
    if crossed:
        where = listed(sorted({one.address for one in crossed}))
        told = f"{node}: a task on {look.network} reaches {where} on {crossed[0].network}"
        remedy = (
            f"on {node}, which way leads there? ip route get in the task, and nft or iptables of the node"
        )
        subject = Subject(node=node, address=crossed[0].address if len(crossed) == 1 else "")
        return bad(told, Finding("networks-joined", subject, told, (), remedy))
    if not others:
        return blind(f"{node}: nothing on another network was asked")
    lost = [one for one in mine if one.outcome != _OK]
    if lost or not mine:
        told = f"{len(lost)} of {count(len(mine), 'task')} on its own network did not answer"
        return blind(f"{node}: {told}, so silence from the other says nothing")
    return GOOD


@judge
def well_wired(looks: Sequence[Around], *, mtu: int = 1450, outside: int = 1500) -> Verdict:
    """A task has two interfaces: one on the overlay, and one on docker_gwbridge for the way out.

    Args:
        looks: of tasks, each on one overlay network.
        mtu: bytes on the overlay: VXLAN takes 50 of what the nodes' network carries.
        outside: bytes on docker_gwbridge.
    """
    parts = [_wired(look, node, mtu, outside) for look in looks for node in look.nodes]
    parts += _missing(looks)
    seen = [one for look in looks for one in look.interfaces]
    return conclude(
        parts,
        f"{count(len(parts), 'task')} on {count(len(looks), 'network')} have two interfaces each: one in the "
        f"overlay's subnet with MTU {mtu}, one on docker_gwbridge with MTU {outside} and the default route",
        subject=Subject(),
        witnesses=("inside",),
        numbers={
            "interfaces": [[one.node, one.name, one.address, one.mtu] for one in seen],
            "skipped": _skipped(looks),
        },
    )


def _wired(look: Around, node: str, mtu: int, outside: int) -> Part:
    here = [one for one in look.interfaces if one.node == node]
    subnets = [ipaddress.ip_network(one) for one in look.subnets]
    if not subnets:
        return blind(f"the manager tells no subnet of {look.network}")
    if not here:
        return blind(f"{node}: it told no interface")
    inner = [one for one in here if _within(one, subnets)]
    outer = [one for one in here if one not in inner]
    shown = ", ".join(f"{one.name} {one.address or 'without an address'}" for one in here)
    if len(inner) != 1 or len(outer) != 1:
        wanted = f"one in {listed(look.subnets)} and one outside expected"
        told = f"{node}: a task on {look.network} has {shown}; {wanted}"
        return _fault(node, "wrong-interfaces", told, "docker network inspect, and ip addr in the task")
    (on, out) = inner[0], outer[0]
    if (on.mtu, out.mtu) != (mtu, outside):
        wanted = f"{mtu} and {outside} expected"
        told = f"{node}: MTU {on.mtu} on the overlay and {out.mtu} on docker_gwbridge, {wanted}"
        return _fault(
            node, "wrong-mtu", told, "com.docker.network.driver.mtu of the network, and of the bridge"
        )
    if on.default or not out.default or not out.address:
        told = f"{node}: a task's default route does not lead to docker_gwbridge ({shown})"
        return _fault(node, "no-way-out", told, "ip route in the task")
    return GOOD


def _within(one: Interface, subnets: Sequence[ipaddress.IPv4Network | ipaddress.IPv6Network]) -> bool:
    """Whether an interface's network is exactly one of these: its prefix length must fit as well."""
    return bool(one.address) and ipaddress.ip_interface(one.address).network in subnets


def _fault(node: str, name: str, told: str, look_at: str) -> Part:
    return bad(told, Finding(name, Subject(node=node), told, (), f"on {node}, look at {look_at}"))


@judge
def joins(look: Around, roster: Roster, *, name: str, vips: Sequence[str]) -> Verdict:
    """A plain container on an attachable network finds a service by name, at its VIP and at every task.

    Args:
        look: of a container on every node.
        roster: the service's tasks.
        name: the service's.
        vips: its VIP on this network, as the manager has it.
    """
    places = {look.network, look.network_id}
    owners = {p.address: one.task for one in roster.replicas for p in one.addresses if p.network in places}
    if not owners or not vips:
        return unknown(f"the manager tells no address of {name} on {look.network}: nothing to compare with")
    parts = [_joined(look, node, name, owners, tuple(vips)) for node in look.nodes]
    return conclude(
        [*parts, *_missing([look])],
        f"a plain container on each of {count(len(look.nodes), 'node')} finds {name} by name, at its VIP "
        f"{listed(list(vips))} and at each of {count(len(owners), 'task')}",
        subject=Subject(service=name),
        witnesses=("inside",),
        numbers={"asked": len(look.reaches), "skipped": _skipped([look])},
    )


def _joined(look: Around, node: str, name: str, owners: dict[str, str], vips: tuple[str, ...]) -> Part:
    answers = [one for draw in look.of(name) if draw.node == node for one, _ in draw.answers]
    reached = {one.address: one for one in look.reaches if one.source == node}
    lost = [a for a in (*vips, *owners) if a not in reached or not _right(reached[a], owners)]
    if not answers and len(lost) == len({*vips, *owners}):
        told = f"{node}: a plain container on {look.network} finds no name and reaches nobody"
        return _fault(node, "container-cut-off", told, f"docker network inspect -v {look.network}")
    if set(answers) != set(vips):
        seen = listed(answers) or "no address"
        told = f"{node}: in a plain container {name} is {seen}, not its VIP {listed(vips)}"
        return _fault(node, "wrong-vip" if answers else "name-missing", told, "127.0.0.11 in the container")
    if lost:
        told = f"{node}: a plain container on {look.network} does not reach {listed(lost)} of {name}"
        return _fault(node, "task-unreached", told, "bridge fdb and ip neigh of the network's namespace")
    return GOOD


def _right(one: Reach, owners: dict[str, str]) -> bool:
    """Whether the task that has this address answered; behind a VIP any of them."""
    return one.outcome == _OK and one.replica in (
        {owners[one.address]} if one.address in owners else {*owners.values()}
    )


def _missing(looks: Sequence[Around]) -> list[Part]:
    return [blind(f"{node}: not asked ({why})") for look in looks for node, why in look.missing]


def _skipped(looks: Sequence[Around]) -> dict[str, str]:
    return {node: why for look in looks for node, why in look.skipped}


__all__ = ["apart", "joins", "well_wired"]
