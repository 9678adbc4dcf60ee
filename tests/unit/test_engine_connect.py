"""From what a person named to an engine, with one clear line for whatever is wrong with it."""

from __future__ import annotations

import hashlib
import http.server
import json
import socket
import socketserver
import threading
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest
from requests.adapters import HTTPAdapter

from harness.clock import SYSTEM
from harness.config import Tls
from harness.engine.clients import Clients
from harness.engine.connect import connect, locate, require_manager
from harness.engine.fake import FakeEngine
from harness.engine.protocol import Info, NotFoundError
from harness.engine.spec import ServiceSpec
from harness.errors import RequestError, Unmeasurable

Answers = Mapping[str, tuple[int, Any]]
VERSION = {"Version": "26.1.5", "ApiVersion": "1.45", "MinAPIVersion": "1.24"}
MANAGER = {"Swarm": {"LocalNodeState": "active", "ControlAvailable": True, "NodeID": "n1"}}


class _Server(socketserver.ThreadingUnixStreamServer):
    daemon_threads = True
    asked: list[str]


@pytest.fixture
def serve(tmp_path: Path) -> Iterator[Callable[[Answers], str]]:
    """Start an engine of canned answers (``METHOD path`` -> status, JSON) and give its target."""
    servers: list[_Server] = []

    def start(answers: Answers) -> str:
        class Handler(http.server.BaseHTTPRequestHandler):
            def _answer(self) -> None:
                self.rfile.read(int(self.headers.get("Content-Length", 0)))
                asked = f"{self.command} {self.path.partition('?')[0]}"
                server.asked.append(asked)
                status, document = answers.get(asked, (404, {"message": f"page not found: {asked}"}))
                body = document if isinstance(document, bytes) else json.dumps(document).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            do_GET = do_POST = do_DELETE = _answer  # noqa: N815  names that http.server looks for

            def log_message(self, *args: object) -> None:
                pass

            def address_string(self) -> str:
                return "unix"

        path = tmp_path / f"engine{len(servers)}.sock"
        server = _Server(str(path), Handler)
        server.asked = []
        servers.append(server)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
        return f"unix://{path}"

    yield start
    for server in servers:
        server.shutdown()
        server.server_close()


def test_a_manager_is_reached_and_speaks_our_version(serve: Callable[[Answers], str]) -> None:
    """The lower of 1.44 and the engine's newest is spoken from then on."""
    target = serve(
        {
            "GET /version": (200, {**VERSION, "ApiVersion": "1.42"}),
            "GET /v1.42/info": (200, MANAGER),
            "GET /v1.42/version": (200, {**VERSION, "ApiVersion": "1.42"}),
        }
    )
    engine = connect(target)

    assert engine.version().spoken == "1.42"
    engine.close()


@pytest.mark.parametrize(
    ("oldest", "newest", "word"), [("1.12", "1.40", "too old"), ("1.52", "1.55", "too new")]
)
def test_an_api_outside_ours_is_refused(
    serve: Callable[[Answers], str], oldest: str, newest: str, word: str
) -> None:
    """The line says which versions it speaks and which we do."""
    target = serve({"GET /version": (200, {"Version": "x", "ApiVersion": newest, "MinAPIVersion": oldest})})

    with pytest.raises(RequestError, match=f"{word}.*{oldest} to {newest}.*1.41 to 1.44"):
        connect(target)


def test_an_engine_that_is_no_engine(serve: Callable[[Answers], str]) -> None:
    """Whatever answers without a version is named as what it is not."""
    with pytest.raises(Unmeasurable, match="Docker engine"):
        connect(serve({"GET /version": (200, {"hello": "world"})}))
    with pytest.raises(Unmeasurable, match="Docker engine"):
        connect(serve({"GET /version": (200, b"<html>")}))


@pytest.mark.parametrize(
    ("info", "error", "told"),
    [
        (Info("m", "inactive", False), RequestError, "not in a swarm.*docker swarm init"),
        (Info("m", "active", False, managers=("10.0.0.1:2377",)), RequestError, "worker.*10.0.0.1:2377"),
        (Info("m", "locked", False), RequestError, "unlock"),
        (Info("m", "error", False, error="certificate expired"), Unmeasurable, "certificate expired"),
        (Info("m", "pending", False), Unmeasurable, "pending"),
    ],
)
def test_what_is_no_manager_is_told(
    monkeypatch: pytest.MonkeyPatch, info: Info, error: type[Exception], told: str
) -> None:
    """Each kind of engine that cannot be asked gets its own line and remedy."""
    engine = FakeEngine(SYSTEM)
    monkeypatch.setattr(engine, "info", lambda: info)

    with pytest.raises(error, match=told):
        require_manager(engine, "tcp://m:2376")


def test_what_does_not_answer_is_unreachable(tmp_path: Path) -> None:
    """No socket, nobody listening, or no permission: at once, and with the reason."""
    with pytest.raises(Unmeasurable, match="cannot be reached"):
        connect(f"unix://{tmp_path}/none.sock")
    with pytest.raises(Unmeasurable, match="connection refused"):
        connect("tcp://127.0.0.1:1")


def test_tls_on_one_side_only_is_told(serve: Callable[[Answers], str]) -> None:
    """An endpoint that wants TLS and was asked without says so itself."""
    target = serve({"GET /version": (400, b"Client sent an HTTP request to an HTTPS server.\n")})

    with pytest.raises(Unmeasurable, match="TLS"):
        connect(target)


def test_a_flickering_answer_is_asked_again(serve: Callable[[Answers], str]) -> None:
    """While a leader is elected the engine says so, and has done nothing: the verb is repeated."""
    answers: dict[str, tuple[int, Any]] = {
        "GET /version": (200, VERSION),
        "GET /v1.44/info": (200, MANAGER),
        "GET /v1.44/nodes": (503, {"message": "rpc error: The swarm does not have a leader."}),
    }
    engine = connect(serve(answers))
    threading.Timer(0.15, lambda: answers.update({"GET /v1.44/nodes": (200, [])})).start()

    assert engine.nodes() == ()
    engine.close()


def test_verbs_send_what_the_engine_expects(serve: Callable[[Answers], str]) -> None:
    """Updates read the version index first; removing what is not there is no error; 404 is not found."""
    service = {
        "ID": "s1",
        "Version": {"Index": 7},
        "Spec": {"Name": "web", "Mode": {"Replicated": {"Replicas": 1}}},
    }
    engine = connect(
        serve(
            {
                "GET /version": (200, VERSION),
                "GET /v1.44/info": (200, MANAGER),
                "GET /v1.44/services/s1": (200, service),
                "POST /v1.44/services/s1/update": (200, {}),
                "POST /v1.44/services/create": (201, {"ID": "s2"}),
                "GET /v1.44/tasks": (200, []),
            }
        )
    )

    engine.scale("s1", 3)
    assert engine.create_service(ServiceSpec("web", "image")) == "s2"
    engine.remove_service("nothing")
    with pytest.raises(NotFoundError):
        engine.scale("nothing", 1)
    engine.close()


def test_a_context_names_its_own_endpoint(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Host and PEM files come from the docker CLI's own store; the current context plays no part."""
    monkeypatch.setenv("DOCKER_CONFIG", str(tmp_path))
    monkeypatch.setenv("DOCKER_HOST", "tcp://production:2376")
    digest = hashlib.sha256(b"lab").hexdigest()
    meta = tmp_path / "contexts" / "meta" / digest / "meta.json"
    files = tmp_path / "contexts" / "tls" / digest / "docker"
    meta.parent.mkdir(parents=True)
    files.mkdir(parents=True)
    for part in ("ca", "cert", "key"):
        (files / f"{part}.pem").touch()
    meta.write_text(json.dumps({"Name": "lab", "Endpoints": {"docker": {"Host": "tcp://10.0.0.1:2376"}}}))

    found = locate("context:lab", Tls())

    assert found.url == "tcp://10.0.0.1:2376"
    assert found.tls == Tls(ca=files / "ca.pem", cert=files / "cert.pem", key=files / "key.pem")
    meta.write_text("{")
    with pytest.raises(RequestError, match="cannot be read"):
        locate("context:lab", Tls())
    meta.write_text(json.dumps({"Endpoints": {"docker": {"Host": "ssh://me@host"}}}))
    with pytest.raises(RequestError, match="ssh://"):
        locate("context:lab", Tls())
    with pytest.raises(RequestError, match=r"no docker context 'none'.*docker context ls"):
        locate("context:none", Tls())
    assert locate("context:default", Tls()).url == "unix:///var/run/docker.sock"


def test_a_port_is_added_where_none_was_named(tmp_path: Path) -> None:
    """2376 with TLS, 2375 without, as everywhere."""
    ca = tmp_path / "ca.pem"
    ca.touch()

    assert locate("tcp://host", Tls()).url == "tcp://host:2375"
    assert locate("tcp://host", Tls(ca=ca)).url == "tcp://host:2376"
    assert locate("tcp://[fd00::1]:99", Tls()).url == "tcp://[fd00::1]:99"


@pytest.mark.parametrize(
    "target",
    ["", "swarm", "http://host", "tcp:host", "tcp://", "tcp://host:port", "unix://relative", "ssh://host"],
)
def test_other_targets_are_refused_with_the_shapes_there_are(target: str) -> None:
    """The line lists what a target may look like."""
    with pytest.raises(RequestError, match="context:NAME"):
        locate(target, Tls())


def test_tls_files_must_be_there_and_belong_together(tmp_path: Path) -> None:
    """A missing file is named; a certificate without its key is of no use."""
    with pytest.raises(RequestError, match=r"none\.pem"):
        locate("tcp://host", Tls(ca=tmp_path / "none.pem"))
    with pytest.raises(RequestError, match="cert and key together"):
        locate("tcp://host", Tls(cert=tmp_path / "cert.pem"))


def test_a_peer_that_fell_silent_is_noticed() -> None:
    """Connections over the network send keep-alives, and give up data that nobody acknowledges."""
    client = Clients("tcp://192.0.2.1:2375", Tls(), "it").new("1.44")
    adapter = client.get_adapter("http://192.0.2.1:2375")
    assert isinstance(adapter, HTTPAdapter)
    options = adapter.poolmanager.connection_pool_kw["socket_options"]
    client.close()

    assert (socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1) in options
    assert (socket.IPPROTO_TCP, socket.TCP_USER_TIMEOUT, 8000) in options


def test_files_that_are_no_pem_are_told(tmp_path: Path) -> None:
    """A file with something else in it is a refusal of TLS, not a traceback."""
    junk = tmp_path / "junk.pem"
    junk.write_text("junk")

    with pytest.raises(Unmeasurable):
        connect("tcp://127.0.0.1:1", Tls(ca=junk, cert=junk, key=junk))
