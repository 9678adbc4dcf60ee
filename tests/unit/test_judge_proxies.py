"""Proxies: shares, cookies, and a node that dies behind one."""

from __future__ import annotations

import dataclasses

from hypothesis import given
from hypothesis import strategies as st

from harness.evidence import Fault, Secured, SecuredVisits, Talk, Talks, Traffic, Visit, Visits
from harness.judge.proxies import answers_securely, outlives_node, proxied_evenly, proxied_stickily, talks_on
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path, Sample

M, W2 = "swarm-manager", "swarm-worker2"
BACKENDS = ("10.0.1.3:80", "10.0.1.4:80", "10.0.1.5:80")


def visits(chosen: list[tuple[int, str]], *, sticky: bool = False, why: str = "") -> Visits:
    """Requests in order: client and backend; the first one fails with ``why``."""
    made = tuple(
        Visit(client, M, n / 10, n / 10 + 0.05, backend, f"task-{backend}", why if n == 0 else "")
        for n, (client, backend) in enumerate(chosen)
    )
    return Visits("visits-1", "proxy", "inside", 0.0, 10.0, BACKENDS, made, sticky)


def found(verdict: Verdict) -> list[str]:
    """Name of every finding."""
    return [one.name for one in verdict.findings]


ROUND_ROBIN = [(n, BACKENDS[n % 3]) for n in range(12)]
STUCK = [(n % 4, BACKENDS[n % 4 % 3]) for n in range(16)]


def test_one_backend_after_the_other() -> None:
    """Whole rounds: the same for each."""
    verdict = proxied_evenly(visits(ROUND_ROBIN))

    assert verdict.state is State.UPHELD
    assert verdict.sentence == "proxy: 3 backends got 4 to 4 of 12 requests, over the tasks"


def test_a_backend_that_the_proxy_does_not_know_is_named() -> None:
    """With its address: nobody else can tell."""
    verdict = proxied_evenly(visits([(n, BACKENDS[n % 2]) for n in range(12)]))

    assert found(verdict) == ["backend-left-out"]
    assert verdict.subject.address == BACKENDS[2]


def test_shares_that_differ_by_more_than_one_are_uneven() -> None:
    """One after the other gives no such thing."""
    chosen = [*ROUND_ROBIN[:9], (9, BACKENDS[0]), (10, BACKENDS[0]), (11, BACKENDS[0])]

    assert found(proxied_evenly(visits(chosen))) == ["proxy-uneven"]


def test_a_request_that_failed_is_told_and_too_few_show_nothing() -> None:
    """No evidence is never green."""
    assert found(proxied_evenly(visits(ROUND_ROBIN, why="HTTP 503"))) == ["proxy-fails"]
    assert proxied_evenly(visits(ROUND_ROBIN[:6])).state is State.UNKNOWN
    assert proxied_evenly(visits([])).state is State.UNKNOWN
    strange = [*ROUND_ROBIN[:-1], (11, "10.0.9.9:80")]
    assert proxied_evenly(visits(strange)).state is State.UNKNOWN


def test_clients_stay_with_their_backend() -> None:
    """Each with its own."""
    verdict = proxied_stickily(visits(STUCK, sticky=True))

    assert verdict.state is State.UPHELD
    assert verdict.sentence == "proxy: 4 clients stayed with 3 backends for 16 requests, over the tasks"


def test_a_client_that_is_sent_about_is_stickiness_off() -> None:
    """Though it returned its cookie."""
    wandering = [(n % 4, BACKENDS[n % 3]) for n in range(16)]

    verdict = proxied_stickily(visits(wandering, sticky=True))

    assert found(verdict) == ["stickiness-off"]
    assert "4 of 4 clients returned their cookie" in verdict.sentence


def test_one_backend_for_all_shows_no_stickiness() -> None:
    """It may be the only one that the proxy knows."""
    assert proxied_stickily(visits([(n % 4, BACKENDS[0]) for n in range(16)])).state is State.UNKNOWN
    assert proxied_stickily(visits(STUCK[:12])).state is State.UNKNOWN
    assert proxied_stickily(visits([])).state is State.UNKNOWN


@given(st.lists(st.tuples(st.integers(0, 5), st.sampled_from(BACKENDS)), max_size=60))
def test_nobody_who_wanders_is_upheld(chosen: list[tuple[int, str]]) -> None:
    """Whatever the order is."""
    homes: dict[int, set[str]] = {}
    for client, backend in chosen:
        homes.setdefault(client, set()).add(backend)

    verdict = proxied_stickily(visits(chosen, sticky=True))

    assert (verdict.state is State.REFUTED) == any(len(one) > 1 for one in homes.values())


FAULT = Fault("fault-1", "power-off", W2, 10.0, 10.1, "its kernel is gone")


def steady(lost: tuple[float, float] | None = None, until: float = 30.0) -> Traffic:
    """Ten requests a second; all that were due in ``lost`` timed out."""
    samples = tuple(
        Sample(
            n,
            M,
            Path.INGRESS,
            n / 10,
            n / 10,
            n / 10 + 0.05,
            Outcome.READ_TIMEOUT if lost and lost[0] <= n / 10 < lost[1] else Outcome.OK,
        )
        for n in range(int(until * 10))
    )
    return Traffic("traffic-1", "proxy", Path.INGRESS, (M,), 0.0, until, samples)


def test_what_the_checks_cost_is_allowed_and_told() -> None:
    """A dead node may cost requests until it is found."""
    verdict = outlives_node(steady((10.2, 12.0)), FAULT, check=3.5)

    assert verdict.state is State.UPHELD
    assert verdict.numbers["lost_during"] == 18
    assert "18 of 37 requests lost in the 3.5 s of its checks" in verdict.sentence


def test_what_is_lost_after_the_checks_is_named_with_the_node() -> None:
    """The proxy sends requests to a dead node."""
    verdict = outlives_node(steady((10.2, 20.0)), FAULT, check=3.5)

    assert (found(verdict), verdict.subject.node) == (["dead-node-costs-requests"], W2)


def test_losses_that_were_there_before_are_not_the_nodes() -> None:
    """A swarm or machine that loses requests all the time shows nothing of a node's death."""
    samples = tuple(
        dataclasses.replace(one, outcome=Outcome.READ_TIMEOUT) if one.seq % 50 == 7 else one
        for one in steady().samples
    )

    assert (
        outlives_node(dataclasses.replace(steady(), samples=samples), FAULT, check=3.5).state is State.UNKNOWN
    )


def secured(spoken: str = "h2", why: str = "") -> SecuredVisits:
    """Two requests through each of two nodes; the last one differs."""
    good = [Secured(entry, 1.0, "h2", "h2", "TLSv1.3", "task-1") for entry in (M, W2) for _ in range(2)]
    return SecuredVisits(
        "secured-1", "proxy", (M, W2), (*good[:-1], dataclasses.replace(good[-1], spoken=spoken, why=why))
    )


def test_tls_is_answered_through_every_node_in_the_protocol_that_was_offered() -> None:
    """The node that does not is named."""
    verdict = answers_securely(secured(), protocol="h2")

    assert verdict.state is State.UPHELD
    assert verdict.sentence == "proxy: 4 requests by h2 through 2 nodes, certificate verified (TLSv1.3)"
    for made in (secured(spoken="http/1.1"), secured(why="certificate has expired")):
        broken = answers_securely(made, protocol="h2")
        assert (found(broken), broken.subject.node) == (["http2-not-spoken"], W2)
    assert answers_securely(secured(), protocol="http/1.1").state is State.UNKNOWN
    assert answers_securely(SecuredVisits("secured-1", "proxy", (), ())).state is State.UNKNOWN


def test_every_message_comes_back_through_every_node() -> None:
    """The node through which one does not is named."""
    good = tuple(Talk(entry, 1.0, 4.0, 3, 3) for entry in (M, W2))
    talks = Talks("talks-1", "proxy", (M, W2), good)
    cut = dataclasses.replace(good[1], echoed=1, why="closed before the whole answer")

    verdict = talks_on(talks)
    assert verdict.state is State.UPHELD
    assert verdict.sentence.endswith(
        "all 6 messages of 2 conversations through 2 nodes came back, the longest 3 s"
    )
    broken = talks_on(dataclasses.replace(talks, talks=(good[0], cut)))
    assert (found(broken), broken.subject.node) == (["websocket-broken"], W2)
    assert talks_on(dataclasses.replace(talks, talks=good[:1])).state is State.UNKNOWN
    assert talks_on(Talks("talks-1", "proxy", (), ())).state is State.UNKNOWN


def test_without_proof_traffic_or_health_before_nothing_is_shown() -> None:
    """No evidence is never green."""
    unproved = dataclasses.replace(FAULT, proved=None)

    assert outlives_node(steady(), unproved, check=3.5).state is State.UNKNOWN
    assert outlives_node(steady(until=14.0), FAULT, check=3.5).state is State.UNKNOWN
    assert outlives_node(steady((2.0, 3.0)), FAULT, check=3.5).state is State.UNKNOWN
