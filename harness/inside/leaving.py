"""What suites ask of the way out: whom does a host outside see when a task connects to it?"""

from __future__ import annotations

import contextlib
import socket
import socketserver
import threading
from collections.abc import Iterator

from harness.evidence import WayOut
from harness.inside import parse
from harness.inside.job import Job, JobSwarm, expected
from harness.inside.runner import run_job
from harness.model import Network

_TRIES = 3
_PATIENCE = 2.0  # seconds for a connection


class _Mirror(socketserver.BaseRequestHandler):
    """Says to a client which address it comes from."""

    def handle(self) -> None:
        """One line, then the connection ends."""
        self.request.sendall(f"{self.client_address[0]}\n".encode())


@contextlib.contextmanager
def mirror(towards: str) -> Iterator[tuple[str, int]]:
    """A host outside for the length of the block, on this machine: address and port, as ``towards`` sees it.

    Raises:
        OSError: nothing can be served here.
    """
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as way:
        way.connect((towards, 9))  # sends nothing: it only chooses the address
        own = str(way.getsockname()[0])
    with socketserver.ThreadingTCPServer((own, 0), _Mirror) as server:
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.1}, daemon=True).start()
        try:
            yield own, server.server_address[1]
        finally:
            server.shutdown()


def leave(swarm: JobSwarm, network: Network, image: str) -> WayOut:
    """From a task on every node connect to this machine; journals what was seen.

    Args:
        swarm: whose nodes are asked.
        network: overlay network that the tasks are on.
        image: the job's image.

    Raises:
        RequestError: the engine refuses the job, or no node finds the image.
        Unmeasurable: the manager does not answer.
    """
    nodes, _ = expected(swarm.nodes())
    with mirror(nodes[0].address) as (host, port):
        args = {"host": host, "port": port, "tries": _TRIES, "patience": _PATIENCE}
        bound = 2 * _TRIES * _PATIENCE + 4.0
        job = run_job(swarm, Job("leaving", image, args, networks=(network.id,), bound=bound))
    return swarm.journal.keep(
        WayOut(
            id=swarm.journal.new_id("wayout"),
            at=job.ended,
            host=host,
            seen=tuple(
                (answer.node, parse.text(seen), parse.text(why))
                for answer in job.whole
                for seen, why in parse.rows(answer, "left", (str, str))
            ),
            addresses=tuple((node.hostname, node.address) for node in nodes),
            missing=job.missing,
            skipped=job.skipped,
        )
    )
