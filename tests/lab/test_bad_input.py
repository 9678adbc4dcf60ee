"""Whatever is wrong with a request or a machine: one line with the remedy, its exit code, nothing left.

Every test runs the installed command as a process. Engines too old or too new for the API, and a swarm of one
node, are scripted servers on loopback; all else is real.
"""

from __future__ import annotations

import contextlib
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.lab import enter
from harness.lab.protocol import Endpoint
from harness.lab.uml.lab import UmlLab
from tests.lab import scripted
from tests.lab.processes import Box, Ended, eventually

WORKER = "swarm-worker2"
ONE = ("--only", "cluster.leader")  # the cheapest that asks an engine
TRAFFIC = ("--profile", "smoke", "--only", "reach.every-node")  # the cheapest that deploys


# --- the request ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--profile", "smok"), ("unknown profile 'smok'", "smoke, release")),
        (("--only", "spread.evn"), ("unknown check 'spread.evn'", "--list")),
        (("--skip", "no-such"), ("unknown check 'no-such'", "--list")),
        (("--only", "load", "--profile", "smoke"), ("load.fresh is not in profile smoke", "--list")),
        (("--only", "load", "--skip", "load"), ("no check is left", "loosen")),
        (("--frobnicate",), ("--frobnicate", "--help")),
        (("--workers", "many"), ("--workers", "valid integer")),
        (("--workers", "9"), ("--workers", "less than or equal to 8")),
        (("--managers", "2", "--workers", "8"), ("2 managers and 8 workers", "at most 9 nodes")),
        (("--deadline", "0"), ("--deadline", "more than 0")),
        (("--pause-after", "lunch"), ("unknown step 'lunch'", "deploy, look, end")),
        (("--config", "none.toml"), ("none.toml", "check --config")),
        (("--target", "swarm"), ("'swarm' is of no known kind", "context:NAME")),
        (("--target", "ssh://host"), ("ssh:// targets are not supported", "tcp://HOST:PORT")),
        (("--target", "context:none"), ("no docker context 'none'", "docker context ls")),
        (("--target", "tcp://host:1", "--profile", "release"), ("breaks things", "--profile smoke")),
    ],
    ids=lambda told: " ".join(told) if told[0].startswith("--") else "",
)
def test_a_wrong_option_is_refused_with_what_there_is(
    lonely_box: Box, words: tuple[str, ...], told: tuple[str, ...]
) -> None:
    """Unknown profile, check id, option, step or kind of target: exit 2, before anything is started."""
    lonely_box.run("gate", *words).told(2, *told)

    assert lonely_box.left() == []


def test_the_cache_is_filled_or_pruned_not_both(lonely_box: Box) -> None:
    """Exit 2; filled when it is whole already, it is shown as ever."""
    lonely_box.run("lab", "cache", "--fill", "--prune").told(2, "--fill", "--prune")
    lonely_box.run("lab", "cache", "--tutorial").told(2, "--fill --tutorial")
    assert lonely_box.run("lab", "cache", "--fill", "--json").code == 0

    assert lonely_box.left() == []


@pytest.mark.parametrize(
    ("text", "told"),
    [
        ("target = [", ("harness.toml is not TOML",)),
        ("replica = 3", ("harness.toml", "replica", "unknown key", "docs/configuration.md")),
        ("[limits]\ngosip = 1", ("limits.gosip", "unknown key", "docs/configuration.md")),
        ("replicas = 'six'", ("replicas", "integer", "docs/configuration.md")),
        ("published_port = 70000", ("published_port", "65535", "docs/configuration.md")),
    ],
    ids=["malformed", "unknown key", "unknown limit", "wrong type", "out of range"],
)
def test_a_wrong_configuration_is_named(lonely_box: Box, text: str, told: tuple[str, ...]) -> None:
    """Malformed TOML, unknown or wrong keys: exit 2 and the very key."""
    lonely_box.configure(text)

    lonely_box.run("gate").told(2, *told)

    assert lonely_box.left() == []


@pytest.mark.parametrize(
    "words", [("lab", "status"), ("lab", "exec", "--", "true"), ("lab", "power-off", WORKER), ("sweep",)]
)
def test_only_the_gate_brings_a_lab_up(lonely_box: Box, words: tuple[str, ...]) -> None:
    """The other commands say that none runs: exit 2."""
    lonely_box.run(*words).told(2, "no lab is running", "harness lab up")

    assert lonely_box.left() == []


@pytest.mark.parametrize("command", ["judge", "report"])
def test_a_run_that_was_not_saved(lonely_box: Box, command: str) -> None:
    """Offline commands name what they were asked for: exit 2."""
    lonely_box.run(command, "20200101-000000-abcdef").told(2, "20200101-000000-abcdef is no saved run")

    assert lonely_box.left() == []


# --- the target -------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("command", "target", "why"),
    [
        ("gate", "tcp://127.0.0.1:1", "refused"),
        ("gate", "unix:///none/docker.sock", "docker.sock"),
        ("sweep", "tcp://127.0.0.1:1", "refused"),
    ],
)
def test_an_unreachable_target(lonely_box: Box, command: str, target: str, why: str) -> None:
    """Nobody there: exit 3, for it says nothing about the swarm."""
    lonely_box.run(command, "--target", target).told(3, target, "cannot be reached", why, "does it run")

    assert lonely_box.left() == []


@pytest.mark.parametrize(
    ("oldest", "newest", "word"), [("1.12", "1.40", "too old"), ("1.52", "1.55", "too new")]
)
def test_an_api_outside_ours(lonely_box: Box, oldest: str, newest: str, word: str) -> None:
    """Both ranges are told: exit 2. Scripted: no engine of that age runs here."""
    version = scripted.VERSION | {"ApiVersion": newest, "MinAPIVersion": oldest}

    with scripted.engine({"GET /version": version}) as target:
        lonely_box.run("gate", "--target", target).told(2, word, f"{oldest} to {newest}", "1.41 to 1.44")

    assert lonely_box.left() == []


def test_a_swarm_of_one_node(lonely_box: Box) -> None:
    """There is nothing to balance between: exit 2. Scripted, since a real one answers the same."""
    with scripted.engine(scripted.ALONE) as target:
        lonely_box.run("gate", "--target", target, *ONE).told(2, "1 node, at least 2", "join another node")

    assert lonely_box.left() == []


@pytest.fixture
def attached(the_lab: UmlLab, box: Box) -> Callable[..., Ended]:
    """``attached(endpoint, ...)``: the gate as a stranger would run it, on an endpoint of the lab."""

    def run(endpoint: Endpoint, *words: str, extra: str = "") -> Ended:
        tls = "".join(f"{part} = '{getattr(endpoint, part)}'\n" for part in ("ca", "cert", "key"))
        box.configure(f"target = '{endpoint.url}'\n[tls]\n{tls}{extra}")
        return box.run("gate", *words, wrap=enter.command(["env"]))

    return run


def test_a_workers_endpoint(the_lab: UmlLab, box: Box, attached: Callable[..., Ended]) -> None:
    """The line names the managers to ask instead: exit 2."""
    endpoint = the_lab.endpoint_of(WORKER)

    attached(endpoint, *ONE).told(2, endpoint.url, "is a worker of its swarm", "192.168.200.10:2377")

    assert box.left(the_lab) == []


@pytest.fixture
def loner(the_lab: UmlLab) -> Iterator[Endpoint]:
    """A second engine on a worker, which has never heard of a swarm."""
    node = the_lab.node(WORKER)
    port, here = 2399, "/run/loner"
    flags = f"--host=tcp://{node.address}:{port} --host=unix://{here}/sock --pidfile={here}/pid"
    flags += f" --data-root={here}/data --exec-root={here}/exec --bridge=none --iptables=false"
    secured = "--tlsverify --tlscacert={0}/ca.pem --tlscert={0}/server.pem --tlskey={0}/server-key.pem"
    certificates = the_lab.exec(
        WORKER, ["sh", "-c", "dirname $(find / -xdev -name server-key.pem | head -n 1)"]
    )
    flags += f" {secured.format(certificates.out.strip())} --config-file={here}/config"
    start = f"mkdir -p {here} && echo '{{}}' >{here}/config && dockerd {flags} >{here}/log 2>&1 &"
    the_lab.exec(WORKER, ["sh", "-c", start])
    try:
        asked = ["docker", f"--host=unix://{here}/sock", "info", "-f", "{{.Swarm.LocalNodeState}}"]
        answers = eventually(lambda: the_lab.exec(WORKER, asked).out == "inactive\n", 30)
        assert answers, the_lab.exec(WORKER, ["cat", f"{here}/log"]).out
        tls = the_lab.endpoint_of(WORKER)
        yield Endpoint(f"tcp://{node.address}:{port}", tls.ca, tls.cert, tls.key)
    finally:
        stop = f"p=$(cat {here}/pid) && kill $p && while kill -0 $p 2>/dev/null; do sleep 0.1; done"
        the_lab.exec(WORKER, ["sh", "-c", f"{stop}; rm -rf {here}"])


def test_an_engine_in_no_swarm(
    the_lab: UmlLab, loner: Endpoint, box: Box, attached: Callable[..., Ended]
) -> None:
    """It could be made one: exit 2."""
    attached(loner, *ONE).told(2, loner.url, "is not in a swarm", "docker swarm init")

    assert box.left(the_lab) == []


@pytest.mark.parametrize("tls", ["without", "no certificate", "another authority"])
def test_tls_that_is_refused(the_lab: UmlLab, box: Box, tmp_path: Path, tls: str) -> None:
    """Asked in plain, without a certificate, or trusting somebody else: exit 3 and what to check."""
    endpoint = the_lab.endpoint
    other = Path(shutil.copy(endpoint.cert, tmp_path / "other.pem"))
    keys = {
        "without": {},
        "no certificate": {"ca": endpoint.ca},
        "another authority": {"ca": other, "cert": endpoint.cert, "key": endpoint.key},
    }
    lines = "".join(f"{name} = '{path}'\n" for name, path in keys[tls].items())
    box.configure(f"target = '{endpoint.url}'\n[tls]\n{lines}")

    box.run("gate", *ONE, wrap=enter.command(["env"])).told(3, endpoint.url, "TLS", "check ca, cert and key")

    assert box.left(the_lab) == []


# --- the swarm --------------------------------------------------------------------------------------------


def test_an_image_that_is_not_found(the_lab: UmlLab, box: Box) -> None:
    """The image is named long before the bound: exit 2."""
    box.configure("[images]\nwhoami = 'harness.invalid/none:1'\n")

    box.run("gate", *TRAFFIC).told(2, "harness.invalid/none:1", "was not found", "[images]")

    assert box.left(the_lab) == []


@contextlib.contextmanager
def service(lab: UmlLab, port: int) -> Iterator[None]:
    """Somebody's service that publishes ``port``."""
    name = f"somebody{port}"
    words = ["docker", "service", "create", "--quiet", "--name", name, "--publish", f"{port}:80"]
    try:
        done = lab.exec(lab.nodes[0].hostname, [*words, "traefik/whoami"])
        assert done.ok, done.err
        yield
    finally:
        lab.exec(lab.nodes[0].hostname, ["docker", "service", "rm", name])


@contextlib.contextmanager
def process(lab: UmlLab, port: int) -> Iterator[None]:
    """Somebody's process on a node that listens on ``port``."""
    words = ["docker", "run", "--detach", "--network=host", "redis:7", "redis-server", "--port", str(port)]
    done = lab.exec(WORKER, words)
    assert done.ok, done.err
    try:
        probe = ["bash", "-c", f"exec 3<>/dev/tcp/127.0.0.1/{port}"]
        assert eventually(lambda: lab.exec(WORKER, probe).ok, 20)
        yield
    finally:
        lab.exec(WORKER, ["docker", "rm", "--force", "--volumes", done.out.strip()])


@pytest.mark.parametrize(("taken_by", "port"), [(service, 8321), (process, 8331)])
def test_a_published_port_that_is_taken(
    the_lab: UmlLab,
    box: Box,
    taken_by: Callable[[UmlLab, int], contextlib.AbstractContextManager[None]],
    port: int,
) -> None:
    """By a service, or by a process on one node: exit 2, for publishing would hijack it (moby#39089)."""
    box.configure(f"published_port = {port}\n")

    with taken_by(the_lab, port):
        box.run("gate", *TRAFFIC).told(2, f"port {port}", "taken", "published_port")

    assert box.left(the_lab) == []


def test_no_route_to_a_nodes_address(the_lab: UmlLab, box: Box) -> None:
    """The node and the address are named: exit 3, for the swarm may be well."""
    box.configure(f"[nodes]\n{WORKER} = '192.168.200.77'\n")

    box.run("gate", *TRAFFIC).told(3, WORKER, "192.168.200.77", "no route", "[nodes]")

    assert box.left(the_lab) == []


def heal(lab: UmlLab) -> None:
    """Give the worker its power back, and its engine a second start.

    After a power failure the manager may end the node's old session later than the new one began; from then
    on it calls the node "not available" to log readers, until the node's agent connects once more.
    """
    lab.power_on(WORKER)
    assert eventually(lambda: lab.status()[-1].seen == "ready", 90)
    lab.exec(WORKER, ["/run/lab/engine", "stop"])
    lab.exec(WORKER, ["/run/lab/engine", "start"])
    assert eventually(lambda: bool(lab.status()[-1].engine), 60)
    assert eventually(lambda: lab.status()[-1].seen == "ready", 60)


def test_a_node_that_is_down_at_the_start(the_lab: UmlLab, box: Box) -> None:
    """It refutes with the node's name, and nothing disruptive is begun: exit 1."""
    the_lab.power_off(WORKER)
    try:
        assert eventually(lambda: the_lab.status()[-1].seen == "down", 60)

        done = box.run("gate", "--only", "cluster.nodes-ready,task-kill.replaced,node-loss.detected")

        assert (done.code, done.err) == (1, "")
        found = box.verdicts()
        assert [check["id"] for check in found["checks"] if check["verdict"] == "refuted"] == [
            "cluster.nodes-ready"
        ]
        assert WORKER in found["checks"][0]["sentence"]
        assert {one["id"] for one in found["skipped"]} == {"task-kill.replaced", "node-loss.detected"}
        assert box.left(the_lab, runs=1) == []
    finally:
        heal(the_lab)


# --- the machine ------------------------------------------------------------------------------------------


def private(*lines: str) -> list[str]:
    """A shell of its own user and mount namespace that does ``lines``, then runs what follows."""
    script = "\n".join(["set -e", *lines, 'exec "$@"'])
    return ["unshare", "--user", "--map-root-user", "--mount", "sh", "-c", script, "sh"]


def test_no_room_in_dev_shm(lonely_box: Box) -> None:
    """As in a container with its 64 MB: exit 3, what is needed and how to give it."""
    wrap = private("mount -t tmpfs -o size=64m none /dev/shm")

    for words in (("gate",), ("lab", "up")):
        lonely_box.run(*words, wrap=wrap).told(3, "1800 MB needed", "64 MB free", "--shm-size")

    assert lonely_box.left() == []


def test_no_room_in_the_cache(lonely_box: Box, tmp_path: Path) -> None:
    """A first set-up on a full disk is not begun: exit 3."""
    cache = tmp_path / "small"
    cache.mkdir()
    wrap = private(f"mount -t tmpfs -o size=64m none {cache}")

    lonely_box.run("gate", wrap=wrap, HARNESS_CACHE=str(cache)).told(
        3, "no room", str(cache), "64 MB free", "HARNESS_CACHE"
    )

    assert lonely_box.left() == []
    assert list(cache.iterdir()) == []


def test_user_namespaces_are_forbidden(lonely_box: Box) -> None:
    """How to allow them is told, for Ubuntu, for others and for containers: exit 3."""
    wrap = private("echo 0 >/proc/sys/user/max_user_namespaces")

    lonely_box.run("gate", wrap=wrap).told(
        3, "user namespaces are forbidden", "apparmor_restrict", "max_user_namespaces", "--privileged"
    )

    assert lonely_box.left() == []


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM, signal.SIGKILL])
def test_an_interrupted_first_set_up(tmp_path: Path, number: signal.Signals) -> None:
    """No process is left, and the cache is as good as before: the next set-up begins, or it is pruned."""
    box = Box(tmp_path / "box", lab="tests-setup", cache=tmp_path / "cache")
    scratch = box.cache / "tmp"

    def under_way() -> bool:
        return scratch.exists() and any("mmdebstrap" in words for words in box.processes())

    with box.started("lab", "up") as running:
        running.reaches(under_way)
        running.send(number)
        ended = running.ended(60)

    if number == signal.SIGKILL:
        assert ended.code == -signal.SIGKILL
    else:
        ended.told(130, "interrupted")
        assert not scratch.exists()
    assert box.left() == []
    assert box.run("lab", "cache", "--prune").code == 0
    assert [path for path in box.cache.iterdir() if path.is_dir() and path.name != "labs"] == []
