"""Evidence of a preflight, beside the kernels and the manager's word: engines, images, ways to the nodes."""

from __future__ import annotations

import dataclasses


@dataclasses.dataclass(frozen=True)
class EngineLook:
    """What one engine says of itself.

    Attributes:
        node: hostname.
        api: newest version of its API, ``minimum``: its oldest, ``spoken``: the one we speak with it.
        firewall: its firewall backend if it tells one (API 1.49 and newer): ``iptables``, ``nftables``...
        live_restore: None if it does not tell.
        images: those of a run that it has; ``lacking``: those that it has not.
        trouble: why it could not be asked: then nothing follows from what is empty.
    """

    node: str
    engine: str = ""
    api: str = ""
    minimum: str = ""
    spoken: str = ""
    firewall: str = ""
    live_restore: bool | None = None
    images: tuple[str, ...] = ()
    lacking: tuple[str, ...] = ()
    trouble: str = ""


@dataclasses.dataclass(frozen=True)
class Preflight:
    """What a preflight asked besides.

    Attributes:
        at: seconds, monotonic.
        lab: whether the target is a lab of ours, on which everything is allowed.
        manager: hostname of the engine that was asked about the swarm.
        engines: the manager's, on a lab those of all nodes.
        registry: (image, ``known``, ``absent``, or why the registry cannot say), asked by the manager.
        reach: (hostname, address, ``open``, or why nothing answers) of gossip's port, asked from here.
        ports: that a run publishes.
        pools: address pools from which new networks are made.
        job_image: that of the inside jobs.
        trouble: why the job that reads the kernels could not run at all; empty if it did.
        leaderless: what the manager said instead of answering where the swarm has no leader.
    """

    id: str
    at: float
    lab: bool
    manager: str
    engines: tuple[EngineLook, ...] = ()
    registry: tuple[tuple[str, str], ...] = ()
    reach: tuple[tuple[str, str, str], ...] = ()
    ports: tuple[int, ...] = ()
    pools: tuple[str, ...] = ()
    job_image: str = ""
    trouble: str = ""
    leaderless: str = ""

    @property
    def images(self) -> tuple[str, ...]:
        """All that a run deploys, in order."""
        return tuple(
            dict.fromkeys(one for engine in self.engines for one in (*engine.images, *engine.lacking))
        )
