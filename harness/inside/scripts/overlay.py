"""The overlay job: names, the VIP and the task-to-task mesh, as a task on every node sees them.

Arguments (JSON): ``service``, ``port``, ``requests``, ``expect`` (whoami's name), ``replicas``: how many
addresses ``tasks.<service>`` must have; ``job``: name of this job's own service; ``nodes``: how many tasks
it has; ``network``: id of the network; ``timeout`` of a request; ``listen``: seconds for names and peers;
``bound``: seconds within which all must be told.
"""

from __future__ import annotations

import os
import socket
import threading
import time
from typing import Any

from harness.inside.scripts import dns, tables, web
from harness.inside.scripts.host import guarded
from harness.inside.scripts.wire import Wire, arguments, now

ECHO_PORT = 4749  # in the task's own network namespace: nothing on a node listens
_TRY = 0.5  # seconds for one echo
_LATE = 3.0  # seconds to stay for peers that have not asked yet
_SETTLE = 0.1  # seconds between questions while a name is not yet known on this node


class Echo:
    """Answers every peer over UDP and TCP with this node's name, and notes who asked."""

    def __init__(self, node: str, *, port: int = ECHO_PORT, host: str = "0.0.0.0") -> None:  # noqa: S104  a task's own namespace
        self.node = node
        self.heard: set[tuple[str, str]] = set()
        self._udp = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._udp.bind((host, port))
        self.port = int(self._udp.getsockname()[1])
        self._tcp = socket.create_server((host, self.port))
        for work in (self._serve_udp, self._serve_tcp):
            threading.Thread(target=work, daemon=True).start()

    def _reply(self, data: bytes) -> bytes:
        return data[:64] + b"|" + self.node.encode()[:255]

    def _serve_udp(self) -> None:
        while True:
            data, peer = self._udp.recvfrom(512)
            self._udp.sendto(self._reply(data), peer)
            self.heard.add((peer[0], "udp"))

    def _serve_tcp(self) -> None:
        while True:
            client, peer = self._tcp.accept()
            with client:
                client.settimeout(_TRY)
                try:
                    client.sendall(self._reply(client.recv(512)))
                except OSError:  # a peer that went away asks again
                    continue
            self.heard.add((peer[0], "tcp"))


def echo(address: str, protocol: str, *, port: int = ECHO_PORT, timeout: float = _TRY) -> tuple[str, str]:
    """Ask a peer once; its node's name (empty if it did not answer), and what went wrong."""
    nonce = os.urandom(8).hex().encode()
    kind = socket.SOCK_DGRAM if protocol == "udp" else socket.SOCK_STREAM
    try:
        with socket.socket(socket.AF_INET, kind) as client:
            client.settimeout(timeout)
            client.connect((address, port))
            client.send(nonce)
            data = client.recv(512)
    except OSError as error:
        return "", str(error)[:80] or type(error).__name__
    told, cut, node = data.partition(b"|")
    if told != nonce or not cut:
        return "", "a foreign answer"
    return node.decode("utf-8", "replace"), ""


def is_own(address: str) -> bool:
    """Whether the address is one of this task's."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as tried:
        try:
            tried.bind((address, 0))
        except OSError:
            return False
        return True


class Mesh:
    """Finds the job's other tasks by name, and asks each over UDP and TCP until it has answered."""

    def __init__(self, job: str, nodes: int, patience: float, until: float) -> None:
        self._job = job
        self._nodes = nodes
        self._patience = patience
        self._until = until
        self.own = ""
        self.rows: dict[tuple[str, str], list[object]] = {}
        self._threads: dict[str, threading.Thread] = {}

    def _pair(self, address: str) -> None:
        left = ["udp", "tcp"]
        until = min(now() + self._patience, self._until)
        tries = 0
        while left:
            tries += 1
            for protocol in tuple(left):
                began = now()
                node, why = echo(address, protocol)
                state = "open" if node else "closed" if "refused" in why else "silent"
                proof = f"echo in {(now() - began) * 1000:.1f} ms" if node else why
                self.rows[address, protocol] = [address, node, protocol, state, f"{proof}, attempt {tries}"]
                if node:
                    left.remove(protocol)
            if now() >= until:
                return
            time.sleep(0.05)

    def run(self) -> None:
        """Find and ask, until all peers answered or had their time; a peer's task may begin late."""
        while now() < self._until:
            found, _ = dns.resolve("tasks." + self._job)
            for address in found:
                if address != self.own and address not in self._threads:
                    if is_own(address):
                        self.own = address
                        continue
                    thread = threading.Thread(target=self._pair, args=(address,), daemon=True)
                    self._threads[address] = thread
                    thread.start()
            over = sum(not thread.is_alive() for thread in self._threads.values())
            if self.own and over >= self._nodes - 1:
                return
            time.sleep(0.05)


def settle(wire: Wire, name: str, least: int, until: float) -> list[str]:
    """Ask for ``name`` until it has at least this many addresses; tell the last answer and return it.

    A node without a task of the service joins the network with this very task, and learns its names then.
    """
    while True:
        found, error = dns.resolve(name)
        if len(found) >= least or now() >= until:
            wire.send("name", name=name, addresses=found[:1000], error=error)
            return found
        time.sleep(_SETTLE)


def main() -> None:
    """Do all of it side by side, and tell; stay until every peer has asked."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    args: dict[str, Any] = arguments()
    bound = float(args["bound"])
    timeout = float(args["timeout"])
    nodes = int(args["nodes"])
    answers = Echo(wire.node)
    listen = float(args["listen"])
    mesh = Mesh(str(args["job"]), nodes, listen, bound - _LATE)

    def ask() -> None:
        service = str(args["service"])
        until = min(listen, bound / 2)
        settle(wire, "tasks." + service, int(args["replicas"]), until)
        vip = settle(wire, service, 1, until)
        count = int(args["requests"])
        if not vip:
            row: list[object] = [0, now(), now(), "no-name", "", f"{service} did not resolve"]
            wire.rows("samples", [row] if count else [], path="vip", port=args["port"])
            return
        time.sleep(_SETTLE)  # the balancer is told in the same moment as the name server
        rows = web.series(
            vip[0], int(args["port"]), count, name=str(args["expect"]), timeout=timeout, until=bound - timeout
        )
        wire.rows("samples", rows, path="vip", port=args["port"])
        tables.report(wire, only="lb_" + str(args["network"])[:9])

    asking = guarded(wire, "requests", ask)
    meshing = guarded(wire, "mesh", mesh.run)
    for thread in (asking, meshing):
        thread.join(max(0.0, bound - now()))
    over = now()
    while len(answers.heard) < 2 * (nodes - 1) and now() < min(bound, over + _LATE):
        time.sleep(0.02)
    for thread, about in ((asking, "requests"), (meshing, "mesh")):
        if thread.is_alive():
            wire.send("trouble", about=about, text=f"not done within {bound:g} s")
    wire.send("self", address=mesh.own, heard=sorted(answers.heard)[:200])
    wire.rows("mesh", [mesh.rows[key] for key in sorted(mesh.rows)])
    wire.close()
    os._exit(0)  # threads that hang must not keep the task
