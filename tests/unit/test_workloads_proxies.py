"""Proxies as data, and the clients that visit them."""

from __future__ import annotations

import socket

from harness.probe import scripted
from harness.probe.scripted import response, says, serving, whoami
from harness.probe.target import Target
from harness.probe.visiting import Client
from harness.workloads import proxies
from harness.workloads.proxies import Backends

TASKS = Backends(80, "h-abc-whoami-tasks", 4)
NODES = Backends(8088, addresses=("192.168.200.10", "192.168.200.11"))


def test_haproxy_resolves_tasks_and_lists_nodes() -> None:
    """Over tasks by the engine's resolver, over nodes by their addresses; checked either way."""
    tasks = proxies.configuration("haproxy", TASKS).decode()
    nodes = proxies.configuration("haproxy", NODES).decode()

    assert tasks.count("server-template b 4 h-abc-whoami-tasks:80 resolvers swarm init-addr none") == 2
    assert nodes.count("server b1 192.168.200.11:8088") == 2
    assert "default-server check" in tasks


def test_stickiness_can_be_left_out() -> None:
    """Of each the one line that makes it."""
    words: dict[proxies.Kind, bytes] = {"haproxy": b"cookie stay", "nginx": b"hash $client;"}
    for kind, word in words.items():
        kept, off = (proxies.configuration(kind, NODES, sticky=sticky) for sticky in (True, False))
        assert (word in kept, word in off) == (True, False)


def test_a_proxy_waits_for_the_name_of_its_tasks_and_runs_on_one_node() -> None:
    """nginx asks the name once, at its start."""
    given = {"image": "nginx", "network": "net", "port": 8090, "node": "swarm-manager"}
    inside = proxies.service("abc", "nginx", "inside", TASKS, **given)  # type: ignore[arg-type]
    front = proxies.service("abc", "nginx", "front", NODES, **given)  # type: ignore[arg-type]

    assert "getent ahostsv4 h-abc-whoami-tasks" in inside.args[2]
    assert front.args[2] == "exec nginx -g 'daemon off;'"
    assert inside.constraints == ("node.hostname == swarm-manager",)
    assert inside.configs[0].path == "/etc/nginx/nginx.conf"


def _with_cookie(seen: list[bytes]) -> scripted.Script:
    answer = response(whoami("k1", "run/whoami")).replace(
        b"\r\n\r\n", b"\r\nSet-Cookie: stay=b0; Path=/\r\nX-Backend: 10.0.1.3:80\r\n\r\n", 1
    )

    def talk(connection: socket.socket, _number: int) -> None:
        seen.append(connection.recv(4096))
        connection.sendall(answer)

    return talk


def test_a_client_returns_the_cookie_it_was_given() -> None:
    """On a fresh connection, to whichever node."""
    seen: list[bytes] = []
    client = Client(3, header=proxies.HEADER)
    with serving(_with_cookie(seen)) as server:
        first, second = (client.visit(Target(M, "127.0.0.1", server.port)) for M in ("one", "two"))

    assert (first.backend, first.replica, first.why) == ("10.0.1.3:80", "k1", "")
    assert (second.client, second.entry) == (3, "two")
    assert b"Cookie" not in seen[0]
    assert b"Cookie: stay=b0\r\n" in seen[1]


def test_whatever_goes_wrong_is_in_the_visit() -> None:
    """Another service, an error page, nobody."""
    client = Client(0, header=proxies.HEADER, timeout=1.0)
    with serving(says(response(whoami("k1", "other")))) as server:
        foreign = client.visit(Target("one", "127.0.0.1", server.port, expect_name="run/whoami"))
    with serving(says(b"HTTP/1.1 503 Busy\r\nContent-Length: 0\r\n\r\n")) as server:
        broken = client.visit(Target("one", "127.0.0.1", server.port))
    nobody = client.visit(Target("one", "127.0.0.1", server.port))

    assert foreign.why == "another service answered: other"
    assert broken.why == "HTTP 503"
    assert "refused" in nobody.why
