"""What a client may rely on in each image, run against the stand-ins or against the originals.

Read from the originals' sources:

- traefik/whoami: ``app.go``, ``content.go`` at 8951300b46f13ce678dbed8a692ef2ccecf0eec4, and Go's
  ``net/http`` (``Request.Write``, ``response``) for how requests are printed and answers framed
- xiaopeng163/flask-redis: ``app.py`` at 2c51f96e0ca2fce75a18089f9b43af20ff39d0d3, ``Dockerfile`` at
  09074773c2512bdf5a14ed653c0b32fc9cd44ec7
- redis/docker-library-redis: ``debian/Dockerfile`` at 0076c90a8028d29b25313f7272fa2d1245c3be76,
  ``7.2/debian/docker-entrypoint.sh`` at a706f58d1eda013be586ae02817fe416aa92d6ec
- nicolaka/netshoot: ``Dockerfile`` at e1fbbfa (v0.13) and eb23f9337683b0707daa8ba0c07d7743fb00ccca (v0.16)
- oh-my-docker/net-box: ``Dockerfile`` at abd412fee59709d68bbab5537d8b660de333b069

With ``HARNESS_UPSTREAM_REGISTRY`` set (``docker.io``, or a mirror's name) the same tests run the originals on
this machine's own engine; otherwise the stand-ins on the lab's first node. ``HARNESS_WHOAMI=HOST:PORT`` aims
the whoami tests at a program that runs already.
"""

from __future__ import annotations

import contextlib
import dataclasses
import json
import os
import re
import socket
import time
import uuid
from collections.abc import Callable, Iterator, Sequence
from typing import Protocol

import pytest

from harness import shell
from harness.lab.uml.lab import UmlLab

_HEADERS = "Host: box\r\nUser-Agent: tests\r\nB-Two: 2\r\na-one: 1"
# sends standard input to ADDRESS PORT, prints what comes back: nodes have bash, and no Python
_CLIENT = 'exec 3<>"/dev/tcp/$0/$1" && cat >&3 && cat <&3'


class Host(Protocol):
    """Where containers run: the lab's first node, or this machine."""

    def image(self, name: str) -> str:
        """The image to run for the name that users know."""

    def docker(self, *words: str, check: bool = True) -> shell.Done:
        """Run the docker CLI there."""

    def client(self, address: str, port: int, raw: bytes) -> bytes:
        """Send ``raw`` to a container there; return all until it closes."""


@dataclasses.dataclass(frozen=True)
class Upstream:
    """This machine's engine and the originals from a registry."""

    registry: str

    def image(self, name: str) -> str:
        """The original, in the registry."""
        return f"{self.registry}/{name if '/' in name else 'library/' + name}"

    def docker(self, *words: str, check: bool = True) -> shell.Done:
        """Run the docker CLI."""
        return shell.run(["docker", *words], bound=120, check=check)

    def client(self, address: str, port: int, raw: bytes) -> bytes:
        """Talk to the container's address on the bridge."""
        return _exchange(address, port, raw)


class OnNode:
    """The lab's first node and the stand-ins from the lab's registry."""

    def __init__(self, lab: UmlLab) -> None:
        self._lab = lab
        self._node = self._lab.nodes[0].hostname

    def image(self, name: str) -> str:
        """The same name: the node's registry mirror answers it."""
        return name

    def docker(self, *words: str, check: bool = True) -> shell.Done:
        """Run the docker CLI on the node."""
        done = self._lab.exec(self._node, ["docker", *words], bound=120)
        assert done.ok or not check, done.err
        return done

    def client(self, address: str, port: int, raw: bytes) -> bytes:
        """Talk from the node itself: its bridge is not routed outside."""
        argv = ["timeout", "20", "bash", "-c", _CLIENT, address, str(port)]
        done = self._lab.exec(self._node, argv, bound=30, stdin=raw)
        assert done.ok, done.err
        return done.out.encode()


def _exchange(address: str, port: int, raw: bytes) -> bytes:
    with socket.create_connection((address, port), 10) as connection:
        connection.sendall(raw)
        return b"".join(iter(lambda: connection.recv(65536), b""))


@pytest.fixture(scope="module")
def host(request: pytest.FixtureRequest) -> Host:
    """Where the containers of this module run; the originals need no lab."""
    registry = os.environ.get("HARNESS_UPSTREAM_REGISTRY")
    return Upstream(registry) if registry else OnNode(request.getfixturevalue("the_lab"))


@contextlib.contextmanager
def running(host: Host, image: str, *options: str, command: Sequence[str] = ()) -> Iterator[str]:
    """A container of ``image``; its name."""
    name = f"contract-{uuid.uuid4().hex[:8]}"
    try:
        host.docker(
            "run", "-d", "--name", name, "--label", "harness.test=1", *options, host.image(image), *command
        )
        yield name
    finally:
        host.docker("rm", "-f", "-v", name, check=False)


def address(host: Host, name: str) -> str:
    """The container's IPv4 address on the default bridge."""
    form = "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}"
    return host.docker("inspect", "-f", form, name).out.strip()


def soon(ask: Callable[[], str], wanted: str, within: float = 30.0) -> str:
    """Ask until the answer contains ``wanted``; return it."""
    until = time.monotonic() + within
    while wanted not in (said := ask()):
        assert time.monotonic() < until, said
    return said


Ask = Callable[[str], str]


@pytest.fixture(scope="module")
def whoami(request: pytest.FixtureRequest) -> Iterator[Ask]:
    """Sends raw requests to a whoami named Bob, returns the raw answers; line ends are plain in both."""

    def talk(send: Callable[[bytes], bytes]) -> Ask:
        return lambda raw: send(raw.replace("\r\n", "\n").replace("\n", "\r\n").encode()).decode()

    direct = os.environ.get("HARNESS_WHOAMI")
    if direct:
        name, port = direct.rsplit(":", 1)
        yield talk(lambda raw: _exchange(name, int(port), raw))
        return
    where: Host = request.getfixturevalue("host")
    with running(where, "traefik/whoami:v1.10.3", "-e", "WHOAMI_NAME=Bob") as name:
        ip = address(where, name)
        ask = talk(lambda raw: where.client(ip, 80, raw))
        soon(lambda: ask("GET /bench HTTP/1.0\n\n"), "\r\n\r\n1")
        yield ask


def get(path: str, method: str = "GET", body: str = "") -> str:
    """A request that closes its connection."""
    length = f"Content-Length: {len(body)}\n" if body else ""
    return f"{method} {path} HTTP/1.1\nHost: box\nConnection: close\n{length}\n{body}"


def body(answer: str) -> str:
    """What follows the headers."""
    return answer.split("\r\n\r\n", 1)[1]


def test_whoami_says_name_host_addresses_peer_and_the_request(whoami: Ask) -> None:
    """app.go whoamiHandler: headers in order of their canonical names, User-Agent right after Host."""
    answer = whoami(f"GET /some/path?q=1 HTTP/1.1\n{_HEADERS}\nConnection: close\n\n")
    assert answer.startswith("HTTP/1.1 200 OK\r\n")
    assert "Content-Type: text/plain; charset=utf-8\r\n" in answer
    said = body(answer)
    assert re.match(
        r"Name: Bob\nHostname: \S+\nIP: 127\.0\.0\.1\n(IP: \S+\n)+RemoteAddr: \S+:\d+\nGET ", said
    )
    assert said[said.index("GET ") :].replace("\r\n", "\n") == (
        "GET /some/path?q=1 HTTP/1.1\nHost: box\nUser-Agent: tests\nA-One: 1\nB-Two: 2\nConnection: close\n\n"
    )


def test_whoami_prints_a_posted_body(whoami: Ask) -> None:
    """Go's Request.Write: the length right after the agent, the body at the end."""
    said = body(whoami(get("/", "POST", "hello"))).replace("\r\n", "\n")
    assert said.endswith("User-Agent: Go-http-client/1.1\nContent-Length: 5\nConnection: close\n\nhello")


def test_whoami_api_is_the_same_as_json(whoami: Ask) -> None:
    """app.go Data: keys left out where empty."""
    answer = whoami(get("/api?a=<b>"))
    assert "Content-Type: application/json\r\n" in answer
    said = json.loads(body(answer))
    assert set(said) == {"hostname", "ip", "headers", "url", "host", "method", "name", "remoteAddr"}
    assert (said["name"], said["url"], said["host"], said["method"]) == ("Bob", "/api?a=<b>", "box", "GET")
    assert "\\u003cb\\u003e" in answer
    assert said["headers"] == {"Connection": ["close"]}


def test_whoami_bench_keeps_even_old_connections(whoami: Ask) -> None:
    """app.go benchHandler sets keep-alive itself, which is what makes ``ab -k`` work."""
    old = "GET /bench HTTP/1.0\nConnection: keep-alive\n\n"
    answer = whoami(old + "GET /bench HTTP/1.0\n\n")
    assert answer.count("\r\n\r\n1") == 2
    assert answer.count("Connection: keep-alive\r\n") == 1


@pytest.mark.parametrize(
    ("query", "size"),
    [("size=5", 5), ("size=2&unit=KB", 2048), ("size=30&unit=kb", 30720), ("", 0), ("size=0", 0)],
)
def test_whoami_data_has_the_size_asked_for(whoami: Ask, query: str, size: int) -> None:
    """content.go: letters between two bars; HTTP/1.0, so that nothing is chunked."""
    said = body(whoami(f"GET /data?{query} HTTP/1.0\n\n"))
    assert len(said) == size
    assert not size or (said[0], said[-1]) == ("|", "|")
    assert said[1:4] == "ABC"[: max(0, min(3, size - 2))]


def test_whoami_chunks_what_is_long(whoami: Ask) -> None:
    """Go frames a body of more than 2048 bytes in chunks."""
    answer = whoami(get("/data?size=3&unit=KB"))
    assert "Transfer-Encoding: chunked\r\n" in answer
    assert answer.endswith("\r\n0\r\n\r\n")


def test_whoami_health_is_set_by_post(whoami: Ask) -> None:
    """app.go healthHandler: the posted number is what GET answers from then on."""
    assert whoami(get("/health")).startswith("HTTP/1.1 200 OK\r\n")
    try:
        assert whoami(get("/health", "POST", "503")).startswith("HTTP/1.1 200 OK\r\n")
        assert whoami(get("/health")).startswith("HTTP/1.1 503 Service Unavailable\r\n")
        assert whoami(get("/health", "POST", "high")).startswith("HTTP/1.1 400 Bad Request\r\n")
    finally:
        whoami(get("/health", "POST", "200"))
    assert whoami(get("/health")).startswith("HTTP/1.1 200 OK\r\n")


def test_whoami_waits_as_long_as_asked(whoami: Ask) -> None:
    """app.go: ?wait= takes Go's durations, others are ignored."""
    began = time.monotonic()
    assert "Hostname: " in whoami(get("/?wait=1s200ms"))
    assert time.monotonic() - began >= 1.2
    assert "Hostname: " in whoami(get("/?wait=soon"))


def test_whoami_keeps_connections_and_answers_in_order(whoami: Ask) -> None:
    """HTTP/1.1 connections are kept; requests that wait for their turn are answered after one another."""
    keep = "GET /{} HTTP/1.1\nHost: box\n\n"
    answer = whoami(keep.format("a?wait=50ms") + keep.format("b") + get("/c"))
    assert re.findall(r"\nGET /(\w)", answer) == ["a", "b", "c"]


@pytest.mark.parametrize(
    "raw", ["no http at all\n\n", "GET / HTTP/1.1\n\n", "GET nowhere HTTP/1.1\nHost: x\n\n"]
)
def test_whoami_refuses_what_is_no_request_and_lives_on(whoami: Ask, raw: str) -> None:
    """Go: 400, and the connection ends; HTTP/1.1 needs a Host."""
    answer = whoami(raw)
    assert answer.startswith("HTTP/1.1 400 Bad Request")
    assert "Connection: close\r\n" in answer
    assert body(whoami(get("/bench"))) == "1"


def test_whoami_ends_at_once_with_status_2(host: Host) -> None:
    """A Go program that handles no signal, as process 1, exits with status 2 on SIGTERM."""
    with running(host, "traefik/whoami:v1.10.3", "-e", "WHOAMI_PORT_NUMBER=8000") as name:
        ip = address(host, name)
        soon(lambda: host.client(ip, 8000, b"GET /bench HTTP/1.0\r\n\r\n").decode(), "200 OK")
        began = time.monotonic()
        host.docker("stop", "-t", "20", name)
        assert time.monotonic() - began < 10
        assert host.docker("inspect", "-f", "{{.State.ExitCode}}", name).out.strip() == "2"


def test_whoami_has_no_shell(host: Host) -> None:
    """Its image is made from nothing: no check may depend on a shell inside."""
    with running(host, "containous/whoami") as name:
        assert not host.docker("exec", name, "/bin/sh", "-c", "true", check=False).ok


def test_flask_redis_counts_and_says_so(host: Host) -> None:
    """Read from flask-redis' app.py: the sentence, REDIS_HOST, REDIS_PASS; redis asks for its password."""
    with running(host, "redis", command=("redis-server", "--requirepass", "ABC123")) as redis:
        given = ("-e", f"REDIS_HOST={address(host, redis)}", "-e", "REDIS_PASS=ABC123")
        with running(host, "xiaopeng163/flask-redis", "--hostname", "teller", *given) as flask:
            ip = address(host, flask)
            soon(lambda: host.docker("logs", flask).err, "Running on")
            for seen in (1, 2, 3):
                sentence = f"I have been seen {seen} times and my hostname is teller.\n"
                assert (
                    body(host.client(ip, 5000, b"GET / HTTP/1.0\r\n\r\n").decode())
                    == f"Hello Container World! {sentence}"
                )
            held = host.docker("exec", redis, "redis-cli", "-a", "ABC123", "--no-auth-warning", "get", "hits")
            assert held.out.strip() == "3"


def test_redis_needs_no_protected_mode_and_runs_as_redis(host: Host) -> None:
    """docker-library-redis: protected mode off, user redis, data in /data."""
    with running(host, "redis") as name:
        cli = ("exec", name, "redis-cli")
        soon(lambda: host.docker(*cli, "ping", check=False).out, "PONG")
        assert host.docker(*cli, "config", "get", "protected-mode").out.split() == ["protected-mode", "no"]
        assert host.docker(*cli, "config", "get", "dir").out.split() == ["dir", "/data"]
        assert host.docker("exec", name, "sh", "-c", "stat -c %U /proc/1").out.strip() == "redis"


def test_netshoot_has_what_jobs_use_and_no_legacy_reader(host: Host) -> None:
    """Read from netshoot's Dockerfile: iptables is Alpine's, the nft variant alone."""
    there = (
        "bash conntrack curl dig drill ethtool ip iperf3 iptables-save ip6tables-save ipvsadm jq nc nsenter "
        "nslookup openssl ping python3 sh socat ss strace tc tcpdump"
    )
    script = (
        f"for t in {there}; do command -v $t >/dev/null || echo missing $t; done; "
        "iptables -V; command -v iptables-legacy-save"
    )
    done = host.docker("run", "--rm", host.image("nicolaka/netshoot:v0.13"), "sh", "-c", script, check=False)
    assert re.fullmatch(r"iptables v\S+ \(nf_tables\)", done.out.strip())


def test_netshoot_runs_python_jobs(host: Host) -> None:
    """The standard library is all that jobs use."""
    code = "import json, socket, ssl, struct, subprocess, urllib.request; print(json.dumps([1]))"
    done = host.docker("run", "--rm", host.image("nicolaka/netshoot:v0.13"), "python3", "-c", code)
    assert done.out.strip() == "[1]"


def test_net_box_is_a_client_with_a_shell_and_no_python(host: Host) -> None:
    """Read from net-box's Dockerfile: Alpine with curl, bind-tools, iperf3 and wrk."""
    there = "curl dig host iperf3 nslookup ping telnet traceroute wget wrk"
    script = f"for t in {there} python3; do command -v $t || echo no $t; done; pwd"
    said = host.docker("run", "--rm", host.image("xiaopeng163/net-box"), "sh", "-c", script).out.split("\n")
    assert [line for line in said if line.startswith("no ")] == ["no python3"]
    assert "/omd" in said
