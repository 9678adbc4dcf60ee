"""The sampler against ``http.client``, and its punctuality, on one loopback server in one run.

``python benchmarks/sampler.py`` prints one JSON line:

- ``ratio``: fresh requests/s of ``burst`` over those of ``http.client``, both one connection after the other
  on the same server, in alternating rounds; above 1 the sampler is the faster one.
- ``steady``: nine entry nodes at 50 fresh requests/s each (what a nine-node lab gets): the share of requests
  that began over 50 ms late, the worst delay, and the share of one core that it cost.
"""

from __future__ import annotations

import http.client
import json
import multiprocessing
import resource
import socket
import statistics
import sys
import tempfile
import time
from multiprocessing.connection import Connection
from pathlib import Path

from harness.journal import Journal
from harness.probe.sampler import Target, burst, steady
from harness.probe.scripted import response, whoami

ROUNDS = 7
REQUESTS = 600
ENTRIES = 9
RATE = 50.0
SECONDS = 6.0


def serve(told: Connection) -> None:
    """Answer one request per connection for ever, in a process of its own."""
    answer = response(whoami("k1x9"))
    with socket.create_server(("0.0.0.0", 0), backlog=1024) as listener:  # noqa: S104  127.0.0.1 to .9 are its nine nodes
        told.send(listener.getsockname()[1])
        while True:
            connection, _ = listener.accept()
            with connection:
                connection.recv(4096)
                connection.sendall(answer)


def by_http_client(port: int) -> float:
    """Fresh requests/s of the standard library's client."""
    began = time.perf_counter()
    for _ in range(REQUESTS):
        connection = http.client.HTTPConnection("127.0.0.1", port, timeout=2)
        connection.request("GET", "/", headers={"Connection": "close"})
        if b"k1x9" not in connection.getresponse().read():
            sys.exit("http.client got a wrong answer")
        connection.close()
    return REQUESTS / (time.perf_counter() - began)


def by_sampler(port: int, journal: Journal) -> float:
    """Fresh requests/s of our own, the journal's writing included."""
    traffic = burst([Target("n1", "127.0.0.1", port)], REQUESTS, journal=journal)
    if not all(sample.replica == "k1x9" for sample in traffic.samples):
        sys.exit("the sampler got a wrong answer")
    return REQUESTS / (traffic.ended - traffic.began)


def punctuality(port: int, journal: Journal) -> dict[str, float]:
    """Steady traffic over nine addresses: lateness of the generator and what it cost."""
    targets = [Target(f"n{number}", f"127.0.0.{number}", port) for number in range(1, ENTRIES + 1)]
    before = resource.getrusage(resource.RUSAGE_SELF)
    with steady(targets, RATE, journal=journal) as traffic:
        traffic.wait_each(int(RATE * SECONDS), within=5 * SECONDS)
    after = resource.getrusage(resource.RUSAGE_SELF)
    cost = after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime
    length = traffic.traffic.ended - traffic.traffic.began
    return {
        "requests_per_s": round(len(traffic.traffic.samples) / length, 1),
        "lost": sum(not sample.ok for sample in traffic.traffic.samples),
        "late_share": round(traffic.lateness.share, 5),
        "worst_delay_s": round(traffic.lateness.worst, 4),
        "core_share": round(cost / length, 3),
    }


def main() -> None:
    """Run both and print the figures."""
    ours, theirs = multiprocessing.Pipe()
    server = multiprocessing.Process(target=serve, args=(theirs,), daemon=True)
    server.start()
    port = ours.recv()
    try:
        with tempfile.TemporaryDirectory() as folder, Journal(Path(folder) / "journal.jsonl") as journal:
            pairs = [(by_http_client(port), by_sampler(port, journal)) for _ in range(ROUNDS)]
            figures = {
                "ratio": round(statistics.median(own / other for other, own in pairs), 2),
                "http_client_per_s": round(statistics.median(other for other, _ in pairs)),
                "sampler_per_s": round(statistics.median(own for _, own in pairs)),
                "steady": punctuality(port, journal),
            }
    finally:
        server.terminate()
        server.join()
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
