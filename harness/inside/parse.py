"""Records of jobs become evidence here; what does not fit is left out, never guessed.

Guests have clocks of their own: a job tells offsets from its script's begin, which ``starts`` places on ours.
"""

from __future__ import annotations

import dataclasses
import ipaddress
from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from harness.evidence import Link, NameAnswer, RealServer, VirtualServer
from harness.inside.frames import NodeAnswer
from harness.model import Outcome, Path, Sample

_OUTCOMES = {str(outcome): outcome for outcome in Outcome}
_STATES = frozenset({"open", "closed", "silent"})
_LONGEST = 300  # characters of a text that a job told
CONTROL = 2377
GOSSIP = 7946


@dataclasses.dataclass(frozen=True)
class JobAnswers:
    """What came back of a job.

    Attributes:
        answers: of the nodes that told something, whole or not, by hostname.
        missing: (hostname, reason) of nodes without a whole answer, in order.
        began: when the job was created, ``ended`` when its last answer had been read (seconds, monotonic).
        starts: (hostname, when its script began on our clock). It is the moment at which the closing record
            was read, or the task's end was seen, less the offset that the record tells: late by the time from
            writing to seeing (about half a second), and never earlier than the truth.
        skipped: (hostname, reason) of nodes that take no tasks, so no job could look.
    """

    answers: tuple[NodeAnswer, ...]
    missing: tuple[tuple[str, str], ...]
    began: float
    ended: float
    starts: tuple[tuple[str, float], ...] = ()
    skipped: tuple[tuple[str, str], ...] = ()

    def start(self, node: str) -> float:
        """When the node's script began, on our clock."""
        return dict(self.starts).get(node, self.began)

    @property
    def whole(self) -> tuple[NodeAnswer, ...]:
        """The answers that are complete."""
        return tuple(answer for answer in self.answers if answer.complete)


def rows(answer: NodeAnswer, kind: str, shape: Sequence[type], **where: Any) -> Iterator[list[Any]]:
    """The rows of records of ``kind`` whose fields are ``where``, as far as they have this shape.

    A ``float`` in ``shape`` takes whole numbers too; booleans are no numbers. Further columns are cut off.
    """
    for record in answer.of(kind):
        told = record.get("rows")
        if not isinstance(told, list) or any(record.get(key) != value for key, value in where.items()):
            continue
        for row in told:
            if isinstance(row, list) and len(row) >= len(shape) and all(map(_fits, row, shape)):
                yield row[: len(shape)]


def _fits(value: Any, kind: type) -> bool:
    if isinstance(value, bool):
        return kind is bool
    if kind is float:
        return isinstance(value, int | float) and abs(value) < 1e9  # noqa: PLR2004  also drops nan and inf
    return isinstance(value, kind)


def text(value: Any) -> str:
    """What a job told, as one printable line of bounded length."""
    told = value if isinstance(value, str) else ""
    return "".join(char if char.isprintable() else "?" for char in told)[:_LONGEST]


def is_address(value: str) -> bool:
    """Whether it is an IPv4 or IPv6 address."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        return False
    return True


def troubles(answers: Iterable[NodeAnswer], about: str = "") -> tuple[tuple[str, str], ...]:
    """(hostname, what) that jobs could not do; ``about`` narrows it to one part of the job."""
    return tuple(
        (answer.node, f"{text(record.get('about'))} {text(record.get('ns'))}: {text(record.get('text'))}")
        for answer in answers
        for record in answer.of("trouble")
        if not about or record.get("about") == about
    )


def kernels(job: JobAnswers) -> tuple[tuple[str, str], ...]:
    """(hostname, kernel release)."""
    return tuple(
        (answer.node, text(record.get("kernel")))
        for answer in job.answers
        for record in answer.of("hello")[:1]
    )


def links(job: JobAnswers, managers: Sequence[str], nodes: Sequence[str], data_port: int) -> tuple[Link, ...]:
    """Every link that had to be open between two of ``nodes``.

    A connect over TCP is proven by its source, a datagram counts behind the target's firewall only: gossip's
    acknowledgement proves that, for the data path an echo through the ingress network. Where no node shows
    such proof (an engine that speaks differently), arrival at the interface has to do. Links of which nobody
    told are ``skipped`` with the reason.
    """
    tcp = {
        (answer.node, name, port): (state, text(proof))
        for answer in job.answers
        for name, port, state, proof in rows(answer, "tcp", (str, int, str, str))
        if state in _STATES
    }
    udp = _datagrams(job, data_port)
    reasons = dict(job.missing + job.skipped)
    found = []
    for source in nodes:
        for target in nodes:
            if source == target:
                continue
            wanted = [(GOSSIP, "tcp"), (GOSSIP, "udp"), (data_port, "udp")]
            wanted += [(CONTROL, "tcp")] if target in managers else []
            for port, protocol in wanted:
                witness = source if protocol == "tcp" else target
                why = reasons.get(witness, f"{witness} told nothing of it")
                told = (tcp if protocol == "tcp" else udp).get((source, target, port), ("skipped", why))
                found.append(Link(source, target, port, protocol, told[0], text(told[1])))
    return tuple(found)


def _datagrams(job: JobAnswers, data_port: int) -> dict[tuple[str, str, int], tuple[str, str]]:
    """State and proof of the way of datagrams by source, target and port, as far as somebody told."""
    proven = _proofs(job, data_port)
    shown = {port for _, _, port in proven}
    found: dict[tuple[str, str, int], tuple[str, str]] = {}
    for answer in job.answers:
        for port in (GOSSIP, data_port):
            for peer, came, others in rows(answer, "heard", (str, bool, str), port=port):
                told = "seen at the interface, but not behind its firewall" if came else "nothing arrived"
                if others and not came:
                    told += f"; from other addresses: {others}"
                only = came and port not in shown
                found[peer, answer.node, port] = (
                    ("open", "seen at the interface") if only else ("silent", told)
                )
    return found | {link: ("open", proof) for link, proof in proven.items()}


def _proofs(job: JobAnswers, data_port: int) -> dict[tuple[str, str, int], str]:
    """Ways of datagrams that were proven up to the process, by source, target and port."""
    proven: dict[tuple[str, str, int], str] = {}
    for answer in job.answers:
        node = answer.node
        for peer, there, here in rows(answer, "acks", (str, bool, bool)):
            proven |= {(node, peer, GOSSIP): f"{peer} acknowledged a probe"} if there else {}
            proven |= {(peer, node, GOSSIP): f"{node} acknowledged a probe"} if here else {}
        for peer, came, replied, _ in rows(answer, "echoes", (str, bool, bool, int)):
            proven |= {(peer, node, data_port): f"an echo reached {node}"} if came or replied else {}
            proven |= {(node, peer, data_port): f"{peer} returned an echo"} if replied else {}
    return proven


def mesh(job: JobAnswers, nodes: Sequence[str]) -> tuple[Link, ...]:
    """What the overlay job's tasks said of each other over their own addresses; port 0 stands for the echo.

    Peers that never answered are known by the address that they told of themselves.
    """
    owners = {
        text(record.get("address")): answer.node for answer in job.answers for record in answer.of("self")
    }
    told: dict[tuple[str, str, str], tuple[str, str]] = {}
    for answer in job.answers:
        for address, name, protocol, state, proof in rows(answer, "mesh", (str, str, str, str, str)):
            target = name or owners.get(address, "")
            if target in nodes and state in _STATES and protocol in {"tcp", "udp"}:
                told[answer.node, target, protocol] = (state, f"{text(address)}: {text(proof)}")
    reasons = dict(job.missing + job.skipped)
    found = []
    for source in nodes:
        for target in nodes:
            if source == target:
                continue
            why = reasons.get(source) or reasons.get(target) or f"{source} did not find the task of {target}"
            for protocol in ("tcp", "udp"):
                state, proof = told.get((source, target, protocol), ("skipped", why))
                found.append(Link(source, target, 0, protocol, state, proof))
    return tuple(found)


def with_mesh(found: Sequence[Link], overlay: Sequence[Link], data_port: int) -> tuple[Link, ...]:
    """``found`` with silent or skipped data paths opened where an echo came back over the overlay.

    An echo crosses the data path in both directions, so one in either direction proves both.
    """
    proven = {
        pair: link.proof
        for link in overlay
        if link.state == "open"
        for pair in ((link.source, link.target), (link.target, link.source))
    }
    return tuple(
        dataclasses.replace(link, state="open", proof=f"overlay echo {proven[link.source, link.target]}")
        if (link.port, link.protocol) == (data_port, "udp")
        and link.state in {"silent", "skipped"}
        and (link.source, link.target) in proven
        else link
        for link in found
    )


def servers(job: JobAnswers) -> tuple[VirtualServer, ...]:
    """The IPVS services of every node and namespace, keyed by mark."""
    parts: dict[tuple[str, str, int], tuple[str, list[RealServer]]] = {}
    for answer in job.answers:
        for record in answer.of("ipvs"):
            namespace = record.get("ns")
            if not isinstance(namespace, str):
                continue
            one = dataclasses.replace(answer, records=(record,))
            for mark, scheduler, told in rows(one, "ipvs", (int, str, list)):
                _, known = parts.setdefault((answer.node, text(namespace), mark), (text(scheduler), []))
                known.extend(_real_servers(told))
    return tuple(
        VirtualServer(node, namespace, mark, scheduler, tuple(known))
        for (node, namespace, mark), (scheduler, known) in sorted(parts.items())
    )


def _real_servers(told: Iterable[Any]) -> Iterator[RealServer]:
    for row in told:
        if isinstance(row, list) and len(row) >= 4 and all(map(_fits, row, (str, int, int, int))):  # noqa: PLR2004  columns
            address, weight, active, inactive = row[:4]
            if is_address(address):
                yield RealServer(address, weight, active, inactive)


def marks(job: JobAnswers) -> tuple[tuple[str, str, str, str, int], ...]:
    """(node, namespace, ``port`` or ``vip``, key, mark) of the rules that set firewall marks."""
    found = set()
    for answer in job.answers:
        for record in answer.of("marks"):
            one = dataclasses.replace(answer, records=(record,))
            for kind, key, mark in rows(one, "marks", (str, str, int)):
                if kind in {"port", "vip"} and isinstance(record.get("ns"), str):
                    found.add((answer.node, text(record["ns"]), kind, text(key), mark))
    return tuple(sorted(found))


def unread_tables(job: JobAnswers) -> tuple[tuple[str, str], ...]:
    """(hostname, reason) of nodes whose tables or marks could not be read, or only in part."""
    found = [*job.missing, *troubles(job.answers, "tables")]
    told = {answer.node for answer in job.answers if answer.of("namespaces")}
    silent = [answer.node for answer in job.whole if answer.node not in told]
    found += [(node, "it told nothing of its namespaces") for node in silent if node not in dict(found)]
    found += [
        (answer.node, f"marks in {text(record.get('ns'))}: {text(record.get('why'))}")
        for answer in job.answers
        for record in answer.of("marks")
        if record.get("why")
    ]
    return tuple(found)


def samples(job: JobAnswers, path: Path) -> tuple[Sample, ...]:
    """The requests that jobs made by ``path``, in the order of our clock."""
    found = [
        (
            job.start(answer.node) + began,
            job.start(answer.node) + ended,
            answer.node,
            outcome,
            replica,
            detail,
        )
        for answer in job.answers
        for _, began, ended, outcome, replica, detail in rows(
            answer, "samples", (int, float, float, str, str, str), path=str(path)
        )
        if outcome in _OUTCOMES and 0 <= began <= ended
    ]
    return tuple(
        Sample(
            seq=number,
            entry=node,
            path=path,
            planned=began,
            began=began,
            ended=ended,
            outcome=_OUTCOMES[outcome],
            replica=text(replica),
            connection=number,
            detail=text(detail),
        )
        for number, (began, ended, node, outcome, replica, detail) in enumerate(sorted(found))
    )


def names(job: JobAnswers) -> tuple[NameAnswer, ...]:
    """What names resolved to on every node; the last answer of each counts."""
    found: dict[tuple[str, str], NameAnswer] = {}
    for answer in job.answers:
        for record in answer.of("name"):
            told = record.get("addresses")
            addresses = (
                tuple(entry for entry in told if isinstance(entry, str) and is_address(entry))
                if isinstance(told, list)
                else ()
            )
            name = text(record.get("name"))
            found[answer.node, name] = NameAnswer(
                answer.node, name, tuple(sorted(addresses)), text(record.get("error"))
            )
    return tuple(found[key] for key in sorted(found))
