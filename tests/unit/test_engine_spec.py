"""Specifications become the engine's whole JSON: nanoseconds, nothing left to defaults of a client."""

from __future__ import annotations

import base64

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine.spec import (
    ConfigFile,
    ConfigSpec,
    HealthCheck,
    Mount,
    NetworkLink,
    NetworkSpec,
    Restart,
    ServiceSpec,
    Update,
    nanoseconds,
)
from harness.model import Port

FULL = ServiceSpec(
    name="h-1-web",
    image="traefik/whoami:v1.10.3",
    command=("/whoami",),
    args=("-port", "80"),
    env={"WHOAMI_NAME": "1/web"},
    labels={"harness.run": "1"},
    replicas=6,
    ports=(Port(8080, 80), Port(8080, 53, "udp", "host")),
    networks=("net", NetworkLink("other", ("alias",))),
    configs=(ConfigFile("file", "/file"),),
    health=HealthCheck(("CMD", "/whoami", "-h"), interval=0.5),
    constraints=("node.role==worker",),
    max_per_node=2,
    capabilities=("CAP_NET_ADMIN",),
    mounts=(Mount("/var/run/docker/netns", "/var/run/docker/netns"), Mount("/tmp", type="tmpfs")),  # noqa: S108  a mount's target
    stop_grace=1.5,
    stop_signal="SIGINT",
    restart=Restart("on-failure", delay=0.2, attempts=3),
    update=Update("start-first", 2, delay=1.0),
    log_driver="json-file",
    log_options={"max-size": "1m"},
    user="1000",
    init=True,
)


def test_every_field_reaches_the_engine() -> None:
    """Nothing that was specified is lost on the way."""
    document = FULL.to_engine({"file": "config-id"})
    task = document["TaskTemplate"]
    container = task["ContainerSpec"]

    assert (document["Name"], document["Labels"]) == ("h-1-web", {"harness.run": "1"})
    assert document["Mode"] == {"Replicated": {"Replicas": 6}}
    assert document["EndpointSpec"] == {
        "Mode": "vip",
        "Ports": [
            {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"},
            {"Protocol": "udp", "TargetPort": 53, "PublishedPort": 8080, "PublishMode": "host"},
        ],
    }
    assert document["UpdateConfig"] == {
        "Parallelism": 2,
        "Delay": 10**9,
        "Monitor": 5 * 10**9,
        "Order": "start-first",
        "FailureAction": "pause",
    }
    assert task["RestartPolicy"] == {"Condition": "on-failure", "Delay": 2 * 10**8, "MaxAttempts": 3}
    assert task["Placement"] == {"Constraints": ["node.role==worker"], "MaxReplicas": 2}
    assert task["Networks"] == [
        {"Target": "net", "Aliases": []},
        {"Target": "other", "Aliases": ["alias"]},
    ]
    assert task["LogDriver"] == {"Name": "json-file", "Options": {"max-size": "1m"}}
    assert container["Image"] == "traefik/whoami:v1.10.3"
    assert (container["Command"], container["Args"]) == (["/whoami"], ["-port", "80"])
    assert container["Env"] == ["WHOAMI_NAME=1/web"]
    assert container["Labels"] == {"harness.run": "1"}
    assert container["Healthcheck"]["Interval"] == 5 * 10**8
    assert container["CapabilityAdd"] == ["CAP_NET_ADMIN"]
    assert container["Mounts"][0] == {
        "Type": "bind",
        "Target": "/var/run/docker/netns",
        "ReadOnly": True,
        "Source": "/var/run/docker/netns",
    }
    assert "Source" not in container["Mounts"][1]
    assert container["Configs"] == [
        {
            "ConfigID": "config-id",
            "ConfigName": "file",
            "File": {"Name": "/file", "UID": "0", "GID": "0", "Mode": 0o444},
        }
    ]
    assert (container["StopGracePeriod"], container["StopSignal"]) == (1_500_000_000, "SIGINT")
    assert (container["User"], container["Init"]) == ("1000", True)


def test_a_replica_calls_itself_by_its_task() -> None:
    """The default hostname is the task's id: what an answer says is what the manager knows."""
    container = ServiceSpec("web", "image").to_engine()["TaskTemplate"]["ContainerSpec"]

    assert container["Hostname"] == "{{.Task.ID}}"


def test_what_is_not_said_is_left_to_the_engine() -> None:
    """No stop grace, health check or command of ours is made up."""
    document = ServiceSpec("web", "image").to_engine()

    absent = {"StopGracePeriod", "Healthcheck", "Command", "Args", "Init", "User", "StopSignal"}
    assert not absent & set(document["TaskTemplate"]["ContainerSpec"])
    assert "UpdateConfig" not in document
    assert "LogDriver" not in document["TaskTemplate"]


@pytest.mark.parametrize(
    ("mode", "wanted"),
    [
        ("global", {"Global": {}}),
        ("global-job", {"GlobalJob": {}}),
        ("replicated-job", {"ReplicatedJob": {"MaxConcurrent": 3, "TotalCompletions": 3}}),
    ],
)
def test_modes(mode: str, wanted: dict[str, object]) -> None:
    """Each mode has its own shape; jobs are never restarted without end, nor rolled out."""
    spec = ServiceSpec("job", "image", mode=mode, replicas=3, update=Update())  # type: ignore[arg-type]  # parametrized
    document = spec.to_engine()

    assert document["Mode"] == wanted
    if spec.job:
        assert document["TaskTemplate"]["RestartPolicy"]["Condition"] == "none"
        assert "UpdateConfig" not in document


def test_labels_are_added_and_not_lost() -> None:
    """Labelling keeps what was there."""
    assert FULL.labelled({"a": "b"}).labels == {"harness.run": "1", "a": "b"}
    assert NetworkSpec("n", {"x": "y"}).labelled({"a": "b"}).labels == {"x": "y", "a": "b"}


def test_a_config_that_is_not_known_is_an_error() -> None:
    """A task without its file would fail much later."""
    with pytest.raises(KeyError):
        FULL.to_engine({})


def test_networks_and_configs() -> None:
    """A network is a swarm overlay; a config's data travels as base64."""
    network = NetworkSpec("net", {"a": "b"}, encrypted=True, subnet="10.9.0.0/24").to_engine()
    config = ConfigSpec("file", b"\x00text", {"a": "b"}).to_engine()

    assert (network["Driver"], network["Scope"]) == ("overlay", "swarm")
    assert network["Options"] == {"encrypted": ""}
    assert network["IPAM"]["Config"] == [{"Subnet": "10.9.0.0/24"}]
    assert NetworkSpec("net").to_engine()["IPAM"]["Config"] == []
    assert base64.b64decode(config["Data"]) == b"\x00text"


@given(st.floats(min_value=0, max_value=1e6))
def test_seconds_become_whole_nanoseconds(seconds: float) -> None:
    """The engine takes integers; a nanosecond is close enough."""
    assert abs(nanoseconds(seconds) / 1e9 - seconds) <= 1e-9 + seconds * 1e-15
