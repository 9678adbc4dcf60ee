"""What a node is started with."""

from __future__ import annotations

import io
import tarfile
from pathlib import Path

import pytest

from harness.lab.uml import boot, channel, registry, state


@pytest.fixture
def certs(tmp_path: Path) -> Path:
    """A folder with the names of a lab's certificates."""
    folder = tmp_path / "certs"
    folder.mkdir()
    for name in ("ca", "server", "server-key", "client", "client-key", "ca-key"):
        (folder / f"{name}.pem").write_text(name)
    return folder


@pytest.fixture
def machine(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> boot.Machine:
    """The first worker of a lab in a cache of its own."""
    monkeypatch.setenv("HARNESS_CACHE", str(tmp_path / "a cache with a long name" / ("x" * 90)))
    where = state.places("lab")
    return boot.Machine(where, state.plan(1, 1)[1], state.cache_root() / "disk-1/base.img", 1024)


def test_a_nodes_seed_has_its_identity_and_no_keys_of_others(certs: Path) -> None:
    """The second disk names the node, all its fellows, and holds the server's key but no CA or client key."""
    nodes = state.plan(1, 1)
    packed = boot.seed(nodes[1], nodes, certs, boot.engine_config(registry.ADDRESSES))
    with tarfile.open(fileobj=io.BytesIO(packed)) as archive:
        files = {member.name: archive.extractfile(member) for member in archive}
        text = {name: file.read().decode() for name, file in files.items() if file}
        modes = {member.name: member.mode for member in archive}
    assert text["node.env"] == "LAB_HOSTNAME=swarm-worker1\nLAB_ADDRESS=192.168.200.11\n"
    assert "192.168.200.10 swarm-manager\n" in text["hosts"]
    assert {"ca.pem", "server.pem", "server-key.pem", "init", "agent", "engine"} <= text.keys()
    assert not {"ca-key.pem", "client-key.pem"} & text.keys()
    assert modes["server-key.pem"] == 0o600


def test_the_engine_demands_certificates_and_asks_the_labs_registry() -> None:
    """The API over TCP verifies its clients, and Docker Hub's names come from the lab."""
    config = boot.engine_config(["192.168.200.1:5000", "192.168.200.1:5001"])
    assert config["tlsverify"] is True
    assert "tcp://0.0.0.0:2376" in config["hosts"]
    assert config["registry-mirrors"] == ["http://192.168.200.1:5000", "http://192.168.200.1:5001"]


def test_the_kernels_paths_do_not_depend_on_where_the_cache_is(machine: boot.Machine) -> None:
    """Sockets of the kernel are limited to 107 bytes of path; inside, every path begins at /cache."""
    line = machine.command_line()
    assert "ubd0=/cache/labs/lab/nodes/swarm-worker1/disk.cow,/cache/disk-1/base.img" in line
    uml_dir = next(word for word in line if word.startswith("uml_dir="))
    assert len(f"{uml_dir}swarm-worker1/mconsole") < 107


def test_every_node_has_a_hardware_address_of_its_own(tmp_path: Path) -> None:
    """Nine nodes, nine addresses on the wire, each interface name within the kernel's 15 letters."""
    where, disk = state.places("lab"), state.cache_root() / "base.img"
    nodes = state.plan(4, 5)
    lines = [boot.Machine(where, node, disk, 1024).command_line() for node in nodes]
    wires = {word for line in lines for word in line if word.startswith("vec0:")}
    assert len(wires) == 9
    assert all(len(boot.port(node)) <= 15 and len(boot.kernel_side(node)) <= 15 for node in nodes)


def test_a_fresh_boot_gets_a_fresh_disk(machine: boot.Machine, certs: Path) -> None:
    """Preparing a node removes what an earlier lab wrote and lays out seed and channels."""
    machine.files.mkdir(parents=True)
    (machine.files / "disk.cow").write_text("old")
    target = machine.where.certs
    target.parent.mkdir(parents=True, exist_ok=True)
    certs.rename(target)
    machine.prepare([machine.node], boot.engine_config(registry.ADDRESSES))
    assert not (machine.files / "disk.cow").exists()
    assert (machine.files / "seed.tar").stat().st_size % 512 == 0
    assert all(path.is_fifo() for path in channel.fifos(machine.files))


def test_last_words_are_one_line(machine: boot.Machine) -> None:
    """A dead kernel's console gives the end of it for the error, and no console gives a sentence."""
    assert machine.last_words() == "no console log"
    machine.files.mkdir(parents=True)
    machine.console.write_text("a\nb\n\nKernel panic\n")
    assert machine.last_words().endswith("Kernel panic")
    assert "\n" not in machine.last_words()


def test_the_registry_never_writes_to_the_cache() -> None:
    """Its configuration is read-only and listens on the lab's own address only."""
    text = registry.config("/cache/images-1", "192.168.200.1:5000")
    assert "readonly: {enabled: true}" in text
    assert "192.168.200.1:5000" in text


def test_images_are_named_as_users_write_them(tmp_path: Path) -> None:
    """Official images lose their ``library/``, every tag is listed."""
    for name in ("library/redis", "traefik/whoami"):
        for tag in ("latest", "8"):
            (tmp_path / f"docker/registry/v2/repositories/{name}/_manifests/tags/{tag}").mkdir(parents=True)
    assert list(registry.images(tmp_path)) == [
        "redis:8",
        "redis:latest",
        "traefik/whoami:8",
        "traefik/whoami:latest",
    ]
