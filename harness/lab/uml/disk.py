"""The base disk of every node: node root, kernel modules, and the images already in the engine's store."""

from __future__ import annotations

import contextlib
import os
import shutil
import time
from collections.abc import Callable, Sequence
from importlib import resources
from pathlib import Path
from typing import Final

from harness import shell
from harness.errors import Unmeasurable
from harness.lab.protocol import LabNode, Role
from harness.lab.uml import boot, certs, channel, control, holder, lab, registry, roots, scope, state

SIZE: Final = "8G"  # sparse; what a node may hold
NAME: Final = "base.img"
_MEMORY_MB: Final = 1536
_BUILDER: Final = LabNode("swarm-builder", f"{state.SUBNET}.99", Role.MANAGER)
_PULL_BOUND: Final = 180.0
_ENGINE_BOUND: Final = 90.0  # seconds an engine may take to answer once its kernel runs


def make(tools: Path, tar: Path, work: Path) -> Path:
    """Turn the node root's archive into an ext4 image ``work/base.img``, without images, and return its path.

    The archive stays as it is: what the image needs besides is appended to a copy.

    Raises:
        CommandError: tar or mke2fs failed.
    """
    extra = work / "extra"
    roots.kernel_modules(tools, extra)
    first = extra / "usr/sbin/lab-init"
    first.parent.mkdir(parents=True)
    first.write_bytes((resources.files("harness.lab.uml") / "guest" / "lab-init").read_bytes())
    first.chmod(0o755)
    owner = ["--owner=0", "--group=0", "--numeric-owner"]
    whole = work / "whole.tar"
    shutil.copyfile(tar, whole)
    shell.run(["tar", "--append", f"--file={whole}", *owner, f"--directory={extra}", "./usr"], bound=120.0)
    image = work / NAME
    image.touch()
    features = ["-O", "^resize_inode,^metadata_csum", "-J", "size=16", "-m", "0"]
    lazy = ["-E", "lazy_itable_init=1,lazy_journal_init=1,nodiscard"]
    mke2fs = [
        "mke2fs",
        "-q",
        "-F",
        "-t",
        "ext4",
        *features,
        *lazy,
        "-d",
        f"/work/{whole.name}",
        f"/work/{NAME}",
        SIZE,
    ]
    scope.run(tools, mke2fs, binds={work: "work"}, bound=300.0)
    shutil.rmtree(extra)
    whole.unlink()
    return image


def preload(tools: Path, storage: Path | None, image: Path, note: Callable[[str], None]) -> None:
    """Boot one node on ``image`` itself, pull every image of the registry, and shut it down cleanly.

    Args:
        tools: the tools root.
        storage: the registry's storage; None when there are no images, then only the engine's store is made.
        image: the disk, inside the cache; changed in place.
        note: told what is being pulled.

    Raises:
        Unmeasurable: the node did not boot or an image could not be pulled.
    """
    where = state.Places(image.parent / "builder")
    where.root.mkdir()
    certs.make(where.certs, [_BUILDER])
    settings = holder.Settings(
        root=str(where.root),
        tools=str(tools),
        cache=str(state.cache_root()),
        memory=str(guest_memory()),
        gateway=state.GATEWAY,
        links={boot.port(_BUILDER): boot.kernel_side(_BUILDER)},
        names={_BUILDER.hostname: _BUILDER.address},
    )
    machine = boot.Machine(where, _BUILDER, image, _MEMORY_MB, copy_on_write=False)
    with control.start(settings):
        if storage is not None:
            registry.start(where, storage)
        machine.prepare([_BUILDER], boot.engine_config(registry.ADDRESSES))
        machine.power_on()
        node = Builder(where, machine)
        node.wait_for_engine()
        for name in registry.images(storage) if storage is not None else ():
            note(f"preload {name}")
            node.run(["docker", "pull", "--quiet", name], bound=_PULL_BOUND)
        note("shut down")
        node.shut_down()
    shutil.rmtree(where.root)


def guest_memory() -> Path:
    """Where guests' memory lives: ``HARNESS_LAB_MEMORY``, or /dev/shm."""
    return Path(os.environ.get("HARNESS_LAB_MEMORY") or "/dev/shm")  # noqa: S108 -- the kernel's own place for it


class Builder:
    """The one node of a set-up: runs commands, must end cleanly."""

    def __init__(self, where: state.Places, machine: boot.Machine) -> None:
        record = state.Record(1, 0, "", "", _MEMORY_MB, {})
        self._lab = lab.UmlLab(where, record)
        self._machine = machine
        self._where = where

    def run(self, argv: Sequence[str], *, bound: float = 60.0) -> str:
        """Run a command that must succeed, and return what it printed.

        Raises:
            Unmeasurable: it failed or took longer than ``bound`` seconds.
        """
        done, _, _ = channel.run(self._machine.files, _BUILDER.hostname, argv, bound=bound)
        if not done.ok:
            raise Unmeasurable(f"set-up: {' '.join(argv)} failed: {(done.err or done.out).strip()[-300:]}")
        return done.out

    def wait_for_engine(self) -> None:
        """Wait until the engine answers on its unix socket.

        Raises:
            Unmeasurable: kernel or engine did not come up.
        """
        self._lab.await_kernel(self._machine)
        ready = "[ -S /var/run/docker.sock ] && docker version >/dev/null 2>&1 && exit 0"
        wait = f"for i in $(seq 600); do {ready}; sleep 0.1; done"
        script = f"{wait}; tail -n 3 /var/log/dockerd.log >&2; exit 1"
        self.run(["sh", "-c", script], bound=_ENGINE_BOUND)

    def shut_down(self) -> None:
        """Stop the engine, forget what must differ between nodes, and power off with a clean disk.

        Raises:
            Unmeasurable: the kernel did not end.
        """
        own = "/var/lib/docker/swarm /var/lib/docker/network /var/lib/docker/engine-id /etc/docker/key.json"
        forget = f"rm -rf {own} /var/log/dockerd.log"
        self.run(["sh", "-c", f"/run/lab/engine stop && {forget} && sync"])
        key = "/proc/sysrq-trigger"
        off = f"echo s > {key}; mount -o remount,ro / 2>/dev/null; echo o > {key}; sleep 9"
        with contextlib.suppress(Unmeasurable):  # the channel ends with the kernel
            self.run(["sh", "-c", off], bound=15.0)
        until = time.monotonic() + 20.0
        while control.ask(self._where, "list")["exits"].get(_BUILDER.hostname) is None:
            if time.monotonic() > until:
                raise Unmeasurable("set-up: the builder node did not power off")
            time.sleep(0.05)
