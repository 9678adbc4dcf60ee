"""What suites ask of packets: requests from outside, and where each was seen on its way."""

from __future__ import annotations

import socket
from collections.abc import Sequence

from harness.evidence import Hop, Traced, Trails
from harness.inside import parse
from harness.inside.job import Job, JobSwarm
from harness.inside.runner import run_job
from harness.probe import answers
from harness.probe.ports import PORTS
from harness.probe.response import MalformedError, Reader
from harness.probe.target import Target

_LISTEN = 10.0  # seconds for all requests
_PATIENCE = 2.0  # seconds for one


def capture(swarm: JobSwarm, image: str, targets: Sequence[Target], each: int) -> Trails:
    """Ask each target so often while every namespace of every node is listened to; journals what was seen.

    Args:
        swarm: whose nodes listen.
        image: the job's image.
        targets: one published port on each entry node; its service answers as whoami does.
        each: requests for each.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    port = targets[0].port
    requests: list[Traced] = []

    def ask() -> None:
        requests.extend(_ask(target) for _ in range(each) for target in targets)

    began = swarm.clock.now()
    args = {"port": port, "listen": _LISTEN}
    how = Job("capture", image, args, bound=_LISTEN + 6.0, capabilities=("CAP_NET_RAW",))
    job = run_job(swarm, how, ready=ask)
    hops = [
        Hop(answer.node, parse.text(space), parse.text(device), source, port_from, to, port_to, syn_ack)
        for answer in job.answers
        for space, device, source, port_from, to, port_to, syn_ack in parse.rows(
            answer, "hops", (str, str, str, int, str, int, bool)
        )
        if parse.is_address(source) and parse.is_address(to)
    ]
    return swarm.journal.keep(
        Trails(
            id=swarm.journal.new_id("capture"),
            service=targets[0].service,
            port=port,
            began=began,
            ended=job.ended,
            entries=tuple((target.entry, target.host) for target in targets),
            requests=tuple(requests),
            hops=tuple(hops),
            missing=(*job.missing, *parse.troubles(job.answers, "capture")),
            skipped=job.skipped,
        )
    )


def _ask(target: Target) -> Traced:
    """One request on a fresh connection whose source port is known."""
    family, address = target.address
    source, port = "", 0
    try:
        with socket.socket(family, socket.SOCK_STREAM) as way:
            way.settimeout(_PATIENCE)
            PORTS.bind(way, address)
            way.connect(address)
            source, port = way.getsockname()[:2]
            way.sendall(target.request)
            reader = Reader()
            while not reader.done:
                data = way.recv(65536)
                reader.feed(data) if data else reader.end()
                if not data and not reader.done:
                    return Traced(target.entry, source, port, "", "the answer broke off")
    except (OSError, MalformedError) as error:
        return Traced(target.entry, source, port, "", str(error) or type(error).__name__)
    return Traced(target.entry, source, port, answers.parse(reader.body).replica)
