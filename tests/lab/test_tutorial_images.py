"""What the tutorial's suites rely on in their images, run against the stand-ins or against the originals.

Read from the originals' sources:

- docker-library/haproxy: ``3.0/Dockerfile`` at 024ece8e67340cde4d0bb69ac691acc68fad3209
- nginxinc/docker-nginx: ``entrypoint/docker-entrypoint.sh`` at 441914e492d66d0f276b57247cd89338c2364f17
- docker-library/mysql: ``5.7/docker-entrypoint.sh`` at a93628500589d5a584f523fd168360ec16d81655
- docker-library/postgres: ``docker-entrypoint.sh`` at 03bfaa9c63a6b0af09b4ac0f4b875011f8b4f35d
- dockersamples/example-voting-app: ``vote/app.py``, ``worker/Program.cs``, ``result/server.js``,
  ``result/views/index.html`` at 63e9150

Not part of every test run: ``pytest tests/lab -m rows -k tutorial_images``. Where they run, and how the
originals are asked instead, see ``test_image_contracts.py``.
"""

from __future__ import annotations

import re

import pytest

from harness import lab as labs
from tests.lab.test_image_contracts import Host, OnNode, Upstream, address, body, running, soon
from tests.lab.test_image_contracts import host as host  # noqa: PLC0414  the fixture, as it is


@pytest.fixture(autouse=True)
def served(host: Host) -> None:
    """The lab has these images when they are asked for."""
    if isinstance(host, OnNode):
        labs.serve_tutorial()
    else:
        assert isinstance(host, Upstream)


def get(host: Host, ip: str, raw: str = "GET / HTTP/1.0\r\n\r\n") -> str:
    """The answer of a container's port 80; nothing while it does not listen."""
    try:
        return host.client(ip, 80, raw.encode()).decode()
    except (AssertionError, OSError):
        return ""


def test_haproxy_runs_as_its_own_user_from_its_own_place(host: Host) -> None:
    """``haproxy -f /usr/local/etc/haproxy/haproxy.cfg`` as user haproxy; options alone mean haproxy."""
    said = host.docker("run", "--rm", host.image("haproxy:3.0"), "-v").out
    assert said.startswith("HAProxy version ")
    whoami = host.docker("run", "--rm", host.image("haproxy:3.0"), "sh", "-c", "id -un; pwd").out.split()
    assert whoami == ["haproxy", "/var/lib/haproxy"]
    form = "{{json .Config.Cmd}} {{.Config.StopSignal}}"
    told = host.docker("inspect", "-f", form, host.image("haproxy:3.0")).out.strip()
    assert told == '["haproxy","-f","/usr/local/etc/haproxy/haproxy.cfg"] SIGUSR1'


def test_nginx_serves_its_page_and_what_lies_in_conf_d(host: Host) -> None:
    """Port 80, /etc/nginx/nginx.conf which reads conf.d, its log on standard output, SIGQUIT."""
    with running(host, "nginx:1.27") as name:
        ip = address(host, name)
        answer = soon(lambda: get(host, ip), "Welcome to nginx!")
        assert answer.startswith("HTTP/1.1 200 OK\r\nServer: nginx")
        soon(lambda: host.docker("logs", name).out, '"GET / HTTP/1.0" 200')
        assert host.docker("exec", name, "ls", "/etc/nginx/conf.d").out.split() == ["default.conf"]
    form = "{{.Config.StopSignal}}"
    assert host.docker("inspect", "-f", form, host.image("nginx:1.27")).out.strip() == "SIGQUIT"


def test_both_proxies_can_ask_for_all_addresses_of_a_name(host: Host) -> None:
    """``getent ahostsv4``: their suites wait with it for a name's tasks."""
    for image in ("haproxy:3.0", "nginx:1.27"):
        done = host.docker(
            "run", "--rm", host.image(image), "sh", "-c", "getent ahostsv4 localhost | head -n 1"
        )
        assert done.out.split()[0] == "127.0.0.1"


def test_postgres_wants_a_password_and_asks_for_it(host: Host) -> None:
    """Without one it ends; with one, or a file that holds it, others must give it."""
    done = host.docker("run", "--rm", host.image("postgres:15-alpine"), check=False)
    assert "superuser password is not specified" in done.err
    given = ("-e", "POSTGRES_PASSWORD=right", "-e", "POSTGRES_DB=votes")
    with running(host, "postgres:15-alpine", *given) as name:
        soon(lambda: host.docker("logs", name).out, "PostgreSQL init process complete", within=90)
        ip = address(host, name)

        def ask(password: str) -> str:
            login = f"postgresql://postgres:{password}@{ip}/votes"
            done = host.docker("exec", name, "psql", login, "-Atc", "SELECT current_database()", check=False)
            return done.out + done.err

        soon(lambda: ask("right"), "votes")
        assert 'password authentication failed for user "postgres"' in ask("wrong")
        assert 'password authentication failed for user "postgres"' in host.docker("logs", name).err


def test_mysql_takes_its_password_from_a_file(host: Host) -> None:
    """Without one it ends; with one root logs in from elsewhere, and with no other."""
    done = host.docker("run", "--rm", host.image("mysql:5.7"), check=False)
    assert "Database is uninitialized and password option is not specified" in done.err
    start = "echo right > /tmp/password; exec docker-entrypoint.sh mysqld"
    given = ("-e", "MYSQL_ROOT_PASSWORD_FILE=/tmp/password", "--entrypoint", "sh")
    with running(host, "mysql:5.7", *given, command=("-c", start)) as name:

        def ask(password: str) -> str:
            words = ("mysql", "-h", address(host, name), "-uroot", f"-p{password}", "-Nse", "SELECT 1 + 41")
            done = host.docker("exec", name, *words, check=False)
            return done.out + done.err

        soon(lambda: ask("right"), "42", within=90)
        assert "Access denied for user 'root'@" in ask("wrong")


def test_a_vote_goes_into_redis_list(host: Host) -> None:
    """A cookie for the voter, a list ``votes`` of JSON, a page with two buttons."""
    with running(host, "redis") as redis:
        link = ("--add-host", f"redis:{address(host, redis)}")
        with running(host, "dockersamples/examplevotingapp_vote:latest", *link) as vote:
            ip = address(host, vote)
            page = soon(lambda: get(host, ip), "Cats vs Dogs!")
            assert re.search(r"Set-Cookie: voter_id=\w+", page)
            assert {'id="a"', 'id="b"', 'name="vote"', 'id="choice"'} <= set(
                re.findall(r'\w+="\w+"', body(page))
            )
            raw = "POST / HTTP/1.0\r\nCookie: voter_id=c0ffee\r\nContent-Length: 6\r\n"
            form = "Content-Type: application/x-www-form-urlencoded\r\n\r\nvote=b"
            assert " 200 " in get(host, ip, raw + form)
            held = host.docker("exec", redis, "redis-cli", "lrange", "votes", "0", "-1").out
            assert sorted(re.findall(r'"(\w+)": "(\w+)"', held)) == [("vote", "b"), ("voter_id", "c0ffee")]


def test_worker_and_result_wait_for_the_database(host: Host) -> None:
    """Both say so, and go on."""
    for part in ("worker", "result"):
        link = ("--add-host", "db:127.0.0.1", "--add-host", "redis:127.0.0.1")
        with running(host, f"dockersamples/examplevotingapp_{part}:latest", *link) as name:
            soon(lambda name=name: host.docker("logs", name).err, "Waiting for db")  # type: ignore[misc]
