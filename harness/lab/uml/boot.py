"""Starting a node: its second disk with what only it knows, its command line, its process."""

from __future__ import annotations

import dataclasses
import io
import json
import shutil
import tarfile
from collections.abc import Iterable, Mapping, Sequence
from importlib import resources
from pathlib import Path
from typing import Any, Final

from harness.lab.protocol import LabNode
from harness.lab.uml import channel, control, state

KERNEL: Final = "/usr/bin/linux.uml"
GUEST_FILES: Final = ("init", "agent", "engine")
_TAR_BLOCK: Final = 10240


def engine_config(registries: Sequence[str]) -> dict[str, Any]:
    """The engine's ``daemon.json``: mutual TLS on 2376, and Docker Hub's names from the lab's registries.

    Args:
        registries: ``address:port`` of each, in the order in which they are asked.
    """
    return {
        "hosts": ["unix:///var/run/docker.sock", "tcp://0.0.0.0:2376"],
        "tlsverify": True,
        "tlscacert": "/etc/docker/tls/ca.pem",
        "tlscert": "/etc/docker/tls/server.pem",
        "tlskey": "/etc/docker/tls/server-key.pem",
        "registry-mirrors": [f"http://{registry}" for registry in registries],
        "insecure-registries": list(registries),
        "live-restore": False,
    }


def seed(node: LabNode, everyone: Iterable[LabNode], certs: Path, config: Mapping[str, Any]) -> bytes:
    """The node's second disk, a tar archive: the boot scripts, its identity, names, certificates."""
    hosts = "127.0.0.1 localhost\n" + "".join(f"{one.address} {one.hostname}\n" for one in everyone)
    files = {
        "node.env": f"LAB_HOSTNAME={node.hostname}\nLAB_ADDRESS={node.address}\n",
        "hosts": hosts,
        "resolv.conf": f"nameserver {state.GATEWAY}\n",
        "daemon.json": json.dumps(config, indent=1) + "\n",
    }
    guest = resources.files("harness.lab.uml") / "guest"
    files |= {name: (guest / name).read_text() for name in GUEST_FILES}
    files |= {name: (certs / name).read_text() for name in ("ca.pem", "server.pem", "server-key.pem")}
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as archive:
        for name, text in files.items():
            entry = tarfile.TarInfo(name)
            entry.size = len(text.encode())
            entry.mode = 0o600 if name.endswith("-key.pem") else 0o755
            archive.addfile(entry, io.BytesIO(text.encode()))
    return packed.getvalue()


def port(node: LabNode) -> str:
    """The bridge side of the node's cable; down when it is unplugged."""
    return f"p-{node.hostname.removeprefix('swarm-')}"


def kernel_side(node: LabNode) -> str:
    """The side of the node's cable that its kernel opens."""
    return f"k-{node.hostname.removeprefix('swarm-')}"


@dataclasses.dataclass(frozen=True)
class Machine:
    """A node as a process: where its files are, and what it boots from."""

    where: state.Places
    node: LabNode
    disk: Path
    memory_mb: int
    copy_on_write: bool = True

    @property
    def files(self) -> Path:
        """The node's own directory."""
        return self.where.node(self.node.hostname)

    @property
    def console(self) -> Path:
        """What its kernel printed."""
        return self.files / "console.log"

    def prepare(self, everyone: Iterable[LabNode], config: Mapping[str, Any]) -> None:
        """Lay out the node's files for a first boot: a fresh disk, its seed, its channels."""
        shutil.rmtree(self.files, ignore_errors=True)
        self.files.mkdir(parents=True)
        packed = seed(self.node, everyone, self.where.certs, config)
        (self.files / "seed.tar").write_bytes(packed + bytes(-len(packed) % _TAR_BLOCK))
        channel.make_fifos(self.files)

    def command_line(self) -> list[str]:
        """The kernel's command line, with paths as the tools root sees them."""
        files, disk = _inside(self.files), _inside(self.disk)
        root_disk = f"ubd0={files}/disk.cow,{disk}" if self.copy_on_write else f"ubd0={disk}"
        mac = "02:00:" + ":".join(f"{int(part):02x}" for part in self.node.address.split("."))
        lines = [f"ssl{n}=fd:@{2 * n},fd:@{2 * n + 1}" for n in range(channel.LINES)]
        return [
            KERNEL,
            f"umid={self.node.hostname}",
            f"uml_dir={files}/",
            f"mem={self.memory_mb}M",
            root_disk,
            f"ubd1r={files}/seed.tar",
            "root=/dev/ubda",
            "rootfstype=ext4",
            "rw",
            # A killed kernel loses nothing that it wrote: its disk is the host's page cache. So no barriers.
            "rootflags=nobarrier,noinit_itable",
            "init=/sbin/lab-init",
            f"vec0:transport=raw,ifname={kernel_side(self.node)},depth=128,gro=1,mac={mac}",
            "con=null",
            "stderr=1",
            "ssl=null",
            *lines,
            # This kernel can fall asleep on a signal that has just come, and sleeps until its next timer:
            # seconds when it stops its tick in idleness, 10 ms when it does not.
            "nohz=off",
            "loglevel=5",
        ]

    def power_on(self) -> None:
        """Start the kernel's process; returns at once.

        Raises:
            Unmeasurable: the holder is gone or could not start it.
        """
        control.ask(
            self.where,
            "spawn",
            name=self.node.hostname,
            argv=self.command_line(),
            pipes=[str(path) for path in channel.fifos(self.files)],
            log=str(self.console),
            env={"TMPDIR": "/memory", "HOME": "/"},
        )

    def last_words(self) -> str:
        """The end of the console log, for an error: one line."""
        try:
            lines = self.console.read_text(errors="replace").splitlines()
        except OSError:
            return "no console log"
        return " / ".join(line.strip() for line in lines[-4:] if line.strip())


def _inside(path: Path) -> Path:
    """A path of the cache as the tools root sees it."""
    return Path("/cache") / path.relative_to(state.cache_root())
