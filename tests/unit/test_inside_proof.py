"""What a kernel can do, tried: its answers as they come, and a trial on this machine's own kernel."""

from __future__ import annotations

import errno
import os
import socket
import struct
import tempfile
from pathlib import Path
from types import SimpleNamespace
from typing import Self

import pytest

from harness.inside.scripts import kernel, proof, space, tables, xtables
from harness.inside.scripts.wire import Wire


def _answer(code: int) -> object:
    def get(option: int, data: bytes) -> bytes:
        assert (option, len(data)) == (66, 30)
        assert data.startswith(b"ipvs\0")
        if code:
            raise OSError(code, os.strerror(code))
        return data

    return get


@pytest.mark.parametrize(("code", "known"), [(0, True), (errno.EPROTONOSUPPORT, True), (errno.ENOENT, False)])
def test_matches_that_the_kernel_knows(monkeypatch: pytest.MonkeyPatch, code: int, known: bool) -> None:
    """A revision other than the first is knowledge too."""
    monkeypatch.setattr(xtables, "get", _answer(code))

    assert proof.known("match", "ipvs") is known


def test_a_kernel_without_legacy_tables_is_asked_through_nft(monkeypatch: pytest.MonkeyPatch) -> None:
    """The nft variant of iptables uses the same modules."""
    monkeypatch.setattr(xtables, "get", _answer(errno.ENOPROTOOPT))
    monkeypatch.setattr(proof, "_known_to_nft", lambda kind, name: (kind, name) == ("match", "ipvs"))

    assert proof.known("match", "ipvs") is True


def test_what_is_not_permitted_is_no_absence(monkeypatch: pytest.MonkeyPatch) -> None:
    """It is told as it is."""
    monkeypatch.setattr(xtables, "get", _answer(errno.EPERM))

    with pytest.raises(PermissionError):
        proof.known("match", "ipvs")


class Netlink:
    """A socket that answers with an error code, or with a message of another type."""

    def __init__(self, *, kind: int, code: int) -> None:
        self.answer = struct.pack("=IHHIIi", 36, kind, 0, 1, 0, -code)
        self.sent = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def settimeout(self, seconds: float) -> None:
        """No effect."""

    def send(self, data: bytes) -> None:
        """Keep it."""
        self.sent = data

    def recv(self, size: int) -> bytes:
        """The answer."""
        return self.answer


def sockets(made: Netlink) -> SimpleNamespace:
    """The module, for one script alone: threads that other tests left behind go on with the true one."""
    return SimpleNamespace(**{**vars(socket), "socket": lambda *_: made})


@pytest.mark.parametrize(
    ("kind", "code", "known"),
    [(11 << 8, 0, True), (2, errno.EPROTONOSUPPORT, True), (2, errno.ENOENT, False)],
)
def test_the_question_to_nft(monkeypatch: pytest.MonkeyPatch, kind: int, code: int, known: bool) -> None:
    """One message whose length is what it says."""
    made = Netlink(kind=kind, code=code)
    monkeypatch.setattr(proof, "socket", sockets(made))

    assert proof._known_to_nft("match", "ipvs") is known
    assert struct.unpack_from("=IH", made.sent) == (len(made.sent), 11 << 8)
    assert b"ipvs\0" in made.sent


def test_an_error_of_nft_is_raised(monkeypatch: pytest.MonkeyPatch) -> None:
    """Such as a missing capability."""
    monkeypatch.setattr(proof, "socket", sockets(Netlink(kind=2, code=errno.EPERM)))

    with pytest.raises(PermissionError):
        proof._known_to_nft("match", "ipvs")


def test_every_part_is_told_and_one_that_fails_leaves_the_others_be(monkeypatch: pytest.MonkeyPatch) -> None:
    """In the kernel's own words."""
    monkeypatch.setattr(proof, "_leave", lambda: None)
    monkeypatch.setattr(proof, "_round_robin", lambda: None)
    monkeypatch.setattr(proof, "known", lambda kind, name: name != "REDIRECT")
    monkeypatch.setattr(tables, "read_proc", lambda name: "IP Virtual Server version 1.2.1\n")

    def run(command: list[str]) -> str:
        assert command[:3] == ["ip", "link", "add"]
        raise OSError("ip exited 2: Unknown device type")

    told = proof.prove(run)

    assert tuple(told) == proof.PARTS
    assert told["nf_nat"] == "lacks: REDIRECT"
    assert told["vxlan"] == "lacks: ip exited 2: Unknown device type"
    assert {told[part] for part in proof.PARTS if part not in {"nf_nat", "vxlan"}} == {""}


@pytest.mark.parametrize(
    ("error", "told"),
    [
        (OSError(errno.ENOENT, "No such file"), "lacks: [Errno 2] No such file"),
        (OSError(errno.ENOPROTOOPT, "not available"), "lacks: [Errno 92] not available"),
        (OSError(errno.EFAULT, "Bad address"), "untried: [Errno 14] Bad address"),
        (OSError(errno.EPERM, "not permitted"), "untried: [Errno 1] not permitted"),
    ],
)
def test_only_absence_counts_as_lacking(monkeypatch: pytest.MonkeyPatch, error: OSError, told: str) -> None:
    """A question that was wrong, or not allowed, is our trouble and not the kernel's."""

    def fails() -> None:
        raise error

    monkeypatch.setattr(proof, "_round_robin", fails)

    assert proof._tried("ip_vs_rr", lambda command: None) == told


def test_without_a_namespace_to_try_in_nothing_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """An error, which the job tells as trouble of its facts."""

    def refused() -> None:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(proof, "_leave", refused)

    with pytest.raises(PermissionError):
        proof.prove(lambda command: None)


@pytest.mark.skipif(os.geteuid() != 0, reason="a namespace of one's own needs root")
def test_this_machines_kernel() -> None:
    """It says the same of ip_vs as its ``/proc`` does afterwards, and nothing is left."""
    before = Path("/proc/net/dev").read_text().count("\n")

    told = proof.prove(space.run)

    assert tuple(told) == proof.PARTS
    assert (told["ip_vs"] == "") is Path("/proc/net/ip_vs").exists()
    assert Path("/proc/net/dev").read_text().count("\n") == before


@pytest.mark.parametrize("wanted", [True, False])
def test_the_kernel_job_tries_only_when_asked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path, wanted: bool
) -> None:
    """An audit changes nothing, not even which modules are loaded."""
    monkeypatch.setattr(proof, "prove", lambda run: {"ip_vs": ""})
    monkeypatch.setattr(kernel, "look", lambda teller, devs: "[]")
    args = {"peers": [], "data_port": 4789, "prove": wanted}

    with tempfile.TemporaryFile("w+") as file:
        kernel.report(Wire("n1", "t1", out=file.fileno()), args, folder=str(tmp_path))
        file.seek(0)
        told = file.read().replace("\\", "")

    assert ('"proof":{"ip_vs":""}' in told) is wanted
