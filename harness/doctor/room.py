"""Is there room: in the kernels' tables, in the networks' subnets, on the ports that a run publishes?"""

from __future__ import annotations

import ipaddress
from collections.abc import Iterable, Sequence

from harness.doctor.ground import Ground, each
from harness.doctor.lines import Line, ok, stop, unknown, warn
from harness.mesh import facts
from harness.mesh.findings import listed
from harness.mesh.kernel import Kernel, Namespace
from harness.model import Network

_TENTHS = 10  # per cent: coarse, so that nodes that are alike share a line
_TABLES = (("conntrack", "conntrack-table-small"), ("neighbour", "neighbour-table-small"))
_BESIDE = 3  # addresses of a subnet that nobody gets: its own, the broadcast, the gateway
_PUBLISH = "set published_port in harness.toml to a free one"


def limits(ground: Ground) -> list[Line]:
    """Whether tracked connections and neighbours have room in their tables (moby#32195, #18630)."""
    return each("limits", ground, _limits, "sysctls")


def _limits(kernel: Kernel, host: Namespace, ground: Ground) -> Line:
    del host
    used = dict(
        zip((name for name, _ in _TABLES), (facts.conntrack(kernel), facts.neighbours(kernel)), strict=True)
    )
    found = [one for _, name in _TABLES if (one := ground.finding(kernel, name)) is not None]
    if found:
        full = any(count is not None and most is not None and count >= most for count, most in used.values())
        told = listed(one.seen for one in found)
        return (stop if full else warn)("limits", told, found[0].remedy, kernel.node)
    dark = [name for name, (count, most) in used.items() if count is None or most is None]
    if dark:
        told = f"the size of the table of {listed(dark)} is not known"
        return unknown("limits", told, "sysctl net.netfilter.nf_conntrack_max on the node", kernel.node)
    shares = [(count or 0) * 100 // (most or 1) for count, most in used.values()]
    told = f"less than {(max(shares) // _TENTHS + 1) * _TENTHS} % of conntrack and neighbour tables used"
    return ok("limits", told, kernel.node)


def addresses(ground: Ground) -> list[Line]:
    """Whether each overlay leaves room: a job of ours needs 2 x nodes + 8 addresses (moby#43052, #37338)."""
    need = 2 * len(ground.nodes) + 8
    free = {network.name: _free(network, ground) for network in ground.expected.networks}
    known = {name: left for name, left in free.items() if left is not None}
    if not known:
        return [unknown("addresses", "no overlay network tells its subnet", "docker network inspect")]
    lines = []
    remedy = "make the network anew with a larger --subnet"
    full = [name for name, left in known.items() if left <= 0]
    if full:
        lines.append(stop("addresses", f"no address is left in {listed(full)}: tasks stay New", remedy))
    low = [f"{left} in {name}" for name, left in known.items() if 0 < left < need]
    if low:
        lines.append(warn("addresses", f"{need} should be free, there are {listed(low)}", remedy))
    least = min(known, key=lambda name: known[name])
    told = f"{known[least]} free in {least}, the fewest of {len(known)} networks; {need} are enough"
    return lines or [ok("addresses", told)]


def _free(network: Network, ground: Ground) -> int | None:
    """Addresses that nobody has: not VIPs, tasks, nor the balancers, of which a node has one per network."""
    nets = [ipaddress.ip_network(text, strict=False) for text in network.subnets if ":" not in text]
    if not nets:
        return None
    live = [task for task in ground.after.tasks if not task.ended]
    taken = {place.address for task in live for place in task.addresses if place.network == network.id}
    taken |= {
        vip.address for service in ground.after.services for vip in service.vips if vip.network == network.id
    }
    here = {task.node for task in live if any(place.network == network.id for place in task.addresses)}
    balancers = len(ground.nodes) if network.ingress else len(here)
    room = sum(max(0, net.num_addresses - _BESIDE) for net in nets)
    return room - len({one for one in taken if ":" not in one}) - balancers


def ports(ground: Ground) -> list[Line]:
    """Whether nobody has the ports that a run publishes: publishing would hijack them (moby#39089)."""
    wanted = ground.asked.ports
    taken = [
        stop("ports", f"{port.published}/{port.protocol} is published by {service.name}", _PUBLISH)
        for service in ground.after.services
        for port in service.ports
        if port.published in wanted and port.protocol == "tcp"
    ]
    if taken:
        return taken
    return each("ports", ground, _ports, "facts")


def _ports(kernel: Kernel, host: Namespace, ground: Ground) -> Line:
    del host
    heard = facts.fact(kernel, "listeners")
    if heard is None:
        return unknown("ports", "its listeners are not known", "ss -lnt on the node", kernel.node)
    busy = sorted(set(ground.asked.ports) & set(_numbers(heard)))
    if busy:
        return stop("ports", f"something listens on {listed(busy)}", _PUBLISH, kernel.node)
    return ok("ports", f"{listed(ground.asked.ports)} are free", kernel.node)


def _numbers(heard: object) -> Iterable[int]:
    """The whole numbers of an object of lists, however deep."""
    if isinstance(heard, int):
        yield heard
    elif isinstance(heard, Sequence) and not isinstance(heard, str):
        for one in heard:
            yield from _numbers(one)
