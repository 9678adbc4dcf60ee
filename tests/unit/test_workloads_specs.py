"""The services that runs deploy: what the engine is told."""

from __future__ import annotations

import os
import struct
import subprocess
import threading
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path

import pytest

from harness.workloads import flask_redis, healthcheck, whoami


def test_whoami_answers_with_its_task_and_the_run() -> None:
    """Hostname is the task's id, the name is the run's: a foreign answer is told apart."""
    spec = whoami.service("abc123", image="traefik/whoami", networks=("net",), replicas=4)
    document = spec.to_engine()

    container = document["TaskTemplate"]["ContainerSpec"]
    assert container["Hostname"] == "{{.Task.ID}}"
    assert f"WHOAMI_NAME={whoami.identity('abc123')}" in container["Env"]
    assert document["EndpointSpec"]["Ports"][0]["PublishedPort"] == 8080
    assert document["EndpointSpec"]["Ports"][0]["TargetPort"] == 80
    assert document["Mode"] == {"Replicated": {"Replicas": 4}}
    assert "Healthcheck" not in container


def test_the_health_check_needs_nothing_of_the_image() -> None:
    """The image has no shell: the program comes as an executable config and is run directly."""
    name, _ = whoami.health_config("abc123")
    plain = whoami.service("abc123", image="traefik/whoami")

    document = whoami.healthy(plain, name).to_engine({name: "id1"})

    container = document["TaskTemplate"]["ContainerSpec"]
    assert container["Healthcheck"]["Test"] == ["CMD", "/healthcheck"]
    assert container["Configs"][0]["File"] == {"Name": "/healthcheck", "UID": "0", "GID": "0", "Mode": 0o555}
    assert document["TaskTemplate"]["Placement"]["Constraints"] == ["node.platform.arch == x86_64"]


def test_flask_and_redis_share_name_and_password() -> None:
    """Flask finds Redis by an alias on the network of the run, and may count there."""
    redis = flask_redis.redis("r", image="redis:7", network="net").to_engine()
    flask = flask_redis.flask("r", image="f", network="net").to_engine()

    env = dict(entry.split("=", 1) for entry in flask["TaskTemplate"]["ContainerSpec"]["Env"])
    assert env["REDIS_HOST"] in redis["TaskTemplate"]["Networks"][0]["Aliases"]
    assert env["REDIS_PASS"] in redis["TaskTemplate"]["ContainerSpec"]["Args"]
    assert flask["EndpointSpec"]["Ports"][0] == {
        "Protocol": "tcp",
        "TargetPort": 5000,
        "PublishedPort": 8081,
        "PublishMode": "ingress",
    }


def test_the_check_is_a_static_program_of_its_headers() -> None:
    """An ELF file for x86-64 whose one loaded segment is the whole file; its stack is not executable."""
    data = healthcheck.program()

    assert data[:6] == b"\x7fELF\x02\x01"
    assert struct.unpack_from("<HH", data, 16) == (2, 0x3E)
    assert struct.unpack_from("<Q", data, 64 + 32)[0] == len(data)
    assert struct.unpack_from("<II", data, 64 + 56) == (0x6474E551, 6)


class _Health(BaseHTTPRequestHandler):
    code = 200

    def do_GET(self) -> None:
        self.send_response(self.code if self.path == "/health" else 404)
        self.end_headers()

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002  the library's name
        """Say nothing."""


@pytest.mark.parametrize(("code", "status"), [(200, 0), (204, 1), (500, 1), (None, 1)])
def test_the_check_succeeds_only_on_200(
    code: int | None, status: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Run for real: exit 0 if /health says 200, 1 for other answers and where nothing listens."""
    server = HTTPServer(("127.0.0.1", 0), _Health)
    port = server.server_address[1]
    if code is None:
        server.server_close()
    else:
        monkeypatch.setattr(_Health, "code", code)
        threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()
    # port 80 would need a network namespace: the same program with another port in its address
    there = b"\x02\x00" + struct.pack(">H", healthcheck.PORT) + bytes((127, 0, 0, 1))
    assert healthcheck.program().count(there) == 1
    file = tmp_path / "healthcheck"
    file.write_bytes(healthcheck.program().replace(there, there[:2] + struct.pack(">H", port) + there[4:]))
    file.chmod(0o555)

    done = subprocess.run([os.fspath(file)], timeout=5, check=False)

    if code is not None:
        server.shutdown()
        server.server_close()
    assert done.returncode == status
