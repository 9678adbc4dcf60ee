"""What suites ask of tasks and plain containers on one overlay network: what do they see around them?"""

from __future__ import annotations

import dataclasses
import threading
from collections.abc import Sequence
from typing import Any

from harness.evidence import Around, Interface, NameDraw, Reach
from harness.inside import parse
from harness.inside.containers import run_plain
from harness.inside.frames import NodeAnswer
from harness.inside.job import Job, JobSwarm
from harness.inside.parse import JobAnswers
from harness.inside.runner import run_job
from harness.lab.protocol import Lab
from harness.model import Network, Outcome

_SETTLE = 6.0  # seconds for a node that joins a network with the job to be told of names and neighbours
_BOUND = 40.0  # seconds for thousands of questions on a busy node; they take about five
_OUTCOMES = frozenset(map(str, Outcome))
_MOST = 1_000_000  # questions; a number beyond it is garbage


@dataclasses.dataclass(frozen=True)
class Questions:
    """What is asked.

    Attributes:
        names: (name, how often it is asked, addresses that it must have before that).
        targets: (network, address) of what is asked for a page; those on the asker's network must answer.
        expect: what whoami's ``Name:`` line must say.
        timeout: seconds for a request.
    """

    names: Sequence[tuple[str, int, int]]
    targets: Sequence[tuple[Network, str]]
    expect: str
    timeout: float = 2.0

    def args(self, network: Network) -> dict[str, Any]:
        """The script's arguments for an asker on ``network``."""
        return {
            "names": [list(one) for one in self.names],
            "targets": [[of.name, address, 80, of.id == network.id] for of, address in self.targets],
            "expect": self.expect,
            "timeout": self.timeout,
            "settle": _SETTLE,
            "bound": _BOUND,
        }


def look(
    swarm: JobSwarm,
    network: Network,
    questions: Questions,
    image: str,
    stop: threading.Event | None = None,
) -> Around:
    """From a task on every node, which is on ``network`` alone; journals what it saw.

    Raises:
        Interrupted: ``stop`` was set.
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    args = questions.args(network)
    job = run_job(swarm, Job("around", image, args, networks=(network.id,), bound=_BOUND), stop)
    return keep(swarm, network, "task", job)


def keep(swarm: JobSwarm, network: Network, asker: str, job: JobAnswers) -> Around:
    """What askers told, as evidence in the journal; of those alone that told all."""
    unsure = dict(parse.troubles(job.answers))
    whole = [answer for answer in job.whole if answer.node not in unsure]
    return swarm.journal.keep(
        Around(
            id=swarm.journal.new_id("around"),
            at=job.ended,
            network=network.name,
            network_id=network.id,
            subnets=network.subnets,
            asker=asker,
            nodes=tuple(answer.node for answer in whole),
            draws=tuple(draw for answer in whole for draw in _draws(answer)),
            reaches=tuple(reach for answer in whole for reach in _reaches(answer)),
            interfaces=tuple(one for answer in whole for one in _interfaces(answer)),
            missing=tuple({**dict(job.missing), **unsure}.items()),
            skipped=job.skipped,
        )
    )


def _draws(answer: NodeAnswer) -> list[NameDraw]:
    counts: dict[str, dict[str, dict[str, int]]] = {}
    for kind in ("answers", "firsts", "errors"):
        for name, what, number in parse.rows(answer, kind, (str, str, int)):
            if 0 < number < _MOST:
                kinds = counts.setdefault(parse.text(name), {})
                kinds.setdefault(kind, {})[what[:_MOST]] = number
    return [
        NameDraw(answer.node, name, **{kind: tuple(told.items()) for kind, told in kinds.items()})
        for name, kinds in counts.items()
    ]


def _reaches(answer: NodeAnswer) -> list[Reach]:
    return [
        Reach(answer.node, parse.text(network), address, outcome, parse.text(replica), tries)
        for network, address, outcome, replica, tries in parse.rows(
            answer, "reached", (str, str, str, str, int)
        )
        if parse.is_address(address) and outcome in _OUTCOMES
    ]


def _interfaces(answer: NodeAnswer) -> list[Interface]:
    return [
        Interface(answer.node, parse.text(name), parse.text(address), mtu, default=default)
        for name, address, mtu, default in parse.rows(answer, "interfaces", (str, str, int, bool))
    ]


def look_plain(swarm: JobSwarm, lab: Lab, network: Network, questions: Questions, image: str) -> Around:
    """The same from a plain container on every node of a lab, on an attachable network."""
    answers = run_plain(swarm, lab, network, "around", image, questions.args(network))
    return keep(swarm, network, "container", answers)
