"""The running lab, from outside and from within: `harness.lab.protocol.Lab`, done by processes."""

from __future__ import annotations

import contextlib
import json
import select
import subprocess
import sys
import threading
import time
from collections.abc import Generator, Sequence
from typing import Any, Final

from harness import shell
from harness.errors import RequestError, Unmeasurable
from harness.lab import enter
from harness.lab.protocol import Endpoint, LabNode, NodeStatus
from harness.lab.uml import boot, channel, control, form, state

_CONSOLE: Final = 1 << 17  # characters of a console log's end that are told
BOOT_BOUND: Final = 60.0  # seconds for a kernel to run commands after power on


class UmlLab:
    """A lab whose holder lives; every question goes to a process, an engine, or the kernel."""

    def __init__(self, where: state.Places, record: state.Record) -> None:
        self.where = where
        self.record = record
        self._nodes = record.nodes

    @property
    def nodes(self) -> tuple[LabNode, ...]:
        """All nodes, managers first."""
        return self._nodes

    @property
    def endpoint(self) -> Endpoint:
        """The first manager's engine."""
        return self.endpoint_of(self._nodes[0].hostname)

    @property
    def versions(self) -> dict[str, str]:
        """Package name -> exact version of what the nodes run."""
        return dict(self.record.versions)

    def endpoint_of(self, node: str) -> Endpoint:
        """The engine of ``node``.

        Raises:
            RequestError: the lab has no such node.
        """
        certs = self.where.certs
        url = f"tcp://{self.node(node).address}:{form.PORT}"
        return Endpoint(url, certs / "ca.pem", certs / "client.pem", certs / "client-key.pem")

    def node(self, hostname: str) -> LabNode:
        """The node of that name.

        Raises:
            RequestError: there is none.
        """
        for one in self._nodes:
            if one.hostname == hostname:
                return one
        names = ", ".join(one.hostname for one in self._nodes)
        raise RequestError(f"the lab has no node {hostname!r}", remedy=f"name one of {names}")

    def exec(
        self, node: str | None, argv: Sequence[str], *, bound: float = 60.0, stdin: str | bytes | None = None
    ) -> shell.Done:
        """Run ``argv`` as root on ``node``, or in the lab's network when it is None (see the protocol).

        Raises:
            RequestError: the lab has no such node, or is gone.
            Unmeasurable: the node is powered off, or the command ran longer than ``bound``.
        """
        if node is None:
            words = enter.command_for(self.where, argv)
            return shell.run(words, bound=bound, check=False, stdin=stdin)
        return self.exec_bytes(node, argv, bound=bound, stdin=stdin)[0]

    def exec_bytes(
        self,
        node: str,
        argv: Sequence[str],
        *,
        bound: float = 60.0,
        stdin: str | bytes | None = None,
        sink: channel.Sink | None = None,
    ) -> tuple[shell.Done, bytes, bytes]:
        """`exec` on a node, with the very bytes of output and error output besides.

        With a ``sink`` the output goes there as it comes, and the result carries none.

        Raises:
            RequestError: the lab has no such node.
            Unmeasurable: the node is powered off, or the command ran longer than ``bound``.
        """
        files = self.where.node(self.node(node).hostname)
        data = stdin.encode() if isinstance(stdin, str) else stdin
        return channel.run(files, node, argv, bound=bound, stdin=data, sink=sink)

    def power_off(self, node: str) -> None:
        """Kill the node's kernel at once."""
        control.ask(self.where, "kill", name=self.node(node).hostname)

    def power_on(self, node: str) -> None:
        """Boot the node from the disk it had; returns once its kernel runs commands.

        Raises:
            Unmeasurable: it did not within `BOOT_BOUND`, with the end of its console.
        """
        found = self.node(node)
        if self._exits().get(node, 0) is None:
            return
        machine = self.machine(found)
        machine.power_on()
        self.await_kernel(machine)

    def await_kernel(self, machine: boot.Machine) -> None:
        """Wait until the node runs commands.

        Raises:
            Unmeasurable: it did not within `BOOT_BOUND`, or its kernel ended.
        """
        until = time.monotonic() + BOOT_BOUND
        name = machine.node.hostname
        while True:
            try:
                channel.run(machine.files, name, ["true"], bound=5.0)
            except Unmeasurable as error:
                if self._exits().get(name, 0) is not None or time.monotonic() > until:
                    raise Unmeasurable(f"{name} did not boot: {machine.last_words()}") from error
            else:
                return

    def unplug(self, node: str) -> None:
        """Pull the node's network cable."""
        control.ask(self.where, "link", link=boot.port(self.node(node)), up=False)

    def plug(self, node: str) -> None:
        """Put the node's network cable back."""
        control.ask(self.where, "link", link=boot.port(self.node(node)), up=True)

    def console(self, node: str) -> str:
        """The end of what the node's kernel printed; an error of reading stands in its place.

        Raises:
            RequestError: the lab has no such node.
        """
        try:
            return self.machine(self.node(node)).console.read_text(errors="replace")[-_CONSOLE:]
        except OSError as error:
            return f"no console log: {error.strerror}\n"

    def kernel_says(self, node: str) -> str:
        """What the node's kernel says now of load, memory, interrupts and blocked tasks.

        Raises:
            RequestError: the lab has no such node.
            Unmeasurable: it is powered off, or says nothing.
        """
        return str(control.ask(self.where, "kernel", name=self.node(node).hostname)["text"])

    def processes(self) -> tuple[int, ...]:
        """The holder, first process of the lab's own process namespace."""
        pid = state.holder_pid(self.where)
        return () if pid is None else (pid,)

    def status(self) -> tuple[NodeStatus, ...]:
        """Ask every kernel process and every engine how it is."""
        exits, up = self._exits(), set(control.ask(self.where, "links")["up"])
        engines: dict[str, dict[str, str]] = {}
        with contextlib.closing(self.ask_engines("status", bound=10.0)) as lines:
            for line in lines:
                engines = line.get("done", {})
        return tuple(
            NodeStatus(
                node,
                powered=exits.get(node.hostname, 0) is None,
                plugged=boot.port(node) in up,
                **engines.get(node.hostname, {}),
            )
            for node in self._nodes
        )

    def machine(self, node: LabNode) -> boot.Machine:
        """The node as a process."""
        disk = state.cache_root() / self.record.disk
        return boot.Machine(self.where, node, disk, self.record.memory_mb)

    def ended(self, node: str) -> bool:
        """Whether the node's kernel was started and has ended."""
        return self._exits().get(node) is not None

    def ask_engines(
        self, op: str, *, bound: float, until: threading.Event | None = None
    ) -> Generator[dict[str, Any]]:
        """Run `harness.lab.uml.form` inside the lab's network and yield the documents it prints.

        Args:
            op: ``form`` or ``status``.
            bound: seconds it may take.
            until: ends it early when set.

        Raises:
            Unmeasurable: it ended without an answer.
        """
        nodes = [{"hostname": n.hostname, "address": n.address, "role": str(n.role)} for n in self._nodes]
        request = {"op": op, "nodes": nodes, "certs": str(self.where.certs), "bound": bound}
        words = enter.command_for(self.where, [sys.executable, "-m", form.__name__])
        process = subprocess.Popen(
            words, stdin=subprocess.PIPE, stdout=subprocess.PIPE, cwd="/", bufsize=0,
            env=control.environment(),
        )  # fmt: skip
        with process:
            try:
                out, said = process.stdout, process.stdin
                if out is None or said is None:
                    raise Unmeasurable("no pipe to the process inside the lab's network")
                with contextlib.suppress(BrokenPipeError):
                    said.write(json.dumps(request).encode() + b"\n")
                    said.flush()
                while until is None or not until.is_set():
                    if not select.select([out], [], [], 0.2)[0]:
                        continue
                    line = out.readline()  # whole lines arrive at once: the writer flushes each
                    if not line:
                        return
                    yield json.loads(line)
            finally:
                process.kill()

    def _exits(self) -> dict[str, int | None]:
        exits: dict[str, int | None] = control.ask(self.where, "list")["exits"]
        return exits
