"""What nodes told of engines and processes becomes values; garbage is named, and never raises."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.evidence.mesh import Dump, KernelLook
from harness.inside.scripts.inspection import PARTS
from harness.mesh.certificates import certificate, certificates
from harness.mesh.documents import Unreadable
from harness.mesh.inspected import Container, GossipRow, GossipView, Inspected, Listener
from harness.mesh.inspecting import inspected
from harness.mesh.observed import kernels
from harness.mesh.symptoms import SYMPTOMS, counted
from harness.model import Attachment

DATA = Path(__file__).parents[1] / "data"
NODE, ROOT = ((DATA / f"swarm-{name}.crt").read_text() for name in ("node", "root-ca"))
TOLD = {
    "gossip": [{"id": "n", "peers": ["10.0.0.1"], "rows": [["web", "web.1.t", "10.0.9.2", "10.0.0.1"]]}],
    "containers": [
        {
            "id": "c",
            "name": "web.1.t",
            "task": "t",
            "service": "web",
            "created": 7,
            "addresses": [["n", "10.0.9.2"]],
        }
    ],
    "listeners": [["tcp", "::", 8080, "dockerd"]],
    "certificate": NODE,
    "dockerd-log": {"file": "/l", "counts": [0, 4], "since": "then"},
}


def read(**changed: object) -> Inspected:
    """What a node told; a part that is None was not."""
    told = {**TOLD, **{name.replace("_", "-"): value for name, value in changed.items()}}
    dumps = {
        name: Dump("n", "", name, json.dumps(value)) for name, value in told.items() if value is not None
    }
    return inspected(dumps, "it did not answer")


def test_all_of_it_becomes_values() -> None:
    """As it was told."""
    found = read()

    row = GossipRow("web", "web.1.t", "10.0.9.2", "10.0.0.1")
    assert found.gossip == (GossipView("n", ("10.0.0.1",), (row,)),)
    assert found.containers == (Container("c", "web.1.t", "t", "web", 7.0, (Attachment("n", "10.0.9.2"),)),)
    assert found.listeners == (Listener("tcp", "::", 8080, "dockerd"),)
    assert found.certificate == certificate(NODE)
    assert (found.log, found.symptoms, found.short) == ("/l", ((SYMPTOMS[1].text, 4),), "then")
    assert found.unread == ()


@pytest.mark.parametrize("part", PARTS)
@pytest.mark.parametrize("value", [5, [5], {"a": 1}, [[1, 2, 3, 4]], "x", [{"id": 1}]], ids=str)
def test_what_is_not_understood_is_unread(part: str, value: object) -> None:
    """The other parts are kept."""
    found = read(**{part: value})

    assert [name for name, _ in found.unread] == [part]


@pytest.mark.parametrize("part", PARTS)
def test_what_was_not_told_is_unread(part: str) -> None:
    """With the reason of the node's silence."""
    assert read(**{part: None}).unread == ((part, "it did not answer"),)


def test_only_a_look_that_was_allowed_to_has_any_of_it() -> None:
    """Otherwise nothing lacks."""
    dumps = (Dump("n", "", "facts", "{}"),)
    (plain,) = kernels(KernelLook("k", 0.0, 1.0, dumps))
    (deep,) = kernels(KernelLook("k", 0.0, 1.0, dumps, allowed=("node-inspect",)))

    assert plain.inspected is None
    assert deep.inspected is not None
    assert {part for part, _ in deep.inspected.unread} == set(PARTS)


def test_a_certificate_is_read_as_openssl_prints_it() -> None:
    """One of engine 26.1.5, and the root that signed it."""
    own, root = certificate(NODE), certificate(ROOT)

    assert (own.name, own.unit, own.organisation) == (
        "qmr1ssfac4t51by5b0ba2hgpt",
        "swarm-worker",
        "pdu003kp8pul5u9fv7jo7tnea",
    )
    assert (own.issuer, root.name, own.authority) == ("swarm-ca", "swarm-ca", root.key)
    assert root.key == "6728af081d6107476ab28e806d4fdaa5b0f0a279"
    assert (own.ends - own.begins) / 3600 == 90 * 24 + 1
    assert root.authority == ""
    assert certificates(NODE + ROOT) == (own, root)


@given(st.integers(0, 700), st.integers(0, 255))
def test_a_certificate_that_is_damaged_raises_nothing_else(place: int, value: int) -> None:
    """It reads as something, or is unreadable."""
    lines = NODE.splitlines()
    body = list("".join(lines[1:-1]))
    body[place % len(body)] = chr(value)
    text = "\n".join((lines[0], "".join(body), lines[-1]))
    try:
        found = certificates(text)
    except Unreadable:
        return
    assert len(found) == 1


def test_counts_are_those_of_the_texts_in_order() -> None:
    """Zeroes are left out, and a list of another length does no harm."""
    assert counted([0] * len(SYMPTOMS)) == ()
    assert counted([2]) == ((SYMPTOMS[0].text, 2),)
    assert counted([0] * 500 + [9]) == ()
