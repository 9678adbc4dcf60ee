"""What suites ask of the wire between nodes: is what an encrypted network carries ever seen in clear text?"""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
import threading
from collections.abc import Mapping, Sequence
from typing import Any

from harness.errors import Unmeasurable
from harness.evidence import Capture, Frames, Sent
from harness.inside import parse
from harness.inside.job import Job, JobSwarm, expected
from harness.inside.parse import JobAnswers
from harness.inside.runner import run_job
from harness.inside.together import together
from harness.model import Network

TIMES = 5  # datagrams that arrive, of each kind to each peer
_SETTLE = 8.0  # seconds for neighbours and keys to be told to a node that joins with the job
_SENDING = 16.0  # seconds for the sender's script
_START = 60.0  # seconds until every capture runs
_BOUND = 45.0  # seconds for a capture: the sender's job begins meanwhile
_MOST = 1_000_000  # frames; a number beyond it is garbage


@dataclasses.dataclass(frozen=True)
class Ends:
    """Where datagrams are sent to: (hostname, address) of a task on each node, by network."""

    sealed: Sequence[tuple[str, str]]
    plain: Sequence[tuple[str, str]]


def capture(swarm: JobSwarm, networks: tuple[Network, Network], ends: Ends, image: str) -> Capture:
    """Capture on every node what leaves for the others, while tasks send known payloads; journals it.

    Args:
        swarm: whose nodes they are.
        networks: the encrypted one, and one that is not: there the same capture must see the payload.
        ends: tasks that are sent to.
        image: the jobs'.

    Raises:
        RequestError: the engine refuses a job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    nodes, _ = expected(swarm.nodes())
    payloads = {kind: f"{kind}-{secrets.token_hex(16)}" for kind in ("sealed", "plain")}
    listening = threading.Event()
    tap: Mapping[str, Any] = {
        "nodes": [[node.hostname, node.address] for node in nodes],
        "payloads": payloads,
        "enough": TIMES,
    }
    send: Mapping[str, Any] = {
        "targets": [
            [host, kind, address]
            for kind, rows in (("sealed", ends.sealed), ("plain", ends.plain))
            for host, address in rows
        ],
        "payloads": payloads,
        "times": TIMES,
        "settle": _SETTLE,
    }

    def listen(stop: threading.Event) -> JobAnswers:
        return run_job(swarm, Job("tap", image, tap, bound=_BOUND), stop, ready=listening.set)

    def speak(stop: threading.Event) -> JobAnswers:
        if not listening.wait(_START) and not stop.is_set():
            raise Unmeasurable("no capture began on any node")
        on = tuple(network.id for network in networks)
        return run_job(swarm, Job("payloads", image, send, networks=on, bound=_SENDING), stop)

    heard, sent = together(listen, speak)
    return swarm.journal.keep(_capture(swarm, networks[0].name, heard, sent))


def _capture(swarm: JobSwarm, network: str, heard: JobAnswers, sent: JobAnswers) -> Capture:
    frames = [
        Frames(answer.node, parse.text(peer), *numbers)
        for answer in heard.whole
        for peer, *numbers in parse.rows(answer, "frames", (str, int, int, int))
        if all(0 <= number < _MOST for number in numbers)
    ]
    told = [
        Sent(answer.node, parse.text(peer), kind, number, answered)
        for answer in sent.whole
        for peer, kind, number, answered in parse.rows(answer, "sent", (str, str, int, int))
        if kind in {"sealed", "plain"} and 0 <= answered <= number < _MOST
    ]
    lost = {}
    for answer in heard.whole:
        for record in answer.of("lost"):
            with contextlib.suppress(TypeError, ValueError):
                lost[answer.node] = int(record.get("frames", 0))
    return Capture(
        id=swarm.journal.new_id("capture"),
        at=heard.ended,
        network=network,
        nodes=tuple(answer.node for answer in heard.whole),
        frames=tuple(frames),
        sent=tuple(told),
        lost=tuple((node, number) for node, number in lost.items() if number),
        missing=tuple(
            dict.fromkeys((*heard.missing, *sent.missing, *parse.troubles((*heard.answers, *sent.answers))))
        ),
        skipped=heard.skipped,
    )
