"""The evidence of a healthy swarm's preflight, as values; tests change one thing or another."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable, Mapping
from typing import Any

from harness.doctor.ground import Ground
from harness.doctor.lines import Line, State, merged
from harness.evidence import Dump, EngineLook, KernelLook, Preflight
from harness.mesh.kernel import Kernel, Namespace
from tests.mesh_spec import ADDRESSES, MANAGER, NODES
from tests.mesh_swarm import World, world

IMAGES = ("traefik/whoami:v1.10.3", "redis:7", "xiaopeng163/flask-redis:latest", "nicolaka/netshoot:v0.13")
JOB = IMAGES[-1]
PROVEN = ("xt_ipvs", "ip_vs", "ip_vs_rr", "vxlan", "xt_addrtype", "xt_conntrack", "xt_mark", "nf_nat")
HEALTHY: Mapping[str, object] = {
    "proof": tuple((part, "") for part in PROVEN),
    "modules": (("br_netfilter", "module"), ("ip_vs", "module"), ("vxlan", "module")),
    "listeners": (("tcp", (22, 9000)), ("tcp6", (2376, 7946))),
    "underlay": ((("driver", "virtio_net"), ("name", "eth0"), ("tx_checksum", True)),),
    "errors": (("Udp", (("InCsumErrors", 0), ("InDatagrams", 588))),),
    "conntrack": (("entries", 49),),
}


def engine(hostname: str, **changed: Any) -> EngineLook:
    """An engine that is well and has all images; ``changed`` fields."""
    made = EngineLook(
        hostname, "26.1.5", "1.45", "1.24", "1.44", live_restore=False, images=IMAGES, lacking=()
    )
    return dataclasses.replace(made, **changed)


def asked(**changed: Any) -> Preflight:
    """What was asked of a lab's engines, all well; ``changed`` fields."""
    made = Preflight(
        "preflight-1",
        10.0,
        lab=True,
        manager=MANAGER,
        engines=tuple(engine(one) for one in NODES),
        reach=tuple((one, ADDRESSES[one], "open") for one in NODES),
        ports=(8321, 8322),
        pools=("10.0.0.0/8",),
        job_image=JOB,
    )
    return dataclasses.replace(made, **changed)


def with_facts(kernel: Kernel, /, **changed: object) -> Kernel:
    """A kernel with these plain values; None takes one away."""
    told = {**dict(kernel.facts), **changed}
    facts = tuple((name, value) for name, value in told.items() if value is not None)
    return dataclasses.replace(kernel, facts=facts)


def ground(
    made: World | None = None,
    *,
    preflight: Preflight | None = None,
    facts: Mapping[str, object] | None = None,
    dumps: tuple[Dump, ...] = (),
    missing: tuple[tuple[str, str], ...] = (),
    clocks: Mapping[str, float] | None = None,
) -> Ground:
    """A ground on which all is well.

    Args:
        made: the swarm; three nodes and two services by default.
        preflight: what was asked besides.
        facts: plain values of worker 1 that differ; None takes one away.
        dumps: what the look holds, for tables that are named in it only.
        missing: nodes that told nothing, and why.
        clocks: of some nodes, seconds ahead of the manager's.
    """
    made = made or world()
    kernels = {name: with_facts(kernel, **HEALTHY) for name, kernel in made.kernels.items()}
    kernels[NODES[1]] = with_facts(kernels[NODES[1]], **(facts or {}))
    silent = dict(missing)
    told = {**dict.fromkeys(NODES, 0.2), **(clocks or {})}
    look = KernelLook("look-1", 12.0, 15.0, dumps, missing, clocks=tuple(told.items()))
    given = tuple(kernel for name, kernel in kernels.items() if name not in silent)
    return Ground(preflight or asked(), look, made.before, made.after, given)


def on_worker(change: Callable[[Namespace], Namespace], namespace: str = "") -> World:
    """The world in which a namespace of worker 1 (its host's by default) is changed."""
    return world().on(NODES[1], namespace, change)


def one(lines: list[Line]) -> Line:
    """The worst of a check's lines; its remedy says what to do unless all is well."""
    first, *_ = merged(lines)
    assert first.told
    assert bool(first.remedy) is (first.state is not State.OK)
    return first
