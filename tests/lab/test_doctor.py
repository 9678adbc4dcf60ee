"""The preflight on a real swarm: a healthy lab is well in every check, and it leaves nothing behind."""

from __future__ import annotations

import json
from collections.abc import Iterator

import pytest

from harness.doctor.lines import CHECKS
from harness.lab.uml.lab import UmlLab
from harness.report.doctor import DoctorDocument
from tests.lab.processes import Box

WORKER = "swarm-worker2"
PLANT = """
rmmod ip_vs_rr 2>/dev/null
echo install ip_vs_rr /bin/false >/etc/modprobe.d/none.conf
ip link set eth0 mtu 1400
ip route add 10.0.0.128/25 dev docker0
"""
HEAL = """
rm -f /etc/modprobe.d/none.conf
ip link set eth0 mtu 1500
ip route del 10.0.0.128/25
"""


@pytest.fixture
def broken(the_lab: UmlLab) -> Iterator[str]:
    """A worker whose kernel cannot balance, whose underlay is too small and whose host is in the way."""
    the_lab.exec(WORKER, ["sh", "-c", PLANT])
    try:
        yield WORKER
    finally:
        the_lab.exec(WORKER, ["sh", "-c", HEAL])


def test_a_healthy_lab_passes_its_preflight(the_lab: UmlLab, box: Box) -> None:
    """Every check told of every node, none stops, and the saved evidence repeats the verdict."""
    done = box.run("doctor", "--json")

    assert (done.code, done.err) == (0, "")
    found = DoctorDocument.model_validate(json.loads(done.out))
    # clocks are read beside the machine's load, of which a warning may come
    worse = [line for line in found.lines if line.state != "ok" and line.check != "clock"]
    assert worse == []
    assert list(dict.fromkeys(line.check for line in found.lines)) == [check.id for check in CHECKS]
    kernel = next(line for line in found.lines if line.check == "kernel")
    assert kernel.nodes == tuple(sorted(node.hostname for node in the_lab.nodes))
    assert "ip_vs" in kernel.told
    assert box.verdicts()["verdict"] == "upheld"
    assert box.run("judge", box.runs()[-1].name).code == 0
    assert box.left(the_lab, runs=1) == []


@pytest.mark.usefixtures("the_lab")
def test_a_node_that_cannot_work_is_named_line_by_line(broken: str, box: Box) -> None:
    """The swarm is at fault, exit 1; of the other nodes nothing is said."""
    done = box.run("doctor", "--json")

    assert (done.code, done.err) == (1, "")
    found = DoctorDocument.model_validate(json.loads(done.out))
    worse = {line.check: line for line in found.lines if line.state != "ok"}
    assert {check: line.state for check, line in worse.items()} == {
        "kernel": "stop",
        "mtu": "stop",
        "subnets": "warn",
    }
    assert {line.nodes for line in worse.values()} == {(broken,)}
    assert worse["kernel"].told.startswith("no ip_vs_rr in kernel")
    assert "eth0 with 1400" in worse["mtu"].told
    assert "10.0.0.128/25 of docker0" in worse["subnets"].told
    assert box.verdicts()["verdict"] == "refuted"


def test_a_port_that_is_taken(the_lab: UmlLab, box: Box) -> None:
    """The request is wrong, not the swarm: exit 2, one line that names the service and the remedy."""
    name = "somebody8341"
    words = ["docker", "service", "create", "--quiet", "--name", name, "--publish", "8341:80"]
    manager = the_lab.nodes[0].hostname
    box.configure("published_port = 8341\n")
    try:
        made = the_lab.exec(manager, [*words, "traefik/whoami"])
        assert made.ok, made.err

        done = box.run("doctor")
    finally:
        the_lab.exec(manager, ["docker", "service", "rm", name])

    assert (done.code, done.err) == (2, "")
    stops = [line for line in done.out.splitlines() if line.startswith("stop ")]
    assert len(stops) == 1
    assert "8341/tcp is published by somebody8341: set published_port" in stops[0]
