"""Asking over UDP: one datagram, one answer, from a source port that no balancer remembers."""

from __future__ import annotations

import concurrent.futures
import itertools
import socket
from collections.abc import Sequence

from harness.clock import SYSTEM
from harness.errors import Unmeasurable
from harness.evidence import Traffic
from harness.journal import Journal
from harness.model import Outcome, Sample
from harness.probe import answers
from harness.probe.ports import PORTS
from harness.probe.recorder import Recorder
from harness.probe.target import Target

_LONGEST = 65536
_QUESTION = b"who\n"


def datagrams(
    targets: Sequence[Target],
    n: int,
    *,
    journal: Journal,
    timeout: float = 1.0,
    give_up_after: int = 12,
) -> Traffic:
    """``n`` datagrams to each entry node, one after the other per node, the nodes side by side.

    None is sent again: one that gets no answer in time is a lost one (``read-timeout``), one that an ICMP
    error answers is ``refused``.

    Args:
        targets: the entry nodes; their port is a UDP port.
        n: datagrams for each.
        journal: where samples and traffic go.
        timeout: seconds for an answer.
        give_up_after: an entry node that lost this many in a row is not asked further.

    Raises:
        RequestError: no target, or an address that does not resolve.
        Unmeasurable: this machine cannot ask.
    """
    recorder = Recorder(targets, journal)
    numbers = itertools.count()

    def ask(target: Target) -> None:
        lost = 0
        for _ in range(n):
            sample = _ask(target, next(numbers), timeout)
            recorder.take(sample)
            lost = 0 if sample.ok else lost + 1
            if lost >= give_up_after:
                return

    with concurrent.futures.ThreadPoolExecutor(len(recorder.targets), thread_name_prefix="udp") as pool:
        for _ in pool.map(ask, recorder.targets):
            recorder.flush()
    return recorder.traffic(ended=SYSTEM.now())


def _ask(target: Target, number: int, timeout: float) -> Sample:
    family, address = target.address
    with _socket(family, target) as asking:
        began = SYSTEM.now()
        try:
            asking.connect(address)
            asking.settimeout(timeout)
            asking.send(_QUESTION)
            outcome, replica, detail = _judged(target, asking.recv(_LONGEST))
        except TimeoutError:
            outcome, replica, detail = Outcome.READ_TIMEOUT, "", "no answer to the datagram"
        except ConnectionRefusedError:
            outcome, replica, detail = Outcome.REFUSED, "", ""
        except OSError as error:
            outcome, replica, detail = Outcome.UNREACHABLE, "", error.strerror or str(error)
    return Sample(
        seq=number,
        entry=target.entry,
        path=target.path,
        planned=round(began, 6),
        began=round(began, 6),
        ended=round(SYSTEM.now(), 6),
        outcome=outcome,
        replica=replica,
        connection=number,
        detail=detail,
    )


def _socket(family: int, target: Target) -> socket.socket:
    try:
        made = socket.socket(family, socket.SOCK_DGRAM)
    except OSError as error:
        raise Unmeasurable(f"cannot ask {target} from this machine ({error.strerror})") from error
    try:
        PORTS.bind(made, ("udp", *target.address[1]))
    except OSError as error:
        made.close()
        raise Unmeasurable(f"cannot ask {target} from this machine ({error.strerror})") from error
    return made


def _judged(target: Target, data: bytes) -> tuple[Outcome, str, str]:
    """Whether the answer is the one that was asked for, who gave it, and what is wrong with it."""
    answer = answers.parse(data)
    if not answer.replica:
        return Outcome.WRONG_BODY, "", f"no hostname in {data[:60]!r}"
    if target.expect_name and answer.name != target.expect_name:
        return Outcome.WRONG_BODY, answer.replica, f"Name is {answer.name[:60]!r}, not {target.expect_name!r}"
    return Outcome.OK, answer.replica, ""


__all__ = ["datagrams"]
