"""Raw documents become values at the door, whatever is missing in them."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.engine import parse
from harness.errors import Unmeasurable
from harness.model import Attachment, Availability, Port, Role

NODE = {
    "ID": "n1",
    "Spec": {"Role": "manager", "Availability": "drain"},
    "Description": {"Hostname": "swarm-manager", "Engine": {"EngineVersion": "26.1.5"}},
    "Status": {"State": "ready", "Addr": "0.0.0.0"},
    "ManagerStatus": {"Leader": True, "Reachability": "reachable", "Addr": "192.168.200.10:2377"},
}
TASK = {
    "ID": "t1",
    "ServiceID": "s1",
    "NodeID": "n1",
    "Slot": 2,
    "DesiredState": "shutdown",
    "Status": {
        "State": "failed",
        "Message": "started",
        "Err": "task: non-zero exit (137)",
        "ContainerStatus": {"ContainerID": "c1", "ExitCode": 137},
    },
    "NetworksAttachments": [{"Network": {"ID": "net1"}, "Addresses": ["10.0.0.5/24"]}],
}


def test_the_leader_is_known_by_its_manager_address() -> None:
    """A leader may say 0.0.0.0 of itself: its peers' word is taken."""
    node = parse.node(NODE)

    assert node.address == "192.168.200.10"
    assert (node.leader, node.role, node.availability) == (True, Role.MANAGER, Availability.DRAIN)
    assert (node.hostname, node.engine, node.state) == ("swarm-manager", "26.1.5", "ready")


@pytest.mark.parametrize(
    ("status", "manager", "wanted"),
    [
        ("10.0.0.7", "10.0.0.9:2377", "10.0.0.7"),
        ("127.0.0.1", "10.0.0.9:2377", "10.0.0.9"),
        ("", "[fd00::1]:2377", "fd00::1"),
        ("fd00::2", "", "fd00::2"),
        ("0.0.0.0", "", ""),
        ("", "", ""),
    ],
)
def test_an_address_that_others_can_use(status: str, manager: str, wanted: str) -> None:
    """Unspecified and loopback addresses are nobody's."""
    raw = {**NODE, "Status": {"Addr": status}, "ManagerStatus": {"Addr": manager}}

    assert parse.node(raw).address == wanted


def test_a_worker_has_no_manager_status() -> None:
    """A worker neither leads nor is reachable as a manager."""
    node = parse.node({"ID": "n2", "Spec": {"Role": "worker", "Availability": "active"}})

    assert (node.leader, node.reachability, node.state) == (False, "", "unknown")


def test_a_task_with_its_end() -> None:
    """State, error, exit code and addresses without prefix length."""
    task = parse.task(TASK)

    assert (task.id, task.service, task.node, task.slot) == ("t1", "s1", "n1", 2)
    assert (task.state, task.desired, task.exit_code) == ("failed", "shutdown", 137)
    assert task.error == "task: non-zero exit (137)"
    assert task.addresses == (Attachment("net1", "10.0.0.5"),)
    assert task.ended


def test_a_running_task_has_no_exit_code() -> None:
    """The engine sends 0 for a container that still runs."""
    raw = {
        **TASK,
        "DesiredState": "running",
        "Status": {"State": "running", "ContainerStatus": {"ExitCode": 0}},
    }

    assert parse.task(raw).exit_code is None
    assert parse.task(raw).running


def test_a_new_task_is_hardly_there() -> None:
    """Before it is placed a task has no node, no status and no network."""
    task = parse.task({"ID": "t2"})

    assert (task.node, task.state, task.addresses) == ("", "new", ())


def test_a_service_with_ports_and_vips() -> None:
    """Published ports and VIPs come from the endpoint, the specified ports only before it exists."""
    port = {"Protocol": "tcp", "TargetPort": 80, "PublishedPort": 8080, "PublishMode": "ingress"}
    spec = {
        "Name": "web",
        "Labels": {"b": "2", "a": "1"},
        "TaskTemplate": {"ContainerSpec": {"Image": "whoami"}},
        "Mode": {"Replicated": {"Replicas": 3}},
        "EndpointSpec": {"Ports": [{**port, "PublishedPort": 0}]},
    }
    endpoint = {"Ports": [port], "VirtualIPs": [{"NetworkID": "net1", "Addr": "10.0.0.2/24"}]}
    service = parse.service({"ID": "s1", "Spec": spec, "Endpoint": endpoint})
    young = parse.service({"ID": "s1", "Spec": spec})

    assert service.ports == (Port(8080, 80),)
    assert service.vips == (Attachment("net1", "10.0.0.2"),)
    assert (service.replicas, service.labels) == (3, (("a", "1"), ("b", "2")))
    assert young.ports == (Port(0, 80),)


def test_a_service_says_how_it_is_found_and_how_its_update_went() -> None:
    """``vip`` is what an engine means that says nothing."""
    spec = {"Name": "web", "TaskTemplate": {}, "EndpointSpec": {"Mode": "dnsrr"}}
    updated = parse.service({"ID": "s1", "Spec": spec, "UpdateStatus": {"State": "rollback_paused"}})
    plain = parse.service({"ID": "s2", "Spec": {"Name": "db", "TaskTemplate": {}}, "UpdateStatus": None})

    assert (updated.endpoint, updated.update) == ("dnsrr", "rollback_paused")
    assert (plain.endpoint, plain.update) == ("vip", "")


def test_a_service_says_when_it_was_scaled_down() -> None:
    """Not when it was created, scaled up, or changed in any other way."""

    def shrunk(before: int | None, now: int) -> float:
        spec = {"Name": "web", "TaskTemplate": {}, "Mode": {"Replicated": {"Replicas": now}}}
        raw = {"ID": "s1", "Spec": spec, "UpdatedAt": "1970-01-01T00:00:07.5Z"}
        previous = {"PreviousSpec": {**spec, "Mode": {"Replicated": {"Replicas": before}}}}
        return parse.service({**raw, **(previous if before is not None else {})}).shrunk

    assert (shrunk(6, 3), shrunk(1, 0)) == (7.5, 7.5)
    assert (shrunk(None, 3), shrunk(3, 6), shrunk(3, 3)) == (0.0, 0.0, 0.0)


def test_an_overlay_network_tells_its_vxlan_identifiers() -> None:
    """One per subnet; encryption and direct return are options that need no value."""
    options = {
        "com.docker.network.driver.overlay.vxlanid_list": "4097,4098",
        "encrypted": "",
        "dsr": "",
    }
    raw = {"Id": "net1", "Name": "web", "Driver": "overlay", "Options": options, "Attachable": True}
    network = parse.network(raw)
    plain = parse.network({"Id": "net2", "Name": "db", "Options": None})

    assert network.vnis == (4097, 4098)
    assert (network.encrypted, network.direct, network.attachable) == (True, True, True)
    assert (plain.vnis, plain.encrypted, plain.direct, plain.attachable) == ((), False, False, False)


def test_a_global_service_has_no_number_of_replicas() -> None:
    """None is not zero."""
    spec = {"Name": "web", "TaskTemplate": {}, "Mode": {"Global": {}}}

    assert parse.service({"ID": "s1", "Spec": spec}).replicas is None


def test_info_of_a_manager_and_of_an_engine_outside() -> None:
    """Heartbeat in seconds, the data path's port, and defaults where there is no swarm."""
    cluster = {"ID": "c1", "DataPathPort": 7777, "Spec": {"Dispatcher": {"HeartbeatPeriod": 2_000_000_000}}}
    swarm = {
        "LocalNodeState": "active",
        "ControlAvailable": True,
        "NodeID": "n1",
        "Cluster": cluster,
        "RemoteManagers": [{"Addr": "10.0.0.9:2377"}],
    }
    info = parse.info({"Name": "m", "Swarm": swarm, "SystemTime": "2026-01-02T03:04:05.123456789Z"})
    outside = parse.info({"Name": "m"})

    assert (info.heartbeat, info.data_path_port, info.control) == (2.0, 7777, True)
    assert info.managers == ("10.0.0.9:2377",)
    assert info.time == pytest.approx(1767323045.123456)
    assert (outside.swarm, outside.control, outside.heartbeat, outside.data_path_port) == (
        "inactive",
        False,
        5.0,
        4789,
    )


def test_roots_are_told_unless_they_are_being_changed() -> None:
    """While they are, nodes hold certificates of either."""
    cluster = {"ID": "c", "TLSInfo": {"TrustRoot": "PEM"}}

    def roots(**changed: object) -> str:
        return parse.info({"Swarm": {"Cluster": {**cluster, **changed}}}).roots

    assert roots() == roots(RootRotationInProgress=False) == "PEM"
    assert roots(RootRotationInProgress=True) == roots(TLSInfo=None) == ""
    assert parse.info({}).roots == ""


def test_a_node_tells_when_it_last_changed() -> None:
    """Two looks at it are equal all the same: it changes whenever the node says anything."""
    later = parse.node({**NODE, "UpdatedAt": "2026-11-25T02:41:13Z"})

    assert (later.updated, parse.node(NODE).updated) == (1795574473.0, 0.0)
    assert later == parse.node(NODE)


def test_log_lines_carry_node_and_task() -> None:
    """The details before the first blank are the engine's, all behind it is the task's."""
    line = "com.docker.swarm.node.id=n1,com.docker.swarm.service.id=s1,com.docker.swarm.task.id=t1 a b"

    assert parse.log_details(line) == ("n1", "t1", "a b")


def test_api_versions_are_numbers() -> None:
    """1.9 is older than 1.41; anything else is no engine."""
    assert parse.api_version("1.9") < parse.api_version("1.41")
    with pytest.raises(Unmeasurable, match="Docker engine"):
        parse.api_version("teapot")


@given(st.text())
def test_a_time_that_is_none_is_zero(text: str) -> None:
    """Whatever the engine says, a time is a number."""
    assert parse.timestamp(text) == parse.timestamp(text)


def test_events_have_a_type_and_an_actor() -> None:
    """What newer engines leave out is not needed."""
    actor = {"ID": "n1", "Attributes": {"name": "worker", "state.new": "down"}}
    event = parse.event({"Type": "node", "Action": "update", "Actor": actor, "timeNano": 5})

    assert (event.type, event.action, event.id, event.name, event.nano) == (
        "node",
        "update",
        "n1",
        "worker",
        5,
    )
    assert ("state.new", "down") in event.attributes
