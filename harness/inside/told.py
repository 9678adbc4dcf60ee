"""Records of the pair jobs become evidence here; what nobody told is ``skipped``, never guessed."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence

from harness.evidence import NameSpan, NameView, Pair, SizeTry, Vantage, Way
from harness.inside.frames import NodeAnswer
from harness.inside.parse import JobAnswers, is_address, rows, text
from harness.model import Outcome, Replica

_OUTCOMES = frozenset(map(str, Outcome))
_STATES = frozenset({"open", "closed", "silent"})
_KINDS = frozenset({"127.0.0.1", "::1", "own", "peer", "task"})
_MOST = 1_000_000  # requests, attempts or answers; a number beyond it is garbage
Asked = tuple[str, Replica]  # address on the network, and the replica that has it


def pairs(job: JobAnswers, asked: Sequence[Asked]) -> tuple[Pair, ...]:
    """What every node's task got from every address of the service, over ICMP and TCP."""
    found = []
    for answer in job.answers:
        told = {(address, "icmp"): one for address, one in _echoes(answer)}
        told |= {(address, "tcp"): one for address, one in _requests(answer, dict(asked))}
        why = dict(job.missing).get(answer.node, "it told nothing of it")
        for address, replica in asked:
            for protocol in ("icmp", "tcp"):
                state, tries, proof = told.get((address, protocol), ("skipped", 0, why))
                found.append(
                    Pair(answer.node, replica.node, address, replica.task, protocol, state, tries, proof)
                )
    return tuple(found)


def _echoes(answer: NodeAnswer) -> Iterator[tuple[str, tuple[str, int, str]]]:
    for address, answered, tries, took in rows(answer, "icmp", (str, bool, int, float)):
        proof = f"echo in {took:g} ms" if answered else "no echo"
        yield address, ("open" if answered else "silent", _number(tries), proof)


def _requests(answer: NodeAnswer, owners: dict[str, Replica]) -> Iterator[tuple[str, tuple[str, int, str]]]:
    for address, outcome, replica, detail, tries in rows(answer, "asked", (str, str, str, str, int)):
        owner = owners.get(address)
        if outcome not in _OUTCOMES or owner is None:
            continue
        mine = replica == owner.task
        state = {
            Outcome.OK: "open" if mine else "foreign",
            Outcome.WRONG_BODY: "foreign",
            Outcome.REFUSED: "closed",
        }.get(Outcome(outcome), "silent")
        told = f"{text(replica) or 'somebody unnamed'} answered" if state == "foreign" else text(outcome)
        yield (
            address,
            (
                state,
                _number(tries),
                f"{told} {text(detail)}".strip() if state != "open" else text(outcome),
            ),
        )


def peers(job: JobAnswers) -> tuple[Pair, ...]:
    """What the job's own tasks got from one another, over UDP and TCP; without those nobody found."""
    owners = _own(job)
    found = []
    for answer in job.answers:
        for record in rows(answer, "mesh", (str, str, str, str, str)):
            address, name, protocol, state, proof = record
            target = owners.get(address, name)
            if target and state in _STATES and protocol in {"tcp", "udp"} and is_address(address):
                right = not name or name == target
                found.append(
                    Pair(
                        answer.node,
                        text(target),
                        address,
                        "",
                        protocol,
                        state if right else "foreign",
                        _tries(answer, address, protocol),
                        text(proof) if right else f"{text(name)} answered",
                    )
                )
    return tuple(found)


def _own(job: JobAnswers) -> dict[str, str]:
    """Node by the address that its task told of itself."""
    return {
        text(record.get("address")): answer.node
        for answer in job.answers
        for record in answer.of("self")
        if record.get("address")
    }


def _tries(answer: NodeAnswer, address: str, protocol: str) -> int:
    """Packets that it took, where the job counts them."""
    shape = (str, str, str, str, str, int)
    told = [row[5] for row in rows(answer, "mesh", shape) if (row[0], row[2]) == (address, protocol)]
    return _number(told[0]) if told else 1


def ways(job: JobAnswers) -> tuple[Way, ...]:
    """Whether each task's datagrams arrived at each other one; both must have told all."""
    owners = _own(job)
    whole = {answer.node: answer for answer in job.whole if answer.node in owners.values()}
    arrived: set[tuple[str, str]] = set()
    for node, answer in whole.items():
        for record in answer.of("self"):
            heard = record.get("heard")
            for one in heard if isinstance(heard, list) else ():
                match one:
                    case [str(address), "udp"] if address in owners:
                        arrived.add((owners[address], node))
    return tuple(
        Way(source, target, (source, target) in arrived)
        for source in sorted(whole)
        for target in sorted(whole)
        if source != target
    )


def size_tries(job: JobAnswers, asked: Sequence[Asked]) -> tuple[SizeTry, ...]:
    """The payloads over the overlay, in the order in which they were tried."""
    owners = dict(asked)
    return tuple(
        SizeTry(
            answer.node,
            owners[address].node,
            address,
            "overlay",
            direction,
            size,
            passed=passed,
            tries=_number(tries),
            seconds=took,
            detail=text(detail),
        )
        for answer in job.answers
        for address, direction, size, passed, tries, took, detail in rows(
            answer, "sizes", (str, str, int, bool, int, float, str)
        )
        if address in owners and direction in {"up", "down"} and 0 < size < 1 << 31
    )


def vantages(job: JobAnswers, entries: Sequence[str]) -> tuple[Vantage, ...]:
    """How the published port answered from the nodes' own vantage points."""
    found = []
    for answer in job.answers:
        counts: dict[tuple[str, str], Counter[str]] = {}
        details: dict[tuple[str, str], str] = {}
        for kind, entry, outcome, number, detail in rows(answer, "vantages", (str, str, str, int, str)):
            if kind in _KINDS and entry in entries and outcome in _OUTCOMES and 0 < number < _MOST:
                counts.setdefault((kind, entry), Counter())[outcome] += number
                if outcome != Outcome.OK:
                    details.setdefault((kind, entry), text(detail))
        found += [
            Vantage(kind, answer.node, entry, tuple(sorted(seen.items())), details.get((kind, entry), ""))
            for (kind, entry), seen in sorted(counts.items())
        ]
    return tuple(found)


def spans(job: JobAnswers) -> tuple[NameSpan, ...]:
    """How each node was asked for the name; of those only that told all."""
    return tuple(
        NameSpan(
            answer.node,
            job.start(answer.node) + began,
            job.start(answer.node) + ended,
            _number(answers),
            _number(failed),
        )
        for answer in job.whole
        for began, ended, answers, failed in list(rows(answer, "span", (float, float, int, int)))[:1]
        if 0 <= began <= ended
    )


def views(job: JobAnswers) -> tuple[NameView, ...]:
    """What each node's DNS said of each address; of those only that told all."""
    return tuple(
        NameView(answer.node, address, first, last, None if alive < 0 else alive, held=held)
        for answer in job.whole
        for address, first, last, alive, held in rows(answer, "views", (str, float, float, float, bool))
        if is_address(address) and 0 <= first <= last
    )


def _number(told: object) -> int:
    """A count; what is none, or beyond belief, counts as 0."""
    return told if isinstance(told, int) and 0 <= told < _MOST else 0
