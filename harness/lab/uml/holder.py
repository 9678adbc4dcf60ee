"""The lab's holder: first process of its namespaces, parent of every kernel and of the registry.

``python -m harness.lab.uml.holder`` reads one JSON line of settings on its standard input, isolates itself,
and serves one-line JSON requests on a unix socket. As first process of a pid namespace it takes everything
with it when it dies, however it dies. Until a request says ``commit`` it also dies when its standard input
closes: a killed ``up`` leaves nothing running.
"""

from __future__ import annotations

import contextlib
import dataclasses
import fcntl
import json
import os
import selectors
import signal
import socket
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from harness.lab.uml import mconsole, namespaces, resolver, state

_MAX_REQUEST: Final = 1 << 20
_PATH: Final = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin"}


@dataclasses.dataclass(frozen=True)
class Settings:
    """What a holder is started with: all paths on the host, addresses in dotted form."""

    root: str
    tools: str
    cache: str
    memory: str
    gateway: str
    links: dict[str, str]  # bridge side of each node's veth pair -> the side that its kernel opens
    names: dict[str, str]  # host name -> address, for the resolver


class Holder:
    """Children by name, and the requests that start and stop them."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.children: dict[str, subprocess.Popen[bytes]] = {}
        self.committed = False

    def request(self, words: Mapping[str, Any]) -> dict[str, Any]:
        """Carry out one request and say how it went: ``{"ok": true, ...}`` or ``{"error": text}``."""
        try:
            return {"ok": True, **self._carry_out(words)}
        except (OSError, KeyError, ValueError, subprocess.SubprocessError) as error:
            return {"error": f"{type(error).__name__}: {error}"}

    def _carry_out(self, words: Mapping[str, Any]) -> dict[str, Any]:
        answer: dict[str, Any] = {}
        match words["op"]:
            case "spawn":
                answer["pid"] = self.spawn(words)
            case "kill":
                self.kill(words["name"])
            case "list":
                self.reap()
                answer["exits"] = {name: child.returncode for name, child in self.children.items()}
            case "link":
                _ip("link", "set", words["link"], "up" if words["up"] else "down")
            case "links":
                answer["up"] = _links_up()
            case "kernel":
                answer["text"] = _kernel_says(words["name"])
            case "commit":
                self.committed = True
            case other:
                raise ValueError(f"no such request: {other}")
        return answer

    def spawn(self, words: Mapping[str, Any]) -> int:
        """Start ``argv`` chrooted into the tools root, as leader of a session of its own.

        ``pipes`` names FIFOs that are opened for reading and writing; ``@0``, ``@1`` ... in ``argv`` become
        their descriptors. ``log`` receives standard output and error.
        """
        name = words["name"]
        running = self.children.get(name)
        if running is not None and running.poll() is None:
            raise ValueError(f"{name} is running")
        pipes = [os.open(path, os.O_RDWR) for path in words.get("pipes", [])]
        try:
            argv = []
            for word in words["argv"]:
                for index in reversed(range(len(pipes))):
                    word = word.replace(f"@{index}", str(pipes[index]))  # noqa: PLW2901 -- it is what we build
                argv.append(word)
            root = self.settings.tools
            with Path(words["log"]).open("ab") as log:
                # The holder has one thread, so running Python between fork and exec is safe here.
                child = subprocess.Popen(
                    argv,
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                    pass_fds=pipes,
                    env={**_PATH, **words.get("env", {})},
                    preexec_fn=lambda: _enter(root),  # noqa: PLW1509 -- see above
                )
        finally:
            for fd in pipes:
                os.close(fd)
        self.children[name] = child
        return child.pid

    def kill(self, name: str) -> None:
        """Kill a child and all of its session's processes at once, as a power failure would."""
        child = self.children.get(name)
        if child is None:
            return
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait(timeout=10)

    def reap(self) -> None:
        """Collect children that ended, our own and those that others left to us as first process."""
        own = {child.pid: child for child in self.children.values()}
        for child in own.values():
            child.poll()
        with contextlib.suppress(ChildProcessError):
            while True:
                waited = os.waitid(os.P_ALL, 0, os.WEXITED | os.WNOHANG | os.WNOWAIT)
                if waited is None:
                    return
                if waited.si_pid in own:
                    own[waited.si_pid].poll()
                else:
                    os.waitpid(waited.si_pid, os.WNOHANG)

    def serve(self, listener: socket.socket, names: socket.socket) -> None:
        """Answer requests and name queries until standard input closes before a commit."""
        with selectors.DefaultSelector() as ready:
            for source in (listener, names, sys.stdin):
                ready.register(source, selectors.EVENT_READ)
            while True:
                for key, _ in ready.select(timeout=1.0):
                    if key.fileobj is sys.stdin:
                        if not self.committed:
                            return
                        ready.unregister(sys.stdin)
                    elif key.fileobj is names:
                        _answer_name(names, self.settings.names)
                    else:
                        self._answer(listener)
                self.reap()

    def _answer(self, listener: socket.socket) -> None:
        with contextlib.suppress(OSError), listener.accept()[0] as client:
            client.settimeout(5.0)
            with client.makefile("rwb") as stream:
                line = stream.readline(_MAX_REQUEST)
                if line:
                    stream.write(json.dumps(self.request(json.loads(line))).encode() + b"\n")


def _kernel_says(name: str) -> str:
    # relative to the lab's directory, where we are: the path of a socket is limited to 107 bytes
    door = Path("nodes") / name / name / "mconsole"
    return mconsole.ask(door, mconsole.QUESTIONS, bound=1.5)


def _enter(root: str) -> None:
    os.chroot(root)
    os.chdir("/")


def _answer_name(names: socket.socket, known: Mapping[str, str]) -> None:
    with contextlib.suppress(OSError):
        query, sender = names.recvfrom(4096)
        reply = resolver.answer(query, known)
        if reply is not None:
            names.sendto(reply, sender)


def _ip(*words: str) -> str:
    done = subprocess.run(["ip", *words], capture_output=True, text=True, check=True, timeout=10)
    return done.stdout


def _links_up() -> list[str]:
    return [link["ifname"] for link in json.loads(_ip("-json", "link", "show")) if "UP" in link["flags"]]


def build_network(settings: Settings) -> None:
    """Bridge, one veth pair per node, and our own address, all inside our network namespace."""
    lines = [
        "link set lo up",
        "link add lab type bridge stp_state 0 forward_delay 0",
        f"addr add {settings.gateway}/24 dev lab",
        "link set lab up",
    ]
    for port, kernel_side in settings.links.items():
        lines += [
            f"link add {port} type veth peer name {kernel_side}",
            f"link set {port} master lab up",
            f"link set {kernel_side} up",
        ]
    subprocess.run(
        ["ip", "-batch", "-"], input="\n".join(lines), text=True, check=True, timeout=20, capture_output=True
    )


def build_mounts(settings: Settings) -> None:
    """Make what kernels and registry need appear inside the tools root."""
    tools = Path(settings.tools)
    for source, inside in ((Path("/proc"), "proc"), (Path("/dev"), "dev")):
        namespaces.bind(source, tools / inside)
    namespaces.bind(Path(settings.cache), tools / "cache")
    namespaces.bind(Path(settings.memory), tools / "memory")


def main() -> None:
    """Read the settings, isolate, say ``ready`` (or ``failed: why``) on standard output, serve."""
    settings = Settings(**json.loads(sys.stdin.readline()))
    where = state.Places(Path(settings.root))
    said = os.fdopen(os.dup(1), "w")
    try:
        namespaces.isolate()
        if os.fork() != 0:
            os._exit(0)
        os.setsid()
        lock = state.keep_alive_lock(where.alive)
        build_network(settings)
        build_mounts(settings)
        with contextlib.suppress(FileNotFoundError):
            where.control.unlink()
        os.chdir(where.root)
        listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
        listener.bind(where.control.name)  # relative: the path of a socket is limited to 107 bytes
        listener.listen(64)
        names = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        names.bind((settings.gateway, 53))
    except subprocess.CalledProcessError as error:
        said.write(f"failed: {error.cmd}: {error.stderr}\n")
        said.flush()
        os._exit(1)
    except OSError as error:
        said.write(f"failed: {error}\n")
        said.flush()
        os._exit(1)
    said.write("ready\n")
    said.close()
    log = os.open(where.root / "holder.log", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(log, 1)
    os.dup2(log, 2)
    fcntl.fcntl(lock, fcntl.F_GETFD)  # the descriptor, and with it the lock, stays open as long as we live
    Holder(settings).serve(listener, names)


if __name__ == "__main__":
    main()
