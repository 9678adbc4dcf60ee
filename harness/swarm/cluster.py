"""The facade: what tests, jobs and faults do to a swarm."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import TracebackType
from typing import Self

from harness.clock import SYSTEM, Clock
from harness.engine.protocol import Config, Engine, Secret
from harness.engine.recording import RecordingEngine
from harness.engine.spec import RUN_LABEL, ConfigSpec, NetworkSpec, SecretSpec, ServiceSpec
from harness.errors import RequestError, Unmeasurable
from harness.evidence import Change, Cluster
from harness.journal import Journal
from harness.model import Availability, Network, Node
from harness.progress import Progress, Silent
from harness.swarm import lock, sweeping
from harness.swarm.conditions import Condition, Named
from harness.swarm.events import Pump
from harness.swarm.service import RunningService, ServiceHandle
from harness.swarm.undoing import Undoing
from harness.swarm.view import Differ, Reader, View
from harness.swarm.wait import Waiter
from harness.swarm.watch import Watch


class Swarm:
    """A swarm through one manager. Close it (or use ``with``): it reads events in the background.

    Attributes:
        engine: the manager; each change through it is journaled.
        run: id of the run; the label of all that it creates.
        journal: where changes, events and states go.
        clock: what waits are measured on.
    """

    def __init__(
        self,
        engine: Engine,
        journal: Journal,
        run: str,
        clock: Clock = SYSTEM,
        addresses: Mapping[str, str] | None = None,
        *,
        progress: Progress | None = None,
        keep: bool = False,
        failing: Callable[[BaseException], None] | None = None,
    ) -> None:
        """Nothing is sent yet.

        Args:
            engine: the manager.
            journal: where changes, events and states go.
            run: id of the run.
            clock: what waits are measured on.
            addresses: address of a node by its hostname, where the swarm's own word does not do.
            progress: told of what changes during a wait.
            keep: leave deployed objects in place (``--keep-workloads``).
            failing: told of what ends a block, before what the block deployed is removed.
        """
        self.engine: Engine = RecordingEngine(engine, journal)
        self.run = run
        self.journal, self.clock = journal, clock
        self._addresses = dict(addresses or {})
        self._progress = progress or Silent()
        self._differ = Differ()
        self._pump = Pump(self.engine, journal)
        self._reader = Reader(self.engine, clock, self._pump)
        self._waiter = Waiter(self._reader.read, self._seen, self._away, clock)
        self._waiting = ""
        self._undoing = Undoing(
            self.engine, journal, run, self.wait, clock, keep, failing or (lambda _: None)
        )

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop reading events; the engine stays open, it is the caller's."""
        self._pump.stop()

    # --- looking -------------------------------------------------------------------------------------

    def nodes(self) -> tuple[Node, ...]:
        """All nodes now, by hostname."""
        return self.engine.nodes()

    def node(self, hostname: str) -> Node:
        """The node of that name.

        Raises:
            RequestError: there is none.
        """
        nodes = self.nodes()
        found = View(0, nodes, ()).node(hostname)
        if found is None:
            known = ", ".join(node.hostname for node in nodes)
            raise RequestError(f"the swarm has no node {hostname}", remedy=f"it has {known}")
        return found

    def address(self, node: str) -> str:
        """The address at which a node (hostname) is asked: ``[nodes]``, or what the swarm says.

        Raises:
            RequestError: there is no such node, or nobody knows its address.
        """
        if node in self._addresses:
            return self._addresses[node]
        found = self.node(node).address
        if not found:
            raise RequestError(f"the address of {node} is not known", remedy=f"set {node} in [nodes]")
        return found

    def addresses(self) -> dict[str, str]:
        """The address of every node by its hostname; errors as :meth:`address`."""
        return {node.hostname: self.address(node.hostname) for node in self.nodes()}

    def cluster(self, kernels: Mapping[str, str] | None = None) -> Cluster:
        """Nodes and versions now, as evidence; kernels by hostname come from an inside witness."""
        version, info = self.engine.version(), self.engine.info()
        return self.journal.keep(
            Cluster(
                id=self.journal.new_id("cluster"),
                at=self.clock.now(),
                nodes=self.nodes(),
                engine=version.engine,
                api=version.spoken,
                kernels=tuple(sorted((kernels or {info.name: info.kernel}).items())),
                data_path_port=info.data_path_port,
            )
        )

    # --- waiting and watching --------------------------------------------------------------------------

    def wait(
        self,
        condition: Condition,
        within: float,
        what: str = "",
        *,
        successes: int = 1,
        error: Condition | None = None,
    ) -> View:
        """Wait until ``condition`` holds and return the view in which it did; see :meth:`Waiter.wait`.

        Args:
            condition: from :mod:`harness.swarm.conditions`.
            within: bound in seconds.
            what: how errors and progress name it.
            successes: readings in a row that must show it.
            error: a condition that ends the wait at once.

        Raises:
            WaitTimeout: not within the bound; carries what was seen last.
            RequestError: it can never come true, such as an image that is not found.
            Unmeasurable: the manager does not answer.
        """
        self._pump.start()
        self._waiting = what or condition.text
        return self._waiter.wait(
            condition, within=within, what=self._waiting, successes=successes, error=error
        )

    def watch(self, service: Named) -> Watch:
        """A background reading of a service and the nodes, for a ``with`` block."""
        self._pump.start()
        return Watch(service, self._reader, self.journal, self.clock)

    def view(self, services: Iterable[Named]) -> View:
        """What the manager says of these services' tasks, and of the nodes, now.

        Raises:
            Unmeasurable: it does not answer.
        """
        return self._reader.read(tuple(service.id for service in services))

    def attach(self, service: Named) -> RunningService:
        """A service that somebody else deployed, to be looked at."""
        read = self._reader.read
        return RunningService(service.id, service.name, engine=self.engine, journal=self.journal, read=read)

    def _seen(self, view: View) -> None:
        for change in self._differ.changes(view):
            self.journal.write("state", **_fields(change))
            if change.what == "task":
                self._progress.note(self._waiting, f".{change.slot}@{change.node or '?'} {change.state}")
            else:
                self._progress.note(self._waiting, f"{change.node} {change.state}")

    def _away(self, absent: Unmeasurable) -> None:
        self.journal.write("trouble", text=f"while waiting for {self._waiting}: {absent}")

    # --- changing: each with its undo --------------------------------------------------------------------

    @contextlib.contextmanager
    def deploy(self, spec: ServiceSpec) -> Iterator[ServiceHandle]:
        """A service for the block; it is not waited for. At the end its tasks are gone.

        Raises:
            ConflictError: a service of that name exists.
            RequestError: a published port is taken by another service.
        """
        labelled = spec.labelled({RUN_LABEL: self.run})
        with self._undoing.after(f"service {spec.name}", lambda: self._undoing.service(spec.name)):
            ident = self.engine.create_service(labelled)
            yield ServiceHandle(
                labelled,
                ident,
                engine=self.engine,
                journal=self.journal,
                wait=self.wait,
                read=self._reader.read,
            )

    def undone(self, what: str, action: Callable[[], None]) -> contextlib.AbstractContextManager[None]:
        """Undo something after the block, whatever ends it; not with ``keep``."""
        return self._undoing.after(what, action)

    @contextlib.contextmanager
    def network(self, name: str | NetworkSpec) -> Iterator[Network]:
        """An overlay network for the block.

        Raises:
            ConflictError: a network of that name exists.
        """
        spec = NetworkSpec(name) if isinstance(name, str) else name
        with self._undoing.after(f"network {spec.name}", lambda: self._undoing.network(spec.name)):
            ident = self.engine.create_network(spec.labelled({RUN_LABEL: self.run}))
            found = (network for network in self.engine.networks(self._undoing.label) if network.id == ident)
            yield next(found, Network(ident, spec.name, "overlay", "swarm"))

    @contextlib.contextmanager
    def config(self, name: str, data: bytes) -> Iterator[Config]:
        """A swarm config for the block.

        Raises:
            ConflictError: a config of that name exists.
        """
        with self._undoing.after(f"config {name}", lambda: self._undoing.config(name)):
            ident = self.engine.create_config(ConfigSpec(name, data, {RUN_LABEL: self.run}))
            yield Config(ident, name, ((RUN_LABEL, self.run),))

    @contextlib.contextmanager
    def secret(self, name: str, data: bytes) -> Iterator[Secret]:
        """A swarm secret for the block.

        Raises:
            ConflictError: a secret of that name exists.
        """
        with self._undoing.after(f"secret {name}", lambda: self._undoing.secret(name)):
            ident = self.engine.create_secret(SecretSpec(name, data, {RUN_LABEL: self.run}))
            yield Secret(ident, name, ((RUN_LABEL, self.run),))

    @contextlib.contextmanager
    def drained(self, node: str) -> Iterator[None]:
        """The node (hostname) runs nothing for the block; then it may again what it might before."""
        found = self.node(node)
        before = found.availability
        with self._undoing.after(f"drain of {node}", lambda: self.engine.set_availability(found.id, before)):
            self.drain(node)
            yield

    def drain(self, node: str) -> None:
        """Take all tasks off a node (hostname); does not wait."""
        self.engine.set_availability(self.node(node).id, Availability.DRAIN)

    def activate(self, node: str) -> None:
        """Let a node (hostname) run tasks again; does not wait."""
        self.engine.set_availability(self.node(node).id, Availability.ACTIVE)

    def lock(self) -> contextlib.AbstractContextManager[str]:
        """Hold the run lock for a block; yields a line to tell if a dead run's lock was broken.

        Raises:
            RequestError: another run is alive on this swarm.
        """
        return lock.held(self.engine, self.journal, self.run)

    def clear(self) -> None:
        """Remove the run's services all at once, and wait until their tasks have ended.

        The blocks that deployed them find nothing left to undo. Nothing is removed with ``keep``.

        Raises:
            WaitTimeout: tasks still live after a minute.
        """
        self._undoing.services()

    @property
    def keeps(self) -> bool:
        """Whether what was deployed stays: by ``--keep-workloads``, or because the swarm goes next."""
        return self._undoing.keep

    def abandon(self) -> None:
        """Leave everything where it is from now on: the swarm itself is taken down next."""
        self._undoing.keep = True

    def sweep(self, run: str | None = None) -> list[str]:
        """Remove what ``run``, or any run that is no longer alive, left; says what, one line each.

        Raises:
            RequestError: another run is alive on this swarm.
            InUseError: something is still used after a minute.
        """
        return sweeping.sweep(self.engine, self.clock, run=run, mine=self.run)


def _fields(change: Change) -> dict[str, object]:
    return {key: value for key, value in dataclasses.asdict(change).items() if value != ""}
