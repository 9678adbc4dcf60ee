"""The real engine, with docker-py as its transport: the only file that imports docker.

The JSON is built by ``spec.py`` and read by ``parse.py``; docker-py gives sockets, TLS and streams. It is not
safe to share between threads, so each thread gets a client of its own. Docker's context and proxies set in
the environment are never looked at: the address that was given is the address that is asked.
"""

from __future__ import annotations

import contextlib
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any, Self, TypeVar

import requests
import tenacity
import urllib3
from docker import APIClient
from docker.errors import DockerException
from docker.tls import TLSConfig

from harness.config import Tls
from harness.engine import failures, parse, wire
from harness.engine.protocol import (
    Config,
    EngineVersion,
    Event,
    Events,
    Info,
    Kind,
    LogLine,
    NotFoundError,
)
from harness.engine.spec import ConfigSpec, NetworkSpec, ServiceSpec
from harness.errors import RequestError, Unmeasurable
from harness.model import Availability, Network, Node, Service, Task

T = TypeVar("T")
OLDEST = (1, 41)  # the first with jobs in its services' status
NEWEST = (1, 44)  # accepted by every engine from 25.0 on
_CONNECT, _READ = 3.0, 30.0  # seconds
_REGISTRY = 10.0  # seconds for an engine to ask a registry
_PATIENCE = 15.0  # seconds to ask again an engine that says it cannot now: a leader is elected in as long
_ABSENCE = 2.0  # seconds to ask again one that does not answer; waits have patience of their own
_PATHS: dict[Kind, str] = {
    "service": "/services/{}",
    "task": "/tasks/{}",
    "node": "/nodes/{}",
    "network": "/networks/{}?verbose=true",
    "config": "/configs/{}",
    "container": "/containers/{}/json",
}


class DockerEngine:
    """An :class:`~harness.engine.protocol.Engine` behind ``tcp://`` or ``unix://``; made by :meth:`open`."""

    def __init__(self, url: str, tls: Tls, *, name: str = "") -> None:
        self._url, self._tls, self._name = url, tls, name or url
        self._spoken = "{}.{}".format(*NEWEST)
        self._mine = threading.local()
        self._lock = threading.Lock()
        self._clients: list[APIClient] = []

    @classmethod
    def open(cls, url: str, tls: Tls, *, name: str = "") -> Self:
        """Reach the engine and settle on an API version: the lower of ours and its newest.

        Args:
            url: ``tcp://host:port`` or ``unix:///path``.
            tls: PEM files; all None means no TLS.
            name: how errors name it; the url by default.

        Raises:
            RequestError: its API is too old or too new.
            Unmeasurable: it cannot be reached, or refuses TLS.
        """
        engine = cls(url, tls, name=name)
        scheme, _, path = url.partition("://")
        if scheme == "unix" and not Path(path).exists():  # docker-py would leak a socket over it
            raise engine.unreachable(FileNotFoundError("No such file"))
        try:
            raw = wire.document(engine._once("GET", "/version", versioned=False), engine._name)
            newest = parse.api_version(raw.get("ApiVersion", ""))
            oldest = parse.api_version(raw.get("MinAPIVersion") or raw["ApiVersion"])
        except BaseException:
            engine.close()
            raise
        for wrong, word in ((newest < OLDEST, "old"), (oldest > NEWEST, "new")):
            if wrong:
                engine.close()
                raise RequestError(
                    f"the engine at {engine._name} ({raw.get('Version')}) is too {word}: it speaks API "
                    f"{raw.get('MinAPIVersion')} to {raw.get('ApiVersion')}",
                    remedy="harness speaks 1.41 to 1.44 (engines from 20.10)",
                )
        engine._spoken = "{}.{}".format(*min(NEWEST, newest))
        return engine

    # --- reading -------------------------------------------------------------------------------------

    def version(self) -> EngineVersion:
        """See the protocol."""
        return parse.version(self._get("/version"), spoken=self._spoken)

    def info(self) -> Info:
        """See the protocol."""
        return parse.info(self._get("/info"))

    def nodes(self) -> tuple[Node, ...]:
        """See the protocol."""
        return tuple(sorted(map(parse.node, self._get("/nodes")), key=lambda node: node.hostname))

    def services(self, label: str | None = None) -> tuple[Service, ...]:
        """See the protocol."""
        raw = self._get("/services", **wire.filters(label=label))
        return tuple(sorted(map(parse.service, raw), key=lambda service: service.name))

    def tasks(self, service: str | None = None, node: str | None = None) -> tuple[Task, ...]:
        """See the protocol."""
        try:
            raw = self._get("/tasks", **wire.filters(service=service, node=node))
        except NotFoundError:
            # the engine refuses to filter by a service that was removed, though its tasks still end
            raw = [task for task in self._get("/tasks") if task.get("ServiceID") == service]
        found = (parse.task(task) for task in raw)
        return tuple(sorted(found, key=lambda task: (task.service, task.slot, task.node, task.id)))

    def networks(self, label: str | None = None) -> tuple[Network, ...]:
        """See the protocol."""
        raw = self._get("/networks", **wire.filters(scope="swarm", label=label))
        return tuple(sorted(map(parse.network, raw), key=lambda network: network.name))

    def configs(self, label: str | None = None) -> tuple[Config, ...]:
        """See the protocol."""
        raw = self._get("/configs", **wire.filters(label=label))
        return tuple(sorted(map(parse.config, raw), key=lambda config: config.name))

    def inspect(self, kind: Kind, ident: str) -> dict[str, Any]:
        """See the protocol."""
        return dict(self._get(_PATHS[kind].format(ident)))

    def has_image(self, name: str) -> bool:
        """See the protocol."""
        try:
            self._get(f"/images/{name}/json")
        except NotFoundError:
            return False
        return True

    def registry_has(self, name: str) -> bool:
        """See the protocol."""
        try:
            self._once("GET", f"/distribution/{name}/json", read=_REGISTRY)
        except NotFoundError:
            return False
        except RequestError as error:  # a registry that wants a password
            raise Unmeasurable(error.message) from error
        return True

    # --- changing ------------------------------------------------------------------------------------

    def create_service(self, spec: ServiceSpec) -> str:
        """See the protocol."""
        return str(self._post("/services/create", self._document(spec))["ID"])

    def update_service(self, service: str, spec: ServiceSpec) -> None:
        """See the protocol."""
        self._modify("services", service, lambda _raw: self._document(spec))

    def scale(self, service: str, replicas: int) -> None:
        """See the protocol."""

        def scaled(raw: dict[str, Any]) -> dict[str, Any]:
            if "Replicated" not in raw["Mode"]:
                raise RequestError(f"the service {raw['Name']} is not replicated", remedy="do not scale it")
            raw["Mode"] = {"Replicated": {"Replicas": replicas}}
            return raw

        self._modify("services", service, scaled)

    def remove_service(self, service: str) -> None:
        """See the protocol."""
        self._delete(f"/services/{service}")

    def create_network(self, spec: NetworkSpec) -> str:
        """See the protocol."""
        return str(self._post("/networks/create", spec.to_engine())["Id"])

    def remove_network(self, network: str) -> None:
        """See the protocol."""
        self._delete(f"/networks/{network}")

    def create_config(self, spec: ConfigSpec) -> str:
        """See the protocol."""
        return str(self._post("/configs/create", spec.to_engine())["ID"])

    def label_config(self, config: str, labels: Mapping[str, str]) -> None:
        """See the protocol."""
        self._modify("configs", config, lambda raw: {**raw, "Labels": dict(labels)})

    def remove_config(self, config: str) -> None:
        """See the protocol."""
        self._delete(f"/configs/{config}")

    def set_availability(self, node: str, availability: Availability) -> None:
        """See the protocol."""
        self._modify("nodes", node, lambda raw: {**raw, "Availability": availability.value})

    # --- streams -------------------------------------------------------------------------------------

    def service_logs(self, service: str, *, bound: float = 10.0) -> tuple[LogLine, ...]:
        """See the protocol."""
        wanted = {"stdout": "1", "stderr": "1", "details": "1"}
        until = time.monotonic() + bound
        answer = self._retried(
            lambda: self._once("GET", f"/services/{service}/logs", params=wanted, read=bound, stream=True)
        )
        with contextlib.closing(answer):
            return tuple(wire.frames(answer, until))

    def events(self, since: int | None = None) -> Events:
        """See the protocol."""
        return _Stream(self, since)

    def close(self) -> None:
        """See the protocol."""
        with self._lock:
            for client in self._clients:
                client.close()
            self._clients.clear()

    # --- transport -----------------------------------------------------------------------------------

    def new_client(self) -> APIClient:
        """A client of its own, for a thread or a stream; nothing is sent yet.

        Raises:
            Unmeasurable: the TLS files or the address are not usable.
        """
        try:
            client = APIClient(
                base_url=self._url, version=self._spoken, tls=_tls(self._tls) or False, timeout=int(_READ)
            )
        except (DockerException, OSError) as error:
            raise Unmeasurable(
                f"no client for {self._name}: {error}", remedy="check --target and [tls]"
            ) from error
        client.trust_env = False
        if self._url.startswith("tcp:"):
            client.mount("https://", wire.WakefulAdapter())
            client.mount("http://", wire.WakefulAdapter())
        with self._lock:
            self._clients.append(client)
        return client

    def _client(self) -> APIClient:
        client: APIClient | None = getattr(self._mine, "client", None)
        if client is None or client not in self._clients:
            client = self._mine.client = self.new_client()
        return client

    def _once(
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, str] | None = None,
        body: Mapping[str, Any] | None = None,
        versioned: bool = True,
        read: float = _READ,
        stream: bool = False,
    ) -> requests.Response:
        client = self._client()
        prefix = f"/v{self._spoken}" if versioned else ""
        try:
            answer = client.request(
                method,
                f"{client.base_url}{prefix}{path}",
                params=params,
                json=body,
                timeout=(_CONNECT, read),
                stream=stream,
            )
        except requests.RequestException as error:
            raise self.unreachable(error) from error
        if not answer.ok:
            raise failures.refusal(answer.status_code, wire.message(answer), self._name)
        return answer

    def unreachable(self, error: Exception) -> Unmeasurable:
        """Our error for one of the transport's."""
        words = str(error)
        if isinstance(error, requests.exceptions.SSLError) or "SSL" in words or "TLS" in words:
            return failures.tls_refused(self._name, wire.reason(words))
        remedy = "does it run, and is it reachable from here?"
        if "PermissionError" in words:
            remedy = "may you use the socket (group docker)?"
        return failures.AbsentError(
            f"the engine at {self._name} cannot be reached ({wire.reason(words)})", remedy=remedy
        )

    def _retried(self, call: Callable[[], T]) -> T:
        retrying = tenacity.Retrying(
            retry=tenacity.retry_if_exception_type(failures.FlickerError),
            wait=tenacity.wait_random_exponential(multiplier=0.1, max=1.0),
            stop=_enough,
            reraise=True,
        )
        return retrying(call)

    def _get(self, path: str, **params: str) -> Any:
        return self._retried(
            lambda: wire.document(self._once("GET", path, params=params or None), self._name)
        )

    def _post(self, path: str, body: Mapping[str, Any]) -> Any:
        """Create: asked again only where the engine itself said that it did nothing."""

        def call() -> Any:
            try:
                return self._once("POST", path, body=body).json()
            except failures.AbsentError as error:
                raise Unmeasurable(error.message, remedy=error.remedy) from error

        return self._retried(call)

    def _delete(self, path: str) -> None:
        with contextlib.suppress(NotFoundError):
            self._retried(lambda: self._once("DELETE", path))

    def _modify(self, kind: str, ident: str, change: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
        """Read, modify and write: the engine refuses what was changed in between, then it is read again."""

        def call() -> None:
            raw = self._once("GET", f"/{kind}/{ident}").json()
            index = {"version": str(raw["Version"]["Index"])}
            self._once("POST", f"/{kind}/{raw['ID']}/update", params=index, body=change(raw["Spec"]))

        self._retried(call)

    def _document(self, spec: ServiceSpec) -> dict[str, Any]:
        if not spec.configs:
            return spec.to_engine()
        known = {config.name: config.id for config in self.configs()}
        missing = [file.name for file in spec.configs if file.name not in known]
        if missing:
            raise RequestError(f"the swarm has no config {missing[0]}", remedy="create it first")
        return spec.to_engine(known)


class _Stream:
    """The engine's events on a connection of their own; any end of it is silent."""

    def __init__(self, engine: DockerEngine, since: int | None) -> None:
        self._client = engine.new_client()
        start = f"{since // 10**9}.{since % 10**9:09d}" if since is not None else None
        try:
            self._raw = self._client.events(
                since=start,  # type: ignore[call-overload]  # the stubs know whole seconds only
                decode=True,
                filters={"type": ["node", "service"]},
            )
        except (requests.RequestException, DockerException) as error:
            self._client.close()
            raise engine.unreachable(error) from error

    def __iter__(self) -> Iterator[Event]:
        try:
            for raw in self._raw:
                yield parse.event(raw)
        except (
            requests.RequestException,
            DockerException,
            urllib3.exceptions.HTTPError,
            OSError,
            ValueError,
        ):
            return  # the engine went away, or close() pulled the socket from under us

    def close(self) -> None:
        """End the stream, from any thread."""
        # docker-py digs for the socket; when the engine has gone there is none left to dig out
        with contextlib.suppress(DockerException, OSError, AttributeError, ValueError):
            self._raw.close()
        self._client.close()


def _enough(state: tenacity.RetryCallState) -> bool:
    failed = state.outcome.exception() if state.outcome else None
    patience = _ABSENCE if isinstance(failed, failures.AbsentError) else _PATIENCE
    return (state.seconds_since_start or 0.0) >= patience


def _tls(tls: Tls) -> TLSConfig | None:
    if tls.ca is None and tls.cert is None:
        return None
    return TLSConfig(
        client_cert=(str(tls.cert), str(tls.key)) if tls.cert else None,
        ca_cert=str(tls.ca) if tls.ca else None,
        verify=True,
    )
