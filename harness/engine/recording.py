"""Every change that a run makes through the API is a line of its journal, also one that failed."""

from __future__ import annotations

import concurrent.futures
import contextlib
import threading
from collections.abc import Callable, Iterator, Mapping
from typing import Any

from harness.engine.protocol import Config, Engine, EngineVersion, Events, Info, Kind, LogLine, Secret
from harness.engine.spec import ConfigSpec, NetworkSpec, SecretSpec, ServiceSpec
from harness.journal import Journal
from harness.model import Availability, Network, Node, Service, Task

_BEGIN = 1.0  # seconds for a thread to begin; one that has not by then was never started


def _whole(create: Callable[[], str]) -> str:
    """The id that ``create`` returns; Ctrl-C waits until the engine has answered.

    An engine may carry out a request whose caller has gone, and a moment later: an undo that came in between
    would find nothing to remove.
    """
    answer: concurrent.futures.Future[str] = concurrent.futures.Future()
    begun = threading.Event()

    def ask() -> None:
        begun.set()
        try:
            answer.set_result(create())
        except BaseException as error:  # noqa: BLE001  handed to whoever waits for the answer
            answer.set_exception(error)

    try:
        threading.Thread(target=ask, name="create", daemon=True).start()
        return answer.result()
    except BaseException:
        if begun.wait(_BEGIN):
            concurrent.futures.wait([answer])
        raise


class RecordingEngine:
    """An engine whose changes are journaled as ``api`` records: verb, object, seconds, error."""

    def __init__(self, engine: Engine, journal: Journal) -> None:
        self._engine, self._journal = engine, journal

    @contextlib.contextmanager
    def _recorded(self, verb: str, **fields: Any) -> Iterator[dict[str, Any]]:
        began = self._journal.clock.now()
        more: dict[str, Any] = {}
        try:
            yield more
        except BaseException as error:
            more["error"] = str(error) or type(error).__name__
            raise
        finally:
            seconds = round(self._journal.clock.now() - began, 4)
            self._journal.write("api", verb=verb, seconds=seconds, **fields, **more)

    # --- reading: passed on ----------------------------------------------------------------------------

    def version(self) -> EngineVersion:
        """See the protocol."""
        return self._engine.version()

    def info(self) -> Info:
        """See the protocol."""
        return self._engine.info()

    def nodes(self) -> tuple[Node, ...]:
        """See the protocol."""
        return self._engine.nodes()

    def services(self, label: str | None = None) -> tuple[Service, ...]:
        """See the protocol."""
        return self._engine.services(label)

    def tasks(self, service: str | None = None, node: str | None = None) -> tuple[Task, ...]:
        """See the protocol."""
        return self._engine.tasks(service, node)

    def networks(self, label: str | None = None) -> tuple[Network, ...]:
        """See the protocol."""
        return self._engine.networks(label)

    def configs(self, label: str | None = None) -> tuple[Config, ...]:
        """See the protocol."""
        return self._engine.configs(label)

    def secrets(self, label: str | None = None) -> tuple[Secret, ...]:
        """See the protocol."""
        return self._engine.secrets(label)

    def has_image(self, name: str) -> bool:
        """See the protocol."""
        return self._engine.has_image(name)

    def registry_has(self, name: str) -> bool:
        """See the protocol."""
        return self._engine.registry_has(name)

    def service_logs(self, service: str, *, bound: float = 10.0) -> tuple[LogLine, ...]:
        """See the protocol."""
        return self._engine.service_logs(service, bound=bound)

    def events(self, since: int | None = None) -> Events:
        """See the protocol."""
        return self._engine.events(since)

    def inspect(self, kind: Kind, ident: str) -> dict[str, Any]:
        """See the protocol."""
        return self._engine.inspect(kind, ident)

    def close(self) -> None:
        """See the protocol."""
        self._engine.close()

    # --- changing: recorded ----------------------------------------------------------------------------

    def create_service(self, spec: ServiceSpec) -> str:
        """See the protocol."""
        with self._recorded("create_service", name=spec.name, image=spec.image, mode=spec.mode) as more:
            more["id"] = ident = _whole(lambda: self._engine.create_service(spec))
            return ident

    def update_service(self, service: str, spec: ServiceSpec) -> None:
        """See the protocol."""
        with self._recorded("update_service", id=service, name=spec.name, image=spec.image):
            self._engine.update_service(service, spec)

    def scale(self, service: str, replicas: int) -> None:
        """See the protocol."""
        with self._recorded("scale", id=service, replicas=replicas):
            self._engine.scale(service, replicas)

    def remove_service(self, service: str) -> None:
        """See the protocol."""
        with self._recorded("remove_service", id=service):
            self._engine.remove_service(service)

    def create_network(self, spec: NetworkSpec) -> str:
        """See the protocol."""
        with self._recorded("create_network", name=spec.name) as more:
            more["id"] = ident = _whole(lambda: self._engine.create_network(spec))
            return ident

    def remove_network(self, network: str) -> None:
        """See the protocol."""
        with self._recorded("remove_network", id=network):
            self._engine.remove_network(network)

    def create_config(self, spec: ConfigSpec) -> str:
        """See the protocol."""
        with self._recorded("create_config", name=spec.name, bytes=len(spec.data)) as more:
            more["id"] = ident = _whole(lambda: self._engine.create_config(spec))
            return ident

    def label_config(self, config: str, labels: Mapping[str, str]) -> None:
        """See the protocol."""
        with self._recorded("label_config", id=config, labels=dict(labels)):
            self._engine.label_config(config, labels)

    def remove_config(self, config: str) -> None:
        """See the protocol."""
        with self._recorded("remove_config", id=config):
            self._engine.remove_config(config)

    def create_secret(self, spec: SecretSpec) -> str:
        """See the protocol; the journal never holds what is secret, nor its size."""
        with self._recorded("create_secret", name=spec.name) as more:
            more["id"] = ident = _whole(lambda: self._engine.create_secret(spec))
            return ident

    def remove_secret(self, secret: str) -> None:
        """See the protocol."""
        with self._recorded("remove_secret", id=secret):
            self._engine.remove_secret(secret)

    def set_availability(self, node: str, availability: Availability) -> None:
        """See the protocol."""
        with self._recorded("set_availability", id=node, availability=availability.value):
            self._engine.set_availability(node, availability)
