"""Who may be in the swarm: certificates, their root, tokens; case by case."""

from __future__ import annotations

import dataclasses
from typing import Any

import pytest

from harness.evidence import Credential, Credentials, JoinTries, JoinTry, Traffic
from harness.judge.trust import certified, refuses, rotated_root
from harness.judge.verdict import State, Verdict
from harness.model import Outcome, Path, Sample

M, W1 = "swarm-manager", "swarm-worker1"
DAY, NOW = 86400.0, 1_800_000_000.0


def credential(node: str, ident: str, role: str, **changed: Any) -> Credential:
    """A certificate as swarmkit issues it: it began an hour before."""
    good = Credential(
        node,
        ident,
        role,
        ident,
        f"swarm-{role}",
        "swarm1",
        "root1",
        NOW - 3600,
        NOW + 90 * DAY,
        NOW + 60,
    )
    return dataclasses.replace(good, **changed)


GOOD = Credentials(
    "credentials-1",
    100.0,
    "swarm1",
    ("root1",),
    90 * DAY,
    (credential(M, "n1", "manager"), credential(W1, "n2", "worker")),
)


def with_worker(**changed: Any) -> Credentials:
    """The same, the worker's certificate changed."""
    return dataclasses.replace(GOOD, nodes=(GOOD.nodes[0], dataclasses.replace(GOOD.nodes[1], **changed)))


def anew(**changed: Any) -> Credentials:
    """All certificates of another root, for 30 days, the worker's changed."""
    fresh: dict[str, Any] = {"root": "root2", "begins": NOW - 3500, "ends": NOW + 30 * DAY + 100}
    nodes = tuple(dataclasses.replace(one, **fresh) for one in GOOD.nodes)
    nodes = (nodes[0], dataclasses.replace(nodes[1], **changed))
    return dataclasses.replace(GOOD, at=110.0, roots=("root2",), validity=30 * DAY, nodes=nodes)


def asked(lost: int = 0) -> Traffic:
    """A hundred requests through a worker."""
    samples = tuple(
        Sample(seq, W1, Path.INGRESS, 0.0, 0.0, 0.1, Outcome.RESET if seq < lost else Outcome.OK, "a")
        for seq in range(100)
    )
    return Traffic("traffic-1", "web", Path.INGRESS, (W1,), 0.0, 1.0, samples)


def found(verdict: Verdict) -> list[tuple[str, str]]:
    """Name and node of every finding."""
    return [(one.name, one.subject.node) for one in verdict.findings]


def test_certificates_that_fit_are_told() -> None:
    """How many, and for how long."""
    verdict = certified(GOOD)

    assert verdict.state is State.UPHELD
    assert "2 certificates" in verdict.sentence
    assert "89 days" in verdict.sentence


@pytest.mark.parametrize(
    ("changed", "name"),
    [
        ({"root": ""}, "wrong-certificate"),
        ({"root": "root0"}, "wrong-certificate"),
        ({"name": "n1"}, "wrong-certificate"),
        ({"organisation": "swarm2"}, "wrong-certificate"),
        ({"unit": "swarm-manager"}, "wrong-certificate"),
        ({"now": NOW + 91 * DAY}, "certificate-expires"),
        ({"now": NOW - 7200}, "certificate-expires"),
        ({"ends": NOW + 80 * DAY}, "wrong-validity"),
        ({"ends": NOW + 100 * DAY}, "wrong-validity"),
    ],
)
def test_a_certificate_that_does_not_fit_is_named(changed: dict[str, Any], name: str) -> None:
    """With its node."""
    assert found(certified(with_worker(**changed))) == [(name, W1)]


def test_what_was_not_read_is_unknown() -> None:
    """A node without an answer; a swarm that tells no root."""
    assert certified(dataclasses.replace(GOOD, missing=((W1, "off"),))).state is State.UNKNOWN
    assert certified(dataclasses.replace(GOOD, roots=())).state is State.UNKNOWN
    assert certified(dataclasses.replace(GOOD, nodes=())).state is State.UNKNOWN


def test_a_rotation_replaces_all() -> None:
    """Another root, every certificate, another validity."""
    verdict = rotated_root(GOOD, anew(), asked(), lost_share=0.01)

    assert verdict.state is State.UPHELD
    assert "issued for 720 h: 0 of 100 requests lost in 10 s" in verdict.sentence


def test_a_rotation_that_did_not_is_named() -> None:
    """The same root; a node with the certificate of before, or of another root; requests lost."""
    old = GOOD.nodes[1]
    stale = {"root": "", "begins": old.begins, "ends": old.ends}

    assert ("root-not-rotated", "") in found(rotated_root(GOOD, GOOD, asked(), lost_share=0.01))
    assert found(rotated_root(GOOD, anew(**stale), asked(), lost_share=0.01)) == [
        ("certificate-not-renewed", W1)
    ]
    assert found(rotated_root(GOOD, anew(root="root1"), asked(), lost_share=0.01)) == [
        ("wrong-certificate", W1)
    ]
    assert found(rotated_root(GOOD, anew(), asked(lost=2), lost_share=0.01)) == [("lost-in-change", W1)]
    unread = dataclasses.replace(anew(), missing=((W1, "off"),))
    assert rotated_root(GOOD, unread, asked(), lost_share=0.01).state is State.UNKNOWN
    under_way = dataclasses.replace(anew(), roots=())
    assert rotated_root(GOOD, under_way, asked(), lost_share=0.01).state is State.UNKNOWN


NECESSARY = "rpc error: code = InvalidArgument desc = A valid join token is necessary to join this cluster"
TRIES = (
    JoinTry("wrong", W1, NECESSARY),
    JoinTry("foreign", W1, "remote CA does not match fingerprint. Expected: 28"),
    JoinTry("rotated", W1, NECESSARY),
)
REFUSED = JoinTries("jointries-1", 0.0, M, True, TRIES, ("n1", "n2"), ("n1", "n2"))


def test_tokens_that_are_refused_are_told() -> None:
    """By kind."""
    assert refuses(REFUSED).state is State.UPHELD


@pytest.mark.parametrize("which", range(len(TRIES)))
def test_a_token_that_lets_in_is_named(which: int) -> None:
    """Whichever it is."""
    tries = tuple(
        dataclasses.replace(one, refusal="") if index == which else one for index, one in enumerate(TRIES)
    )

    assert found(refuses(dataclasses.replace(REFUSED, tries=tries))) == [("joined-without-token", M)]


def test_a_new_node_and_an_old_token_are_named() -> None:
    """Whatever the engine said."""
    assert found(refuses(dataclasses.replace(REFUSED, after=("n1", "n2", "n3")))) == [
        ("joined-without-token", M)
    ]
    assert found(refuses(dataclasses.replace(REFUSED, changed=False))) == [("token-not-rotated", M)]


def test_another_refusal_is_not_the_tokens() -> None:
    """A manager that is out of reach refuses nothing."""
    tries = (dataclasses.replace(TRIES[0], refusal="Timeout was reached before node joined"), *TRIES[1:])

    assert refuses(dataclasses.replace(REFUSED, tries=tries)).state is State.UNKNOWN
    assert refuses(dataclasses.replace(REFUSED, tries=())).state is State.UNKNOWN
