"""What every node's kernel holds, as evidence: one job on the host network that reads all namespaces.

Nothing is interpreted here but the frame: what was told whole becomes a dump, and whatever is garbled or did
not arrive is named as missing.
"""

from __future__ import annotations

import dataclasses
import re
import threading
from collections.abc import Iterator, Mapping
from typing import Any

from harness.evidence import Dump, KernelLook
from harness.inside.allowed import CAPABILITIES, MOUNTS, NODE_INSPECT, Inspection
from harness.inside.frames import NodeAnswer
from harness.inside.job import Job, JobSwarm
from harness.inside.parse import JobAnswers, is_address, text
from harness.inside.runner import run_job
from harness.inside.scripts.inspection import PARTS

BOUND = 20.0  # seconds for the script; a node with ten namespaces needs some three of them
KINDS = frozenset(
    {"rules-legacy", "rules-nft", "ipvs", "addr", "fdb", "neigh", "route", "sysctl", "facts", "xfrm"},
) | frozenset(PARTS)
_MOST = 100_000  # pieces of one dump
_LATE = 1.0  # seconds by which a script's begin may be told too late (JobAnswers.starts)
_LATEST = 1e11  # seconds since the epoch: a calendar beyond it is garbage
_UNSOUND = re.compile("[\x00-\x08\x0b-\x1f\x7f\ud800-\udfff]")
_Key = tuple[str, str]  # namespace and what


def look(
    swarm: JobSwarm,
    image: str,
    *,
    prove: bool = False,
    encrypted: bool = False,
    inspect: Inspection | None = None,
    stop: threading.Event | None = None,
) -> KernelLook:
    """Read the kernel of every node that takes tasks; journals what they printed.

    Args:
        swarm: whose nodes are read.
        image: must hold ``python3``, ``ip`` and ``bridge``; the nft variant of ``iptables-save`` where nodes
            have such rules.
        prove: whether kernels are to show what they can do, which may make them load modules.
        encrypted: whether there are encrypted networks: then IPsec's policies and states are read as well.
        inspect: what to ask each node's engine and processes for; only where ``node-inspect`` is allowed.
        stop: set by another thread, it ends the job early.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
        Interrupted: ``stop`` was set.
    """
    info = swarm.engine.info()
    peers = [[node.hostname, node.address] for node in swarm.nodes() if node.ready]
    args: Mapping[str, Any] = {
        "peers": [peer for peer in peers if is_address(peer[1])],
        "data_port": info.data_path_port,
        **({"prove": True} if prove else {}),
        **({"encrypted": True} if encrypted else {}),
        **({"inspect": inspect.arguments()} if inspect else {}),
    }
    asked = Job("kernel", image, args, bound=BOUND)
    if inspect:
        asked = dataclasses.replace(asked, mounts=MOUNTS, capabilities=CAPABILITIES, unconfined=True)
    job = run_job(swarm, asked, stop)
    found, missing = dumps(job)
    return swarm.journal.keep(
        KernelLook(
            id=swarm.journal.new_id("kernellook"),
            began=job.began,
            at=job.ended,
            dumps=found,
            missing=missing,
            skipped=job.skipped,
            clocks=clocks(job, info.name),
            read=max(job.began, min((at for _, at in job.starts), default=job.began) - _LATE),
            allowed=(NODE_INSPECT,) if inspect else (),
        )
    )


def dumps(job: JobAnswers) -> tuple[tuple[Dump, ...], tuple[tuple[str, str], ...]]:
    """All dumps by node, namespace and kind, and (hostname, reason) of what is not whole; never raises."""
    found: list[Dump] = []
    missing = list(job.missing)
    for answer in job.answers:
        told, garbled = _joined(answer)
        found += told
        missing += [(answer.node, why) for why in (*_lacking(answer), *garbled)]
    found.sort(key=lambda dump: (dump.node, dump.namespace, dump.what))
    return tuple(found), tuple(dict.fromkeys(missing))


def _lacking(answer: NodeAnswer) -> Iterator[str]:
    """Why the node's dumps are not all that there could be."""
    for record in answer.of("trouble"):
        yield text(record.get("text")) or "it told of trouble without a reason"
    if answer.complete and not answer.of("namespaces"):
        yield "it told nothing of its namespaces"


@dataclasses.dataclass
class _Part:
    """What has arrived of one dump: its pieces by number, of ``count``."""

    count: int
    trouble: str
    pieces: dict[int, str] = dataclasses.field(default_factory=dict)

    def add(self, record: Mapping[str, Any]) -> bool:
        """Take the pieces of a record; False if they do not fit."""
        rows = record.get("rows")
        if (self.count, self.trouble) != (record.get("pieces"), record.get("trouble")):
            return False
        if not isinstance(rows, list):
            return False
        for row in rows:
            match row:
                case [int(number), str(piece)] if type(number) is int and 0 <= number < self.count:
                    if self.pieces.setdefault(number, piece) != piece:
                        return False
                case _:
                    return False
        return True

    def dump(self, node: str, key: _Key) -> Dump:
        """The dump; one whose pieces did not all arrive has no text but the trouble that says so."""
        if len(self.pieces) < self.count:
            return Dump(node, *key, text="", trouble=f"{len(self.pieces)} of {self.count} pieces arrived")
        whole = "".join(self.pieces[number] for number in range(self.count))
        return Dump(node, *key, text=_sound(whole), trouble=text(self.trouble))


def _announced(record: Mapping[str, Any]) -> _Part | None:
    """An empty dump of as many pieces as the record says that there are."""
    count, trouble = record.get("pieces"), record.get("trouble")
    if isinstance(count, int) and 0 <= count <= _MOST and isinstance(trouble, str):
        return _Part(count, trouble)
    return None


def _joined(answer: NodeAnswer) -> tuple[list[Dump], list[str]]:
    """The dumps of one node, and what of them could not be read, in words."""
    parts: dict[_Key, _Part] = {}
    garbled: dict[_Key, str] = {}
    for record in answer.of("dump"):
        namespace, what = record.get("ns"), record.get("what")
        if not (isinstance(namespace, str) and isinstance(what, str) and what in KINDS):
            garbled["", ""] = "a dump is garbled: it names no namespace, or nothing that is known"
            continue
        key = (text(namespace), what)
        part = _announced(record)
        if part is None or not parts.setdefault(key, part).add(record):
            garbled[key] = f"the dump {what} of {text(namespace) or 'the host'} is garbled"
    found = [part.dump(answer.node, key) for key, part in parts.items() if key not in garbled]
    found += [Dump(answer.node, *key, text="", trouble=why) for key, why in garbled.items() if key[1]]
    return found, list(garbled.values())


def _sound(told: str) -> str:
    """Without control characters and halves of pairs, which no kernel prints and no journal can hold."""
    return _UNSOUND.sub("?", told)


def clocks(job: JobAnswers, manager: str) -> tuple[tuple[str, float], ...]:
    """(hostname, seconds that its calendar is ahead of the manager's), to about a second.

    Both calendars are read in the same way: at the script's begin, which is known on our clock as well as
    :attr:`JobAnswers.starts` says. Nothing is told where the manager runs no job.
    """
    starts = dict(job.starts)
    ahead: dict[str, float] = {}
    for answer in job.whole:
        for record in answer.of("clock")[:1]:
            wall = record.get("wall")
            if isinstance(wall, int | float) and 0 < wall < _LATEST and answer.node in starts:
                ahead[answer.node] = float(wall) - float(record["at"]) - starts[answer.node]
    if manager not in ahead:
        return ()
    return tuple((node, round(ahead[node] - ahead[manager], 1)) for node in sorted(ahead))
