"""Modes that are no faults but surprise people: measured, and reported as by design."""

from __future__ import annotations

import socket
from collections.abc import Callable, Mapping

from harness.errors import Unmeasurable
from harness.evidence import Roster
from harness.judge import pinned
from harness.judge.verdict import State
from harness.mutants import looking
from harness.mutants.ground import Ground
from harness.probe import sampler
from harness.probe.target import Target

_PATIENCE = 5.0  # seconds for an answer
_IDLE = 6.0  # seconds of silence: more than the 3 s that the time-out is shortened to
_HALF = 5  # seconds that a replica takes for its answer while the client has said its last


def measure(what: str, ground: Ground, roster: Roster) -> str:
    """Measure a mode by its name; the sentence says what was seen.

    Raises:
        Unmeasurable: what was seen is not what the mode is about.
    """
    return _MEASURES[what](ground, roster)


def _keep_alive(ground: Ground, roster: Roster) -> str:
    """B18: a kept connection stays with the replica it was opened to."""
    traffic = sampler.kept(ground.targets(), 3, 5, journal=ground.swarm.journal)
    verdict = pinned(traffic, roster)
    if verdict.state is not State.UPHELD:
        raise Unmeasurable(f"kept connections are not pinned: {verdict.sentence}")
    return "balancing is per connection: " + verdict.sentence


def _idle(ground: Ground, roster: Roster) -> str:
    """B12: a connection that was silent for longer than IPVS remembers it is dead."""
    del roster
    target = _through(ground)
    with socket.create_connection((target.host, target.port), _PATIENCE) as wire:
        if not _answered(wire, target):
            raise Unmeasurable("the connection was dead before it was idle")
        ground.swarm.clock.sleep(_IDLE)
        if _answered(wire, target):
            raise Unmeasurable(f"the connection outlived {_IDLE:g} s of silence")
    return (
        f"with IPVS' time-out shortened to 3 s, a connection silent for {_IDLE:g} s was dead: "
        "at the kernel's 900 s, keep TCP alive more often than every 15 minutes"
    )


def _half_closed(ground: Ground, roster: Roster) -> str:
    """B13: a connection whose client has closed its side is remembered for 60 s."""
    del roster
    target = _through(ground)
    with socket.create_connection((target.host, target.port), _PATIENCE) as wire:
        request = f"GET /?wait={_HALF}s HTTP/1.1\r\nHost: {target.authority}\r\nConnection: close\r\n\r\n"
        wire.sendall(request.encode())
        wire.shutdown(socket.SHUT_WR)
        ground.swarm.clock.sleep(1.0)
        port = wire.getsockname()[1]
        shown = ground.lab.exec(
            ground.node, ["nsenter", "--net=/var/run/docker/netns/ingress_sbox", "ipvsadm", "-Lnc"]
        ).out
    rows = [line.split() for line in shown.splitlines() if f":{port} " in line]
    if not rows or rows[0][2] != "CLOSE_WAIT":
        raise Unmeasurable(f"no half-closed connection in ipvsadm -Lnc: {rows or 'no row'}")
    minutes, _, seconds = rows[0][1].partition(":")
    left = int(minutes) * 60 + int(seconds)
    if left > 60:  # noqa: PLR2004  the kernel's CLOSE_WAIT time-out
        raise Unmeasurable(f"a half-closed connection is remembered for {left} s")
    return (
        f"1 s after the client closed its side IPVS held the connection in CLOSE_WAIT for {left} s more: "
        "an answer that takes longer than 60 s after that is lost"
    )


def _ipv6_loopback(ground: Ground, roster: Roster) -> str:
    """A8: on every node a connect to ::1 succeeds, and then nobody answers."""
    del roster
    verdict = looking.vantages(ground)
    if verdict.state is not State.UPHELD or "::1 each accepts and hangs" not in verdict.sentence:
        raise Unmeasurable(f"::1 does not hang alike on every node: {verdict.sentence}")
    return verdict.sentence


def _answered(wire: socket.socket, target: Target) -> bool:
    """Whether a request on a kept connection is answered."""
    wire.settimeout(_PATIENCE)
    try:
        wire.sendall(target.kept_request)
        return wire.recv(65536).startswith(b"HTTP/1.1 200")
    except OSError:
        return False


def _through(ground: Ground) -> Target:
    return next(target for target in ground.targets() if target.entry == ground.node)


_MEASURES: Mapping[str, Callable[[Ground, Roster], str]] = {
    "keep-alive": _keep_alive,
    "idle": _idle,
    "half-closed": _half_closed,
    "ipv6-loopback": _ipv6_loopback,
}
