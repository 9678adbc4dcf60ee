"""What the target gives the harness: images, engines that will start again, ways in, and what to verify."""

from __future__ import annotations

from harness.doctor.ground import Ground
from harness.doctor.lines import Line, ok, stop, unknown, warn
from harness.mesh.findings import listed

_PULL = "docker pull it on every node, or name another under [images] in harness.toml"
_REACHED = frozenset({"open", "closed"})  # a refusal comes from the node, too


def images(ground: Ground) -> list[Line]:
    """Whether every node has the images of a run, or a registry that has them; nothing is pulled for it.

    A manager tells of its own images only; on a lab every engine is asked. That the job ran on a node proves
    the job's own image there.
    """
    asked = [one for one in ground.asked.engines if not one.trouble]
    said = dict(ground.asked.registry)
    everywhere = {node.hostname for node in ground.nodes}
    lines, fine = [], []
    for image in ground.asked.images:
        having = {one.node for one in asked if image in one.images}
        lacking = {one.node for one in asked} - having
        if image == ground.asked.job_image:
            having |= set(ground.scene.kernels)
        if having >= everywhere or said.get(image) == "known":
            fine.append(image)
        elif said.get(image) == "absent" and not having:
            lines.append(stop("images", f"{image} is nowhere: no registry knows it", _PULL))
        elif said.get(image) == "absent":
            told = f"{image} is on {listed(sorted(having))} only, and its registry does not know it"
            lines.append(warn("images", told, _PULL))
        else:
            where = f"on {listed(sorted(having))}" if having else f"not on {listed(sorted(lacking))}"
            why = said.get(image, "no registry was asked")
            told = f"{image} is {where}; of other nodes nothing is known ({why})"
            lines.append(unknown("images", told, _PULL))
    if lines:
        return lines
    if not fine:
        return [unknown("images", "no engine told of its images", _PULL)]
    return [ok("images", f"all {len(fine)} are on every node, or in a registry that answers")]


def live_restore(ground: Ground) -> list[Line]:
    """Whether live-restore is off: with it an engine of a swarm does not start again (docker/docs#16059)."""
    told = {one.node: one.live_restore for one in ground.asked.engines if not one.trouble}
    on = sorted(node for node, value in told.items() if value)
    if on:
        remedy = 'take "live-restore": true out of daemon.json'
        return [stop("live-restore", "it is on: the engine will not start again", remedy, *on)]
    off = sorted(node for node, value in told.items() if value is False)
    rest = sorted({node.hostname for node in ground.nodes} - set(off))
    if rest or not off:
        where = f"off on {listed(off)}; " if off else ""
        remedy = "docker info -f '{{.LiveRestoreEnabled}}' there"
        return [
            unknown(
                "live-restore",
                f"{where}a manager cannot tell it of {listed(rest) if rest else 'others'}",
                remedy,
            )
        ]
    return [ok("live-restore", "off on every node")]


def outside(ground: Ground) -> list[Line]:
    """Whether the first witness can work: the addresses of all nodes answer this machine."""
    remedy = "give an address that this machine reaches in [nodes] of harness.toml"
    lines = [
        unknown("outside", f"no way from here to {address or 'it'}: {state}", remedy, node)
        for node, address, state in ground.asked.reach
        if state not in _REACHED
    ]
    if not ground.asked.reach:
        return [unknown("outside", "no node was asked from here", remedy)]
    return lines or [ok("outside", "this machine reaches every node")]


def verifies(ground: Ground) -> list[Line]:
    """What the harness can do on this target, and of which nodes it can read nothing."""
    told = (
        "gate with smoke and release, audit, faults: it is a lab of ours"
        if ground.asked.lab
        else "gate --profile smoke and audit; what breaks things only a lab of ours allows"
    )
    if not ground.expected.skipped:
        return [ok("verifies", told)]
    aside = listed(f"{node} ({why})" for node, why in ground.expected.skipped)
    remedy = "docker node update --availability active makes them readable"
    return [warn("verifies", f"{told}; kernels that no job can read: {aside}", remedy)]
