"""The kernel job's script, against files and tools that say what a node's would."""

from __future__ import annotations

import errno
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.inside.frames import NodeAnswer, assemble
from harness.inside.scripts import kernel, nft, space, tables, xfrm, xtables, xtsave
from harness.inside.scripts.wire import Wire

ADDR = '[{"ifname":"eth0","addr_info":[{"local":"10.0.0.1"}]},{"ifname":"lo","addr_info":[]}]'
PROC_NET_DEV = """\
Inter-|   Receive                                                |  Transmit
 face |bytes    packets errs drop fifo frame compressed multicast|bytes    packets errs drop fifo colls carrier compressed
    lo: 1 2 0 0 0 0 0 0 1 2 0 0 0 0 0 0
vxlan0: 100 11 12 13 0 0 0 0 200 21 22 23 0 0 0 0
"""  # noqa: E501  as the kernel prints it


def answer(work: Callable[[Wire], object]) -> NodeAnswer:
    """What a script told."""
    with tempfile.TemporaryFile("w+") as file:
        wire = Wire("n1", "t1", out=file.fileno())
        work(wire)
        wire.close()
        file.seek(0)
        return assemble(file.read().splitlines())["n1"]


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    """A node whose tools print what they were called with; the folder of its namespaces.

    The kernel's own handles stand for namespaces: ``default`` for the host's, others for two strangers.
    """
    files = {"ip_vs": "FWM  00000100 rr\n", "dev": PROC_NET_DEV}
    monkeypatch.setattr(tables, "inside", lambda path, work: work())
    monkeypatch.setattr(tables, "read_proc", lambda name: files.get(name, ""))
    monkeypatch.setattr(nft, "save", lambda: ("# table inet x: hooks input; may drop\n", ""))
    monkeypatch.setattr(space, "run", _printed)
    (tmp_path / "default").symlink_to("/proc/self/ns/net")
    (tmp_path / "ingress_sbox").symlink_to("/proc/self/ns/uts")
    (tmp_path / "1-abcdefghij").symlink_to("/proc/self/ns/ipc")
    return tmp_path


def _printed(command: list[str], given: str = "") -> str:
    if command[0] == "bridge":
        return "[]\n"
    return "".join(f"{ADDR if line.startswith('addr') else '[]'}\n\n" for line in given.splitlines())


def report(folder: Path) -> dict[tuple[str, str], tuple[str, str]]:
    """Text and trouble by namespace and kind of what a node tells."""
    args = {"peers": [["n1", "10.0.0.1"], ["n2", "127.0.0.1"]], "data_port": 4789}
    told = answer(lambda wire: kernel.report(wire, args, folder=str(folder)))
    assert len(told.of("namespaces")) == 1
    return {
        (one["ns"], one["what"]): ("".join(piece for _, piece in one["rows"]), one["trouble"])
        for one in told.of("dump")
    }


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("", "host"),
        ("ingress_sbox", "balancer"),
        ("lb_sgiqka8iu", "balancer"),
        ("1-k8tgakdk04", "overlay"),
        ("8b73158818df", "sandbox"),
        ("1b73158818df", "sandbox"),
    ],
)
def test_the_name_of_a_namespace_tells_its_kind(name: str, kind: str) -> None:
    """By the names that the engine gives them."""
    assert space.kind(name) == kind


def test_every_namespace_tells_what_its_kind_asks_for(node: Path) -> None:
    """The host's own under another name is not read twice; facts are told of the host alone."""
    told = report(node)

    assert set(told) == {
        *(("", what) for what in (*space.WANTED["host"], "facts")),
        *(("ingress_sbox", what) for what in space.WANTED["balancer"]),
        *(("1-abcdefghij", what) for what in space.WANTED["overlay"]),
    }
    assert told["ingress_sbox", "ipvs"] == ("FWM  00000100 rr\n", "")
    assert told["ingress_sbox", "addr"] == (ADDR, "")
    assert told["1-abcdefghij", "fdb"] == ("[]\n", "")
    assert told["", "rules-legacy"] == ("", "")
    assert told["", "rules-nft"] == ("# table inet x: hooks input; may drop\n", "")


def test_ipsec_is_told_where_networks_are_encrypted(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the host alone, and only if asked for; what may not be read is trouble."""
    args = {"peers": [], "data_port": 4789, "encrypted": True}

    def xfrm_of(told: NodeAnswer) -> list[tuple[str, str, str]]:
        return [
            (one["ns"], "".join(piece for _, piece in one["rows"]), one["trouble"])
            for one in told.of("dump")
            if one["what"] == "xfrm"
        ]

    monkeypatch.setattr(xfrm, "save", lambda: ("[]", ""))
    assert xfrm_of(answer(lambda wire: kernel.report(wire, args, folder=str(node)))) == [("", "[]", "")]

    def fails() -> tuple[str, str]:
        raise PermissionError(errno.EPERM, "Operation not permitted")

    monkeypatch.setattr(xfrm, "save", fails)
    [(_, text, trouble)] = xfrm_of(answer(lambda wire: kernel.report(wire, args, folder=str(node))))
    assert (text, "not permitted" in trouble) == ("", True)


def test_facts_hold_the_way_to_each_peer_and_the_devices_of_overlays(node: Path) -> None:
    """Not the way to itself; counters of vxlan devices by namespace."""
    text, _ = report(node)["", "facts"]

    found = json.loads(text)
    assert found["routes"] == [["n2", "127.0.0.1", "127.0.0.1", ""]]
    assert found["vxlan"]["1-abcdefghij"]["vxlan0"]["tx_dropped"] == 23
    assert {"kernel", "modules", "listeners", "errors"} <= set(found)


def test_a_file_that_is_no_namespace_is_told_with_trouble(node: Path) -> None:
    """A namespace that is younger than the job looks like that: nothing may follow from its silence."""
    (node / "lb_younger").touch()

    told = report(node)

    assert {what for namespace, what in told if namespace == "lb_younger"} == set(space.WANTED["balancer"])
    assert all("none is mounted" in told["lb_younger", what][1] for what in space.WANTED["balancer"])


def test_a_file_that_a_crash_left_over_is_no_namespace(node: Path) -> None:
    """After a loss of power an engine makes files for its old sandboxes, with nothing behind them."""
    (node / "lb_leftover").touch()
    os.utime(node / "lb_leftover", (0, 0))

    assert not any(namespace == "lb_leftover" for namespace, _ in report(node))


def test_a_tool_that_fails_is_trouble_of_what_it_was_asked_for(
    node: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rest is told all the same."""

    def fails(command: list[str], given: str = "") -> str:
        raise OSError(f"{command[0]} exited 1: Operation not permitted")

    monkeypatch.setattr(space, "run", fails)

    told = report(node)

    assert told["", "addr"] == ("", "ip exited 1: Operation not permitted")
    assert "bridge exited 1" in told["1-abcdefghij", "fdb"][1]
    assert told["", "ipvs"] == ("FWM  00000100 rr\n", "")
    assert "underlay" in told["", "facts"][1]


def test_a_tool_that_prints_too_little_is_not_understood(node: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Which of its answers is lacking cannot be told."""
    monkeypatch.setattr(space, "run", lambda command, given="": "[]\n")

    assert "ip printed 1 lines for addr, neigh, route" in report(node)["", "route"][1]


def test_without_the_folder_the_host_is_told_and_the_trouble_named(node: Path) -> None:
    """A node without Docker's folder, or a job that may not read it."""
    told = answer(lambda wire: kernel.report(wire, {"peers": [], "data_port": 0}, folder=str(node / "no")))

    assert "No such file" in told.of("trouble")[0]["text"]
    assert {one["ns"] for one in told.of("dump")} == {""}


def test_a_table_that_cannot_be_read_is_trouble_and_the_others_are_told(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """No table of the namespace is passed over in silence."""

    def read(name: str) -> xtables.Table:
        if name == "nat":
            raise PermissionError(errno.EPERM, "getsockopt: Operation not permitted")
        return xtables.Table(name, [], b"")

    monkeypatch.setattr(tables, "read_proc", lambda name: "nat\nfilter\n")
    monkeypatch.setattr(xtables, "read", read)
    monkeypatch.setattr(xtsave, "save", lambda table: f"*{table.name}\nCOMMIT\n")

    text, trouble = space.legacy()

    assert text == "*filter\nCOMMIT\n"
    assert "table nat: [Errno 1]" in trouble


def test_settings_that_a_namespace_does_not_have_are_left_out(tmp_path: Path) -> None:
    """Values stand on one line each; a setting that cannot be read is trouble."""
    for name, value in (("net/ipv4/ip_forward", "1\n"), ("net/ipv4/ip_local_port_range", "32768\t60999\n")):
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(value)
    (tmp_path / "net/ipv4/vs/conntrack").mkdir(parents=True)

    text, trouble = space.sysctl(f"{tmp_path}/")

    assert text == "net.ipv4.ip_forward = 1\nnet.ipv4.ip_local_port_range = 32768 60999\n"
    assert trouble == "net.ipv4.vs.conntrack: Is a directory"


def test_a_process_that_fails_says_why() -> None:
    """Its exit status and the first line of its complaint."""
    script = "import sys; print('bad', file=sys.stderr); print('more', file=sys.stderr); sys.exit(3)"

    assert space.run([sys.executable, "-c", "print(input())"], "given") == "given\n"
    with pytest.raises(OSError, match=r"exited 3: bad$"):
        space.run([sys.executable, "-c", script])
    with pytest.raises(FileNotFoundError):
        space.run(["/no/such/tool"])
