"""What every engine owes the harness; run against the fake in memory and against a real one in the lab.

A test module subclasses :class:`EngineContract` and gives the fixtures ``engine`` and ``clock``.
"""

from __future__ import annotations

import dataclasses
import uuid
from collections.abc import Callable, Iterator

import pytest

from harness.clock import Clock, Deadline
from harness.config import Images
from harness.engine.protocol import ConflictError, Engine, InUseError, NotFoundError
from harness.engine.spec import RUN_LABEL, ConfigFile, ConfigSpec, NetworkSpec, SecretSpec, ServiceSpec
from harness.errors import RequestError
from harness.model import Availability, Port
from harness.swarm import sweep

WHOAMI = Images().whoami
PORT = 18080
_BOUND = 60.0  # seconds


def until(clock: Clock, true: Callable[[], bool], what: str) -> None:
    """Let time pass until ``true``."""
    deadline = Deadline.after(_BOUND, clock)
    while not true():
        assert not deadline.passed, f"not within {_BOUND} s: {what}"
        clock.sleep(0.1)


class EngineContract:
    """The shared cases."""

    @pytest.fixture
    def run(self, engine: Engine, clock: Clock) -> Iterator[str]:
        """Id of a run; whatever carries its label is removed at the end."""
        run = uuid.uuid4().hex[:6]
        yield run
        sweep(engine, clock, run=run)

    @pytest.fixture
    def spec(self, run: str) -> ServiceSpec:
        """Two replicas of whoami, labelled."""
        return ServiceSpec(f"h-{run}-whoami", WHOAMI, labels={RUN_LABEL: run}, replicas=2, stop_grace=1.0)

    def running(self, engine: Engine, service: str) -> int:
        """How many tasks run."""
        return sum(task.running for task in engine.tasks(service))

    def test_it_says_who_it_is(self, engine: Engine) -> None:
        """Versions are numbers we speak; the engine is an active manager with a heartbeat and a clock."""
        version, info = engine.version(), engine.info()

        assert version.engine
        assert (1, 41) <= tuple(map(int, version.spoken.split("."))) <= (1, 44)
        assert (info.swarm, info.control) == ("active", True)
        assert info.cluster
        assert info.heartbeat > 0
        assert info.time > 0

    def test_it_knows_what_images_it_and_its_registry_have(self, engine: Engine) -> None:
        """What is deployed is on the node; of a name that nobody has, neither knows anything."""
        assert engine.has_image(WHOAMI)
        assert engine.registry_has(WHOAMI)
        assert not engine.has_image("traefik/whoami:none")
        assert not engine.registry_has("traefik/whoami:none")
        assert engine.info().live_restore is False

    def test_nodes_have_names_addresses_and_one_leader(self, engine: Engine) -> None:
        """Every node is Ready with an address that others can use; exactly one leads."""
        nodes = engine.nodes()

        assert [node.hostname for node in nodes] == sorted(node.hostname for node in nodes)
        assert sum(node.leader for node in nodes) == 1
        for node in nodes:
            assert node.ready
            assert node.address not in {"", "0.0.0.0", "127.0.0.1"}
        assert engine.info().node in {node.id for node in nodes}

    def test_the_ingress_network_is_there(self, engine: Engine) -> None:
        """The swarm's networks include exactly one routing mesh."""
        found = [network for network in engine.networks() if network.ingress]

        assert len(found) == 1
        assert found[0].driver == "overlay"
        assert found[0].subnets

    def test_a_service_comes_to_run_and_ends_when_removed(
        self, engine: Engine, clock: Clock, spec: ServiceSpec
    ) -> None:
        """Its tasks run in slots on nodes with addresses; after removal they end, and it is not listed."""
        spec = dataclasses.replace(spec, ports=(Port(PORT, 80),))
        service = engine.create_service(spec)
        until(clock, lambda: self.running(engine, service) == 2, "two replicas run")

        tasks = [task for task in engine.tasks(service) if task.running]
        assert sorted(task.slot for task in tasks) == [1, 2]
        assert {task.node for task in tasks} <= {node.id for node in engine.nodes()}
        assert all(attached.address.count(".") == 3 for task in tasks for attached in task.addresses)
        assert all(task.addresses for task in tasks)
        (listed,) = engine.services(f"{RUN_LABEL}={spec.labels[RUN_LABEL]}")
        assert (listed.id, listed.name, listed.replicas) == (service, spec.name, 2)
        assert listed.ports == (Port(PORT, 80),)
        assert listed.vips
        assert listed.endpoint == "vip"

        engine.remove_service(service)
        engine.remove_service(service)  # no effect the second time
        assert service not in {one.id for one in engine.services()}
        until(clock, lambda: all(task.ended for task in engine.tasks(service)), "its tasks have ended")

    def test_scaling_changes_only_the_number_of_replicas(
        self, engine: Engine, clock: Clock, spec: ServiceSpec
    ) -> None:
        """After scaling to one, one runs and others are to be removed; labels and image are as before."""
        service = engine.create_service(spec)
        until(clock, lambda: self.running(engine, service) == 2, "two replicas run")
        engine.scale(service, 1)
        until(clock, lambda: self.running(engine, service) == 1, "one replica runs")
        assert {task.desired for task in engine.tasks(service)} <= {"running", "remove"}
        until(clock, lambda: len(engine.tasks(service)) == 1, "the other is forgotten")

        (listed,) = (one for one in engine.services() if one.id == service)
        assert listed.replicas == 1
        assert dict(listed.labels) == dict(spec.labels)
        assert listed.image.startswith(spec.image)

    def test_an_update_replaces_the_specification(
        self, engine: Engine, clock: Clock, spec: ServiceSpec
    ) -> None:
        """A new variable makes new tasks."""
        service = engine.create_service(dataclasses.replace(spec, replicas=1))
        until(clock, lambda: self.running(engine, service) == 1, "it runs")
        before = {task.id for task in engine.tasks(service)}
        engine.update_service(service, dataclasses.replace(spec, replicas=1, env={"NEW": "1"}))

        def renewed() -> bool:
            return any(task.running and task.id not in before for task in engine.tasks(service))

        until(clock, renewed, "a new task runs")

    def test_a_second_service_of_the_name_is_a_conflict(self, engine: Engine, spec: ServiceSpec) -> None:
        """Names are given once."""
        engine.create_service(spec)

        with pytest.raises(ConflictError):
            engine.create_service(spec)

    def test_a_published_port_is_given_once(self, engine: Engine, spec: ServiceSpec) -> None:
        """The second service that publishes a port is refused, and the port is named."""
        ports = (Port(PORT, 80),)
        engine.create_service(dataclasses.replace(spec, ports=ports))

        with pytest.raises(RequestError, match=str(PORT)):
            engine.create_service(dataclasses.replace(spec, name=f"{spec.name}-2", ports=ports))

    def test_an_unknown_image_is_rejected_by_name(
        self, engine: Engine, clock: Clock, spec: ServiceSpec
    ) -> None:
        """Its tasks end rejected, with the image in the error."""
        image = "harness.invalid/no-such-image:none"
        service = engine.create_service(dataclasses.replace(spec, image=image))

        def told() -> bool:
            return any(
                task.state == "rejected" and f"No such image: {image}" in task.error
                for task in engine.tasks(service)
            )

        until(clock, told, "a rejected task names the image")

    def test_a_network_in_use_cannot_be_removed(
        self, engine: Engine, clock: Clock, run: str, spec: ServiceSpec
    ) -> None:
        """It says so; once the service and its tasks are gone the network can go, and goes once only."""
        network = engine.create_network(NetworkSpec(f"h-{run}-net", {RUN_LABEL: run}))
        # the manager's allocator tells driver and subnets a moment after the network was made
        until(
            clock, lambda: engine.networks(f"{RUN_LABEL}={run}")[0].driver != "", "the network is allocated"
        )
        (listed,) = engine.networks(f"{RUN_LABEL}={run}")
        assert (listed.id, listed.name, listed.driver) == (network, f"h-{run}-net", "overlay")
        service = engine.create_service(dataclasses.replace(spec, networks=(listed.name,)))
        until(clock, lambda: self.running(engine, service) == 2, "two replicas run")
        assert network in {vip.network for one in engine.services() if one.id == service for vip in one.vips}

        with pytest.raises(InUseError):
            engine.remove_network(network)
        with pytest.raises(ConflictError):
            engine.create_network(NetworkSpec(f"h-{run}-net", {RUN_LABEL: run}))
        engine.remove_service(service)

        def removed() -> bool:
            try:
                engine.remove_network(network)
            except InUseError:
                return False
            return True

        until(clock, removed, "the network is free")
        engine.remove_network(network)  # no effect the second time
        # a manager lists it until its own last task on it has ended
        until(clock, lambda: engine.networks(f"{RUN_LABEL}={run}") == (), "it is no longer listed")

    def test_configs_have_labels_that_change_and_an_age(
        self, engine: Engine, run: str, spec: ServiceSpec
    ) -> None:
        """A config is listed with its labels; relabelling renews its age; a service's config stays."""
        labels = {RUN_LABEL: run}
        config = engine.create_config(ConfigSpec(f"h-{run}-file", b"text", labels))
        (first,) = engine.configs(f"{RUN_LABEL}={run}")
        with pytest.raises(ConflictError):
            engine.create_config(ConfigSpec(f"h-{run}-file", b"text", labels))
        engine.label_config(config, {**labels, "beat": "1"})
        (second,) = engine.configs(f"{RUN_LABEL}={run}")

        assert (first.id, first.name) == (config, f"h-{run}-file")
        assert dict(second.labels)["beat"] == "1"
        assert second.updated >= first.updated > 0
        engine.create_service(dataclasses.replace(spec, configs=(ConfigFile(first.name, "/file"),)))
        with pytest.raises(InUseError):
            engine.remove_config(config)
        with pytest.raises(RequestError, match="no config"):
            engine.create_service(
                dataclasses.replace(spec, name=f"{spec.name}-2", configs=(ConfigFile("h-none", "/file"),))
            )

    def test_secrets_stay_while_a_service_has_them(self, engine: Engine, run: str, spec: ServiceSpec) -> None:
        """A secret is listed with its labels and never told; one that a service has stays."""
        secret = engine.create_secret(SecretSpec(f"h-{run}-key", b"top-secret", {RUN_LABEL: run}))
        (first,) = engine.secrets(f"{RUN_LABEL}={run}")
        with pytest.raises(ConflictError):
            engine.create_secret(SecretSpec(f"h-{run}-key", b"other", {RUN_LABEL: run}))

        assert (first.id, first.name, dict(first.labels)) == (secret, f"h-{run}-key", {RUN_LABEL: run})
        assert "dG9wLXNlY3JldA" not in str(engine.inspect("secret", secret))
        service = engine.create_service(dataclasses.replace(spec, secrets=(ConfigFile(first.name, "key"),)))
        with pytest.raises(InUseError):
            engine.remove_secret(secret)
        with pytest.raises(RequestError, match="no secret"):
            engine.create_service(
                dataclasses.replace(spec, name=f"{spec.name}-2", secrets=(ConfigFile("h-none", "key"),))
            )
        engine.remove_service(service)
        engine.remove_secret(secret)
        assert engine.secrets(f"{RUN_LABEL}={run}") == ()

    def test_what_is_not_there_is_not_found(self, engine: Engine) -> None:
        """Changing or inspecting nothing is an error; removing nothing is none."""
        for call in (
            lambda: engine.scale("nothing", 1),
            lambda: engine.service_logs("nothing"),
            lambda: engine.label_config("nothing", {}),
            lambda: engine.set_availability("nothing", Availability.ACTIVE),
            lambda: engine.inspect("service", "nothing"),
        ):
            with pytest.raises(NotFoundError):
                call()
        engine.remove_service("nothing")
        engine.remove_network("nothing")
        engine.remove_config("nothing")
        engine.remove_secret("nothing")
        assert engine.tasks("nothing") == ()

    def test_a_global_job_runs_once_on_every_node(
        self, engine: Engine, clock: Clock, spec: ServiceSpec
    ) -> None:
        """One task per node that takes tasks; each is found on its node."""
        service = engine.create_service(dataclasses.replace(spec, mode="global-job"))
        wanted = {node.id for node in engine.nodes() if node.takes_tasks}

        until(clock, lambda: {task.node for task in engine.tasks(service)} == wanted, "a task per node")
        node = min(wanted)
        assert {task.node for task in engine.tasks(service, node)} == {node}

    def test_availability_is_set_and_set_back(self, engine: Engine) -> None:
        """A paused node takes no tasks until it is active again."""
        node = engine.nodes()[-1]
        engine.set_availability(node.id, Availability.PAUSE)
        paused = next(one for one in engine.nodes() if one.id == node.id)
        engine.set_availability(node.id, Availability.ACTIVE)
        active = next(one for one in engine.nodes() if one.id == node.id)

        assert not paused.takes_tasks
        assert active.takes_tasks

    def test_events_tell_of_services_and_end_when_closed(self, engine: Engine, spec: ServiceSpec) -> None:
        """A created service is told; closing the stream ends the loop over it."""
        stream = engine.events()
        service = engine.create_service(spec)
        try:
            told = next(event for event in stream if event.type == "service" and event.id == service)
        finally:
            stream.close()

        assert told.action == "create"
        assert told.nano > 0
        assert list(stream) == []
