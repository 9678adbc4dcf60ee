"""Whose fault it is: read from what the failing service wrote."""

from __future__ import annotations

import dataclasses

import pytest

from harness.evidence import Complaint, Counter, Roster, Traffic
from harness.judge.behind import cause, fails_for
from harness.judge.counter import counts_exactly
from harness.judge.verdict import State
from harness.model import Outcome, Path, Replica, Sample

M = "swarm-manager"
SAID = "redis.exceptions.AuthenticationError: invalid username-password pair or user is disabled."
WHY = Complaint("complaint-1", "flask", "redis", 9.0, ((M, "GET / 500"), (M, SAID), (M, "GET / 500")))


def asked(outcome: Outcome, n: int = 10) -> Traffic:
    """So many requests that ended so."""
    samples = tuple(Sample(k, M, Path.INGRESS, 0.0, 0.0, 0.1, outcome, "") for k in range(n))
    return Traffic("traffic-1", "flask", Path.INGRESS, (M,), 0.0, 1.0, samples)


@pytest.mark.parametrize(
    ("line", "name"),
    [
        (SAID, "password-refused"),
        ("NOAUTH Authentication required.", "password-refused"),
        ("WRONGPASS invalid username-password pair", "password-refused"),
        ("redis.exceptions.ConnectionError: Error 111 connecting to redis:6379. Connection refused.",
         "backend-unreachable"),
        ("Error -2 connecting to redis:6379. Name or service not known.", "name-unresolved"),
        ("TimeoutError: timed out", "backend-unreachable"),
    ],
)  # fmt: skip
def test_what_was_written_tells_whose_fault_it_is(line: str, name: str) -> None:
    """Of the service behind, with the line."""
    found = cause(dataclasses.replace(WHY, lines=((M, line),)))

    assert found is not None
    assert (found.name, found.subject.service) == (name, "redis")
    assert line in found.sentence


def test_nothing_is_told_of_a_log_that_says_nothing() -> None:
    """Nor without one."""
    assert cause(None) is None
    assert cause(dataclasses.replace(WHY, lines=((M, "GET / 200"),))) is None


def test_a_failure_that_is_told_is_as_it_must_be() -> None:
    """Every request failed in the application, and its log says why."""
    verdict = fails_for(asked(Outcome.SERVER_ERROR), WHY, name="password-refused")

    assert verdict.state is State.UPHELD
    assert verdict.sentence.startswith("10 requests failed, and the log says why: flask fails: redis refuses")


def test_a_service_that_serves_though_it_is_refused_is_not() -> None:
    """Nor one whose log does not tell."""
    served = fails_for(asked(Outcome.OK), WHY, name="password-refused")
    nothing = dataclasses.replace(WHY, lines=((M, "GET / 500"),))
    silent = fails_for(asked(Outcome.SERVER_ERROR), nothing, name="password-refused")

    assert [one.name for one in served.findings] == ["failure-unseen"]
    assert [one.name for one in silent.findings] == ["cause-untold"]


def test_what_never_reached_it_tells_nothing() -> None:
    """Refused connections are no failures of the application; a log that did not come says nothing."""
    unread = dataclasses.replace(WHY, lines=())
    assert fails_for(asked(Outcome.SERVER_ERROR), unread, name="password-refused").state is State.UNKNOWN
    for traffic in (asked(Outcome.REFUSED), asked(Outcome.OK, 0)):
        assert fails_for(traffic, WHY, name="password-refused").state is State.UNKNOWN


def test_the_counters_judge_names_the_service_behind() -> None:
    """Though the counter could not be read."""
    counter = Counter("counter-1", "flask", 5, None)
    roster = Roster("roster-1", "flask", 0.0, (Replica("t", 1, M),), 1)
    verdict = counts_exactly(counter, asked(Outcome.SERVER_ERROR), roster, WHY, least=1)

    assert [(one.name, one.subject.service) for one in verdict.findings] == [("password-refused", "redis")]
    assert counts_exactly(counter, asked(Outcome.OK), roster, WHY, least=1).state is State.UNKNOWN
