"""The inspecting part of the kernel job, against an engine on a socket and a tree of processes of ours."""

from __future__ import annotations

import contextlib
import json
import os
import socket
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.inside.allowed import CAPABILITIES, MOUNTS, Inspection
from harness.inside.job import Job
from harness.inside.scripts import engine, inspection, processes

TCP6 = """\
  sl  local_address                         remote_address                        st tx_queue rx_queue
   0: 00000000000000000000000000000000:1F90 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 501 1 e
   1: 0000000000000000FFFF00000AC8A8C0:1F90 0000000000000000FFFF00000CC8A8C0:CBC6 01 0:0 02:3 0 0 0 777 2 b
   2: 00000000000000000000000001000000:0947 00000000000000000000000000000000:0000 0A 0:0 00:0 0 0 0 502 1 f
"""
UDP = """\
  sl  local_address rem_address   st tx_queue rx_queue
 443: 00000000:1F0A 00000000:0000 07 0:0 00:0 0 0 0 594 2 d
 444: 0100007F:1F0A 0100007F:0035 01 0:0 00:0 0 0 0 595 2 d
"""
NETWORK = {
    "Id": "net1",
    "Peers": [{"Name": "a", "IP": "192.168.200.10"}],
    "Services": {
        "": {"VIP": "<nil>", "Tasks": [{"Name": "plain", "EndpointIP": "10.0.1.12", "Info": None}]},
        "web": {
            "VIP": "10.0.1.2",
            "Tasks": [{"Name": "web.1.t1", "EndpointIP": "10.0.1.3", "Info": {"Host IP": "192.168.200.11"}}],
        },
    },
}
CONTAINER = {
    "Id": "5fc59e9f5a33490cabc25c71e59f9a36",
    "Names": ["/web.1.t1"],
    "Created": 1795574475,
    "Labels": {engine.TASK: "t1", engine.SERVICE: "web"},
    "NetworkSettings": {"Networks": {"app": {"NetworkID": "net1", "IPAddress": "10.0.1.3"}}},
}
LOG = """\
time="2026-11-25T02:40:00.5Z" level=error msg="Bulk sync to node x timed out"
time="2026-11-25T02:50:00.5Z" level=info msg="Bulk sync to node y done"
time="2026-11-25T03:50:01.25+01:00" level=error msg="Bulk sync to node z timed out"
and a line of its own: Bulk sync to node q timed out
"""
AFTER = 1795575000.0  # 2026-11-25 02:50:00 UTC


@contextlib.contextmanager
def answering(folder: Path, answers: dict[str, tuple[int, object]]) -> Iterator[str]:
    """An engine that gives these answers by path; where it listens."""
    where = str(folder / "docker.sock")
    with socket.socket(socket.AF_UNIX) as server:
        server.bind(where)
        server.listen()

        def serve() -> None:
            with contextlib.suppress(OSError):
                while True:
                    caller, _ = server.accept()
                    with caller:
                        path = caller.recv(65536).split()[1].decode().partition("?")[0]
                        status, body = answers.get(path, (404, {"message": "none"}))
                        caller.sendall(f"HTTP/1.0 {status} X\r\nA: b\r\n\r\n{json.dumps(body)}".encode())

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        yield where
        server.shutdown(socket.SHUT_RDWR)
    thread.join()


@pytest.fixture
def proc(tmp_path: Path) -> Path:
    """A tree like ``/proc``: dockerd with two sockets and a log, nginx with one, a dockerd of a container."""
    names = {"7": ("dockerd", "501"), "9": ("nginx", "502"), "5": ("dockerd", "999"), "3": ("kthread", "")}
    for pid, (name, inode) in names.items():
        (tmp_path / pid / "fd").mkdir(parents=True)
        (tmp_path / pid / "ns").mkdir()
        (tmp_path / pid / "comm").write_text(f"{name}\n")
        (tmp_path / pid / "ns/net").symlink_to("/proc/self/ns/uts" if pid == "5" else "/proc/self/ns/net")
        if inode:
            (tmp_path / pid / "fd/4").symlink_to(f"socket:[{inode}]")
    (tmp_path / "7/fd/5").symlink_to("socket:[594]")
    (tmp_path / "7/fd/2").symlink_to("/var/log/dockerd.log")
    (tmp_path / "7/root/var/log").mkdir(parents=True)
    (tmp_path / "7/root/var/log/dockerd.log").write_text(LOG)
    (tmp_path / "net").mkdir()
    (tmp_path / "net/tcp6").write_text(TCP6)
    (tmp_path / "net/udp").write_text(UDP)
    return tmp_path


def test_gossip_is_what_the_node_itself_knows(tmp_path: Path) -> None:
    """A network that it has not joined is left out, also where a manager knows it."""
    known = {"/networks/net1": (200, NETWORK), "/networks/net2": (200, {"Id": "net2"})}
    with answering(tmp_path, known) as at:
        found = engine.gossip(["net1", "net2", "net3"], at)

    assert found == [
        {
            "id": "net1",
            "peers": ["192.168.200.10"],
            "rows": [
                ["", "plain", "10.0.1.12", ""],
                ["web", "web.1.t1", "10.0.1.3", "192.168.200.11"],
            ],
        }
    ]


def test_an_engine_that_refuses_is_trouble(tmp_path: Path) -> None:
    """Nothing is taken for an absence but 404."""
    with answering(tmp_path, {"/networks/n": (500, None), "/info": (503, {"message": "no"})}) as at:
        with pytest.raises(OSError, match=r"GET /networks/n.*500"):
            engine.gossip(["n"], at)
        with pytest.raises(OSError, match="GET /info: 503 no"):
            engine.folder(at)


def test_containers_of_tasks_but_the_jobs_own(tmp_path: Path) -> None:
    """With what identifies them, and their addresses by network."""
    own = {**CONTAINER, "Labels": {engine.TASK: "mine"}}
    with answering(tmp_path, {"/containers/json": (200, [own, CONTAINER])}) as at:
        found = engine.containers("mine", at)

    assert found == [
        {
            "id": "5fc59e9f5a33",
            "name": "web.1.t1",
            "task": "t1",
            "service": "web",
            "created": 1795574475,
            "addresses": [["net1", "10.0.1.3"]],
        }
    ]


def test_listeners_have_their_owners(proc: Path) -> None:
    """Connections and sockets of clients are none; a socket that no process holds has no owner."""
    ports: list[list[object]] = [["tcp", 8080], ["tcp", 2375], ["udp", 7946], ["tcp", 9]]

    found = processes.listeners(ports, str(proc), str(proc / "net"))
    (proc / "9/fd/4").unlink()
    without = processes.listeners([["tcp", 2375]], str(proc), str(proc / "net"))

    assert found == [
        ["tcp", "::", 8080, "dockerd"],
        ["tcp", "::1", 2375, "nginx"],
        ["udp", "0.0.0.0", 7946, "dockerd"],
    ]
    assert without == [["tcp", "::1", 2375, ""]]


def test_a_process_that_may_not_be_looked_at_is_trouble(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It may be the owner."""
    listing = os.listdir

    def refused(folder: str) -> list[str]:
        if folder.endswith("9/fd"):
            raise PermissionError(13, "Permission denied")
        return listing(folder)

    monkeypatch.setattr(os, "listdir", refused)

    with pytest.raises(OSError, match="of 1 processes may not be looked at"):
        processes.listeners([["tcp", 2375]], str(proc), str(proc / "net"))
    assert processes.listeners([["tcp", 8080]], str(proc), str(proc / "net"))[0][3] == "dockerd"


def test_the_engine_is_the_dockerd_with_the_nodes_own_network(proc: Path) -> None:
    """One in a container has another."""
    assert processes.dockerd(str(proc)) == "7"
    (proc / "7/comm").write_text("other\n")
    with pytest.raises(OSError, match="no dockerd has the node's own network"):
        processes.dockerd(str(proc))
    (proc / "5/comm").write_text("other\n")
    with pytest.raises(OSError, match="no process is called dockerd"):
        processes.dockerd(str(proc))


def test_only_lines_since_count(proc: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """By their own dates, whatever the zone; a line without one belongs to the one before it."""
    texts = [["Bulk sync to node", "timed out"], ["Peer delete"]]

    found = processes.log("7", texts, AFTER, str(proc))
    monkeypatch.setattr(processes, "_TAIL", 200)
    short = processes.log("7", texts, AFTER, str(proc))

    assert found == {"file": "/var/log/dockerd.log", "counts": [2, 0], "since": ""}
    assert short["counts"] == [2, 0]
    assert short["since"] == "2026-11-25T03:50:01.25+01:00"


@pytest.mark.parametrize("target", ["socket:[17]", "/dev/null", "pipe:[3]"])
def test_a_log_that_is_no_file_is_told_as_such(proc: Path, target: str) -> None:
    """A journal is not read."""
    (proc / "7/fd/2").unlink()
    (proc / "7/fd/2").symlink_to(target)

    assert processes.log("7", [["x"]], 0.0, str(proc)) == {"file": "", "counts": [], "since": ""}


def test_nothing_but_the_certificate_leaves_the_node(proc: Path) -> None:
    """Whatever else stands in its file."""
    folder = proc / "7/root/data/docker/swarm/certificates"
    folder.mkdir(parents=True)
    pem = "-----BEGIN CERTIFICATE-----\nabc\n-----END CERTIFICATE-----\n"
    (folder / "swarm-node.crt").write_text(f"-----BEGIN PRIVATE KEY-----\nsecret\n{pem}secret\n")

    assert processes.certificate("7", "/data/docker", str(proc)) == pem
    (folder / "swarm-node.crt").write_text("-----BEGIN PRIVATE KEY-----\nsecret\n")
    with pytest.raises(ValueError, match="holds no certificate"):
        processes.certificate("7", "/data/docker", str(proc))


def test_every_part_is_told_for_itself(proc: Path, tmp_path: Path) -> None:
    """One that cannot be read leaves the others be."""
    args: dict[str, Any] = Inspection(("net1",), (("tcp", 9),), (("x",),), 600.0).arguments()
    with answering(
        tmp_path, {"/networks/net1": (200, NETWORK), "/info": (200, {"DockerRootDir": "/no"})}
    ) as at:
        parts = inspection.parts(args, "mine", proc=str(proc), at=at)
        told = {}
        for name, work in parts.items():
            with contextlib.suppress(OSError):
                told[name] = work()

    assert tuple(parts) == inspection.PARTS
    assert set(told) == {"gossip", "listeners", "dockerd-log"}
    assert json.loads(told["gossip"][0])[0]["id"] == "net1"


def test_a_job_has_more_rights_only_where_it_is_allowed() -> None:
    """Nothing of the node is mounted for a job that does not ask."""
    plain = Job("kernel", "image", {}).spec("j").to_engine({"j": "c"})["TaskTemplate"]["ContainerSpec"]
    deep = Job("kernel", "image", {}, mounts=MOUNTS, capabilities=CAPABILITIES, unconfined=True)
    held = deep.spec("j").to_engine({"j": "c"})["TaskTemplate"]["ContainerSpec"]

    assert [mount["Source"] for mount in plain["Mounts"]] == ["/var/run/docker/netns"]
    assert "Privileges" not in plain
    assert "CAP_SYS_PTRACE" not in plain["CapabilityAdd"]
    assert [mount["Source"] for mount in held["Mounts"]][1:] == ["/var/run/docker.sock", "/proc"]
    assert all(mount["ReadOnly"] for mount in held["Mounts"])
    assert held["Privileges"] == {"AppArmor": {"Mode": "disabled"}}
    assert "CAP_SYS_PTRACE" in held["CapabilityAdd"]
