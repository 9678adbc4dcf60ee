"""Autolock is off again whatever happened; tokens and answers of engines; whose key signed a certificate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from typing import Any, cast

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from harness.errors import Unmeasurable
from harness.lab.protocol import Lab
from harness.mesh.certificates import digest, loaded, signer
from harness.mesh.documents import Unreadable
from harness.shell import Done
from harness.stage import locking, trusting

KEY = "SWMKEY-1-" + "A" * 43


class Scripted:
    """A node that answers as it was told, and remembers what came on standard input."""

    def __init__(self, *answers: tuple[int, str]) -> None:
        self.answers = list(answers)
        self.given: list[object] = []

    def exec(self, _node: str | None, argv: Sequence[str], *, stdin: Any = None, **_: Any) -> Done:
        """The next answer."""
        self.given.append(stdin)
        code, out = self.answers.pop(0)
        return Done(tuple(argv), code, out, "" if code == 0 else "it failed")


def test_autolock_is_undone_with_its_key() -> None:
    """Also when the block failed."""
    node = Scripted((0, f"{KEY}\n"), (0, ""))

    with (
        pytest.raises(RuntimeError, match=KEY),
        locking.autolock(cast("Lab", node), "swarm-manager") as key,
    ):
        raise RuntimeError(key)
    assert node.given == [None, f"{KEY}\n"]


def test_autolock_that_cannot_be_set_is_undone_as_well() -> None:
    """It may have been set all the same."""
    node = Scripted((1, ""), (0, ""))

    with (
        pytest.raises(Unmeasurable, match="could not be turned on"),
        locking.autolock(cast("Lab", node), "swarm-manager"),
    ):
        pytest.fail("the block must not begin")
    assert len(node.given) == 2


def test_autolock_that_stays_is_said() -> None:
    """The swarm may be locked."""
    node = Scripted((0, KEY), (1, ""))

    with (
        pytest.raises(Unmeasurable, match="swarm-manager may be locked"),
        locking.autolock(cast("Lab", node), "swarm-manager"),
    ):
        pass


def test_another_key_has_the_same_form() -> None:
    """Or it would be refused for its form."""
    other = locking.another(KEY)

    assert other != KEY
    assert (other.startswith("SWMKEY-1-"), len(other)) == (True, len(KEY))


def test_a_changed_token_differs_in_one_digit() -> None:
    """In its secret, or in the digest of its swarm's root."""
    token = f"SWMTKN-1-{'a' * 50}-{'b' * 25}"

    for place in (-1, 29):
        changed = trusting._changed(token, place)
        assert [one != two for one, two in zip(token, changed, strict=True)].count(True) == 1


@pytest.mark.parametrize(
    ("answer", "words"),
    [('{"message":"A valid \\"token\\""}', 'A valid \\"token\\"'), ("", ""), ("gone ", "gone")],
)
def test_an_engines_words(answer: str, words: str) -> None:
    """An engine that joined says nothing."""
    assert trusting._plain(answer) == words


def made(name: str, key: ec.EllipticCurvePrivateKey, by: ec.EllipticCurvePrivateKey) -> str:
    """A certificate of ``name`` for a key, signed by another."""
    named = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    issuer = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "swarm-ca")])
    now = dt.datetime(2026, 1, 1, tzinfo=dt.UTC)
    built = (
        x509.CertificateBuilder()
        .subject_name(named)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(7)
        .not_valid_before(now)
        .not_valid_after(now + dt.timedelta(days=1))
        .sign(by, hashes.SHA256())
    )
    return built.public_bytes(serialization.Encoding.PEM).decode()


def test_the_root_that_signed_is_found_by_its_key() -> None:
    """Roots have all the same name: the name proves nothing."""
    old, new, node = (ec.generate_private_key(ec.SECP256R1()) for _ in range(3))
    roots = made("swarm-ca", old, old) + made("swarm-ca", new, new)
    own = made("node1", node, new)

    assert signer(own, roots) == digest(loaded(roots)[1])
    assert signer(own, made("swarm-ca", old, old)) == ""
    assert signer(made("node1", node, node), roots) == ""
    with pytest.raises(Unreadable):
        signer("nothing", roots)
