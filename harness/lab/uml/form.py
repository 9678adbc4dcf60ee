"""Making a swarm of engines that just boot; runs inside the lab's network.

``python -m harness.lab.uml.form`` reads one JSON line (nodes, TLS files, seconds it may take) and prints JSON
lines: ``{"node", "note"}`` as things happen, then ``{"done": true}`` or ``{"failed": text}``. It looks before
it acts, so it may be run again on a swarm that stands, or half stands. It also answers ``status``.
"""

from __future__ import annotations

import concurrent.futures
import http.client
import json
import os
import socket
import ssl
import sys
import threading
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any, Final

API: Final = "/v1.41"
POLL: Final = 0.1  # seconds between looks; each is work for a node that is busy booting
PORT: Final = 2376
_OK: Final = 200
_UNAVAILABLE: Final = 503


class Engine:
    """Just enough of one engine's API to form a swarm; a connection per request."""

    def __init__(self, address: str, certs: Path) -> None:
        self.address = address
        self._tls = ssl.create_default_context(cafile=certs / "ca.pem")
        self._tls.load_cert_chain(certs / "client.pem", certs / "client-key.pem")

    def call(self, method: str, path: str, body: Any = None, *, bound: float = 10.0) -> Any:
        """One request; its JSON answer.

        Raises:
            OSError: no connection, or none in time.
            RuntimeError: the engine refused; carries its message.
        """
        connection = http.client.HTTPSConnection(self.address, PORT, context=self._tls, timeout=bound)
        try:
            payload = None if body is None else json.dumps(body)
            connection.request(method, API + path, payload, {"Content-Type": "application/json"})
            answer = connection.getresponse()
            text = answer.read()
        except http.client.HTTPException as error:
            raise OSError(f"{self.address}: {error!r}") from error
        finally:
            connection.close()
        if answer.status >= 400:  # noqa: PLR2004 -- HTTP's own border of errors
            raise RuntimeError(f"{self.address}: {json.loads(text).get('message', text)}")
        return json.loads(text) if text.strip() else None

    def wait(self, until: float) -> dict[str, Any]:
        """Wait until it answers, and return its ``/info``.

        Raises:
            TimeoutError: it did not by ``until`` (monotonic seconds).
        """
        while True:
            try:
                with socket.create_connection((self.address, PORT), timeout=1.0):
                    pass
                info: dict[str, Any] = self.call("GET", "/info")
            except (OSError, RuntimeError) as error:
                if time.monotonic() > until:
                    raise TimeoutError(f"the engine at {self.address} did not answer: {error}") from error
                time.sleep(POLL)
            else:
                return info


class Former:
    """Brings every node into one swarm, all at the same time as far as that goes."""

    def __init__(
        self, nodes: list[dict[str, str]], certs: Path, until: float, say: Callable[[str, str], None]
    ) -> None:
        self.nodes = nodes
        self.engines = {node["hostname"]: Engine(node["address"], certs) for node in nodes}
        self.until = until
        self.say = say
        self._founded = threading.Event()
        self._one_manager_at_a_time = threading.Lock()
        self._tokens: dict[str, str] = {}

    @property
    def _first(self) -> Engine:
        return self.engines[self.nodes[0]["hostname"]]

    def run(self) -> None:
        """Form the swarm and wait until every node is Ready.

        Raises:
            TimeoutError: it took too long; says what was missing.
            RuntimeError: an engine refused.
        """
        with concurrent.futures.ThreadPoolExecutor(len(self.nodes)) as pool:
            waiting = [pool.submit(self._bring, node) for node in self.nodes]
            for one in concurrent.futures.as_completed(waiting):
                if one.exception() is not None:
                    self.until = 0.0  # the others need not wait on
                    self._founded.set()
                one.result()
        self._all_ready()

    def _bring(self, node: dict[str, str]) -> None:
        name, engine = node["hostname"], self.engines[node["hostname"]]
        info = engine.wait(self.until)
        self.say(name, f"engine {info['ServerVersion']} answers")
        here = info["Swarm"]["LocalNodeState"] == "active"
        if engine is self._first:
            if not here:
                listen = {"ListenAddr": "0.0.0.0:2377", "AdvertiseAddr": engine.address}
                engine.call("POST", "/swarm/init", listen, bound=60.0)
            self._tokens = self._read_tokens()
            self._founded.set()
        elif not here:
            if not self._founded.wait(max(0.0, self.until - time.monotonic())) or not self._tokens:
                raise TimeoutError(f"{name} could not join: the first manager has no swarm")
            request = {
                "ListenAddr": "0.0.0.0:2377",
                "AdvertiseAddr": engine.address,
                "RemoteAddrs": [f"{self._first.address}:2377"],
                "JoinToken": self._tokens[node["role"].capitalize()],
            }
            if node["role"] == "manager":
                with self._one_manager_at_a_time:
                    self._join(engine, request)
            else:
                self._join(engine, request)
        self.say(name, "in the swarm")

    def _join(self, engine: Engine, request: dict[str, Any]) -> None:
        try:
            engine.call("POST", "/swarm/join", request, bound=60.0)
        except RuntimeError as error:
            # on a busy machine the engine stops waiting after 20 s and goes on joining by itself
            if "continue in the background" not in str(error):
                raise

    def _read_tokens(self) -> dict[str, str]:
        while True:
            try:
                tokens: dict[str, str] = self._first.call("GET", "/swarm")["JoinTokens"]
            except (OSError, RuntimeError):
                # a manager that was just powered on is without a leader for a moment
                if time.monotonic() > self.until:
                    raise
                time.sleep(POLL)
            else:
                return tokens

    def _all_ready(self) -> None:
        wanted = {node["hostname"] for node in self.nodes}
        seen: dict[str, str] = {}
        while True:
            try:
                listed = self._first.call("GET", "/nodes")
            except (OSError, RuntimeError):
                listed = []
            seen = {one["Description"].get("Hostname", ""): one["Status"]["State"] for one in listed}
            if wanted <= {name for name, status in seen.items() if status == "ready"}:
                return
            if time.monotonic() > self.until:
                raise TimeoutError(f"not every node became ready: {seen or 'the manager does not answer'}")
            time.sleep(POLL)


def look(nodes: list[dict[str, str]], certs: Path) -> dict[str, dict[str, str]]:
    """Ask every engine how it is: host name -> ``engine``, ``swarm``, ``seen``, empty where unknown."""
    found: dict[str, dict[str, str]] = {}
    seen: dict[str, str] = {}

    def one(node: dict[str, str]) -> None:
        engine = Engine(node["address"], certs)
        try:
            info = engine.call("GET", "/info", bound=3.0)
        except (OSError, RuntimeError):
            return
        found[node["hostname"]] = {"engine": info["ServerVersion"], "swarm": info["Swarm"]["LocalNodeState"]}
        if info["Swarm"].get("ControlAvailable"):
            try:
                listed = engine.call("GET", "/nodes", bound=3.0)
            except (OSError, RuntimeError):
                return
            seen.update({each["Description"].get("Hostname", ""): each["Status"]["State"] for each in listed})

    with concurrent.futures.ThreadPoolExecutor(len(nodes)) as pool:
        list(pool.map(one, nodes))
    return {
        node["hostname"]: {**found.get(node["hostname"], {}), "seen": seen.get(node["hostname"], "")}
        for node in nodes
    }


def _follow_to_the_end() -> None:
    """End when whoever started us does: its end of our standard input closes then, however it ends."""
    while os.read(0, 4096):
        pass
    os._exit(1)


def main() -> None:
    """Read the request, do it, print what happens."""
    request = json.loads(sys.stdin.readline())
    threading.Thread(target=_follow_to_the_end, daemon=True).start()
    certs = Path(request["certs"])
    lock = threading.Lock()

    def put(document: dict[str, Any]) -> None:
        with lock:
            sys.stdout.write(json.dumps(document) + "\n")
            sys.stdout.flush()

    if request["op"] == "status":
        put({"done": look(request["nodes"], certs)})
        return
    former = Former(
        request["nodes"],
        certs,
        time.monotonic() + request["bound"],
        lambda node, note: put({"node": node, "note": note}),
    )
    try:
        former.run()
    except (OSError, RuntimeError) as error:
        put({"failed": str(error)})
    else:
        put({"done": True})


if __name__ == "__main__":
    main()
