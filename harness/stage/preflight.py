"""Taking the evidence of a preflight: engines, images, ways to the nodes, and all that an audit reads."""

from __future__ import annotations

import contextlib
import dataclasses
import threading
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor

from harness import checks, lab
from harness.config import Settings, Tls
from harness.doctor.ground import Ground
from harness.doctor.preflight import swarm_can_work
from harness.engine.dockerd import DockerEngine
from harness.engine.failures import FlickerError
from harness.engine.protocol import Engine
from harness.errors import HarnessError, Interrupted, RequestError, Unmeasurable
from harness.evidence import EngineLook, KernelLook, Preflight, Truth
from harness.inside import kernel
from harness.judge.verdict import Verdict
from harness.model import Node
from harness.progress import Progress, step
from harness.stage import opening
from harness.stage.ports import Ports
from harness.swarm import truth
from harness.swarm.cluster import Swarm

_AT_ONCE = 16  # engines, images or nodes that are asked at the same time
_LEADERLESS = "does not have a leader"


@dataclasses.dataclass(frozen=True)
class Taken:
    """The evidence of a preflight."""

    asked: Preflight
    look: KernelLook
    before: Truth
    after: Truth

    @property
    def ground(self) -> Ground:
        """For all checks."""
        return Ground(self.asked, self.look, self.before, self.after)

    def judged(self) -> Verdict:
        """Whether the swarm can work, and a run on it."""
        return swarm_can_work(self.asked, self.look, self.before, self.after)


def take(
    swarm: Swarm,
    settings: Settings,
    progress: Progress,
    *,
    in_lab: bool,
    stop: threading.Event | None = None,
) -> Taken:
    """Ask all, and keep it in the journal. What does not answer is part of the evidence, not an error.

    Args:
        swarm: which is asked; besides a job of ours nothing is made on it.
        settings: images, ports and the nodes' addresses.
        progress: told of the steps.
        in_lab: whether it is a lab of ours, whose every engine may be asked.
        stop: set by another thread, it ends the job early.

    Raises:
        Unmeasurable: the manager does not answer.
        Interrupted: ``stop`` was set.
    """
    leaderless = ""
    try:
        before = truth.read(swarm.engine, swarm.journal)
        swarm.cluster()
    except FlickerError as error:
        if _LEADERLESS not in error.message:
            raise
        leaderless, before = error.message, _silence(swarm)
    with step(progress, "ask engines and registries"):
        asked = _asked(swarm, settings, before.nodes, in_lab=in_lab)
    with step(progress, "read the kernels"):
        look, trouble = _look(swarm, settings, before, leaderless, stop)
    after = before if leaderless else truth.read(swarm.engine, swarm.journal)
    asked = dataclasses.replace(asked, trouble=trouble, leaderless=leaderless)
    return Taken(swarm.journal.keep(asked), look, before, after)


def _silence(swarm: Swarm) -> Truth:
    """The word of a manager that says nothing."""
    at = swarm.clock.now()
    return swarm.journal.keep(Truth(swarm.journal.new_id("truth"), at, 0.0, (), (), (), ()))


def _look(
    swarm: Swarm, settings: Settings, before: Truth, leaderless: str, stop: threading.Event | None
) -> tuple[KernelLook, str]:
    """The kernels, and why no job could read them; what it says then is that they are missing."""
    why = leaderless
    if not leaderless:
        try:
            encrypted = any(network.encrypted for network in before.networks)
            return kernel.look(swarm, settings.images.job, prove=True, encrypted=encrypted, stop=stop), ""
        except Interrupted:
            raise
        except (RequestError, Unmeasurable) as error:
            why = str(error)
    now = swarm.clock.now()
    missing = tuple((node.hostname, why) for node in before.nodes if node.takes_tasks)
    found = KernelLook(swarm.journal.new_id("kernellook"), now, now, (), missing)
    return swarm.journal.keep(found), f"the job that reads the kernels could not run: {why}"


def _asked(swarm: Swarm, settings: Settings, nodes: Sequence[Node], *, in_lab: bool) -> Preflight:
    info = swarm.engine.info()
    images = settings.images
    wanted = (images.whoami, images.redis, images.flask, images.job)
    addresses = {
        node.hostname: settings.nodes.get(node.hostname) or node.address for node in nodes if node.ready
    }
    with ThreadPoolExecutor(_AT_ONCE, thread_name_prefix="preflight") as pool:
        reach = pool.map(lambda address: opening.answer(address, opening.GOSSIP_PORT), addresses.values())
        engines = pool.map(
            lambda one: _engine(one[0], one[1], wanted), _engines(swarm.engine, info.name, in_lab=in_lab)
        )
        looks = tuple(engines)
        needed = _needed(looks, nodes, wanted)
        registry = pool.map(lambda image: _registry(swarm.engine, image), needed)
        return Preflight(
            id=swarm.journal.new_id("preflight"),
            at=swarm.clock.now(),
            lab=in_lab,
            manager=info.name,
            engines=looks,
            registry=tuple(zip(needed, registry, strict=True)),
            reach=tuple(
                (node, address, state)
                for (node, address), state in zip(addresses.items(), reach, strict=True)
            ),
            ports=Ports(settings.published_port).of(check.id for check in checks.of_profile("release")),
            pools=info.pools,
            job_image=images.job,
        )


@contextlib.contextmanager
def _lab_engine(hostname: str) -> Iterator[Engine]:
    running = lab.find()
    if running is None:
        raise Unmeasurable("no lab is running", remedy="harness lab up")
    end = running.endpoint_of(hostname)
    engine = DockerEngine.open(end.url, Tls(ca=end.ca, cert=end.cert, key=end.key), name=hostname)
    with contextlib.closing(engine):
        yield engine


def _engines(
    manager: Engine, name: str, *, in_lab: bool
) -> list[tuple[str, contextlib.AbstractContextManager[Engine]]]:
    """Every engine that may be asked, by the hostname of its node."""
    running = lab.find() if in_lab else None
    others = [node.hostname for node in running.nodes if node.hostname != name] if running else []
    return [(name, contextlib.nullcontext(manager)), *((one, _lab_engine(one)) for one in others)]


def _engine(
    name: str, opened: contextlib.AbstractContextManager[Engine], images: Sequence[str]
) -> EngineLook:
    try:
        with opened as engine:
            version, info = engine.version(), engine.info()
            having = {image: engine.has_image(image) for image in dict.fromkeys(images)}
    except HarnessError as error:
        return EngineLook(name, trouble=str(error))
    return EngineLook(
        name,
        version.engine,
        version.api,
        version.minimum,
        version.spoken,
        info.firewall,
        info.live_restore,
        tuple(image for image, there in having.items() if there),
        tuple(image for image, there in having.items() if not there),
    )


def _needed(looks: Sequence[EngineLook], nodes: Sequence[Node], images: Sequence[str]) -> tuple[str, ...]:
    """Images that some node may have to pull."""
    having: Mapping[str, set[str]] = {
        image: {one.node for one in looks if image in one.images} for image in images
    }
    everywhere = {node.hostname for node in nodes}
    return tuple(image for image, there in having.items() if not there >= everywhere)


def _registry(engine: Engine, image: str) -> str:
    try:
        return "known" if engine.registry_has(image) else "absent"
    except HarnessError as error:
        return error.message
