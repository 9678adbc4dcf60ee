"""What is kept when a test fails: everything there is to be had, and a line for what is not."""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness import journal, shell
from harness.engine.protocol import LogLine
from harness.errors import RequestError, Unmeasurable
from harness.lab.protocol import LabNode, Role
from harness.model import Availability
from harness.progress import Silent
from harness.stage.artifacts import MOST, Artifacts
from harness.stage.news import Steps
from tests.contract.fakes import FakeClock
from tests.contract.swarms import WEB, Bench, bench

NODES = ("swarm-manager", "swarm-worker1", "swarm-worker2")


class Nodes:
    """The part of a lab that is asked; nodes in ``stuck`` run no command, those in ``off`` have no power."""

    def __init__(self, *, stuck: Sequence[str] = ()) -> None:
        self.nodes = tuple(LabNode(name, "192.0.2.1", Role.WORKER) for name in NODES)
        self.stuck = stuck
        self.asked: set[str] = set()

    def exec(
        self, node: str | None, argv: Sequence[str], *, bound: float = 60.0, stdin: str | bytes | None = None
    ) -> shell.Done:
        """What a node prints; the kernel's log needs a right that nobody has."""
        assert (bound <= 10, stdin) == (True, None)
        if node in self.stuck:
            raise Unmeasurable(f"{argv[0]} on {node} did not finish within {bound:g} s")
        if argv[0] == "dmesg":
            return shell.Done(tuple(argv), 1, "", "dmesg: not permitted")
        return shell.Done(tuple(argv), 0, f"{argv[0]} of {node}\n", "")

    def console(self, node: str) -> str:
        """What its kernel printed."""
        return f"console of {node}\n"

    def kernel_says(self, node: str) -> str:
        """Its kernel answers."""
        self.asked.add(node)
        return f"load of {node}\n"


@dataclasses.dataclass
class Run:
    """A run on a fake swarm with one service."""

    swarm: Bench
    folder: Path
    lab: Nodes
    artifacts: Artifacts
    clock: FakeClock

    def fail(self, error: BaseException, test: str = "test_spread.py::test_even[vip]") -> None:
        """A test fails."""
        with self.artifacts.of(self.swarm.engine, "run1", self.lab):  # type: ignore[arg-type]  # the part used
            self.artifacts.keep(test, error)

    @property
    def records(self) -> list[dict[str, object]]:
        """What was written down."""
        return [dict(one) for one in journal.load(self.folder / "journal.jsonl").of("artifacts")]

    def read(self, name: str) -> str:
        """A file of the first failure."""
        return (self.folder / "artifacts/1-test-even-vip" / name).read_text()


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """A run whose service runs."""
    swarm = bench(tmp_path / "swarm")
    clock = FakeClock()
    log = journal.Journal(tmp_path / "journal.jsonl", clock=clock)
    with swarm.swarm.deploy(WEB) as web:
        swarm.swarm.wait(web.running(), within=10)
        yield Run(swarm, tmp_path, Nodes(), Artifacts(tmp_path, log, Steps(Silent(), log)), clock)
    swarm.swarm.close()
    swarm.journal.close()
    log.close()


def test_a_failure_keeps_inspects_lists_and_logs(run: Run) -> None:
    """Nodes, services, tasks; what tasks wrote; each node's engine log and console."""
    task = run.swarm.engine.tasks()[0]
    run.swarm.engine.logs[WEB.name] = [LogLine(task.node, task.id, "it began")]

    run.fail(AssertionError("broken"))

    assert {one["hostname"] for one in json.loads(run.read("nodes.json"))} == set(NODES)
    assert [one["name"] for one in json.loads(run.read("services.json"))] == [WEB.name]
    assert len(json.loads(run.read("tasks.json"))) == 3
    assert f"{task.id[:12]} stdout it began" in run.read(f"logs/{WEB.name}.log")
    for node in NODES:
        assert run.read(f"{node}/engine.log") == f"tail of {node}\n"
        assert run.read(f"{node}/console.log") == f"console of {node}\n"
    assert run.lab.asked == set(), "to ask a kernel past its programs may shake it"


def test_the_list_reads_as_docker_prints_it(run: Run) -> None:
    """One row per node, service and task, columns aligned."""
    node = run.swarm.engine.nodes()[1]
    run.swarm.engine.set_availability(node.id, Availability.PAUSE)

    run.fail(AssertionError("broken"))
    lines = run.read("swarm.txt").splitlines()

    assert [line.split()[0] for line in lines if line] == [
        "NODE", *NODES, "SERVICE", WEB.name, "TASK", *(f"{WEB.name}.{slot}" for slot in (1, 2, 3)),
    ]  # fmt: skip
    assert lines[2].split()[:3] == ["swarm-worker1", "ready", "pause"]
    assert lines[0].index("STATE") == lines[1].index("ready")


def test_what_is_not_there_is_named(run: Run) -> None:
    """A command that failed, with its reason; the record lists what there is."""
    run.fail(AssertionError("broken"))
    (record,) = run.records

    assert record["missing"] == [f"{node}/kernel.log: dmesg: not permitted" for node in NODES]
    assert record["folder"] == "artifacts/1-test-even-vip"
    assert {"swarm.txt", "nodes.json", "swarm-worker2/engine.log"} <= set(record["files"])  # type: ignore[call-overload]


def test_a_node_that_runs_nothing_is_asked_by_its_kernel(run: Run) -> None:
    """One silent command is enough to know."""
    run.lab.stuck = ("swarm-worker1",)

    run.fail(AssertionError("broken"))

    assert run.lab.asked == {"swarm-worker1"}
    assert run.read("swarm-worker1/console.log") == "console of swarm-worker1\n"
    assert run.read("swarm-worker1/kernel-asked.log") == "load of swarm-worker1\n"
    assert [gap for gap in run.records[0]["missing"] if "worker1" in gap] == [  # type: ignore[attr-defined]
        "swarm-worker1/engine.log: tail on swarm-worker1 did not finish within 6 s"
    ]


def test_an_absent_node_is_asked_for_its_engines_stacks(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """The manager misses it, its userland answers: what the engine waits for is in its stacks."""
    nodes = [
        dataclasses.replace(node, state="down") if node.hostname == "swarm-worker2" else node
        for node in run.swarm.engine.nodes()
    ]
    monkeypatch.setattr(run.swarm.engine, "nodes", lambda: tuple(nodes))

    run.fail(AssertionError("broken"))

    stacks = [name for name in run.records[0]["files"] if "stacks" in name]  # type: ignore[attr-defined]
    assert stacks == ["swarm-worker2/engine-stacks.log"]


def test_a_manager_that_does_not_answer_is_asked_once(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """Every further question would wait as long; the nodes still tell."""
    asked: list[str] = []

    def silent() -> None:
        asked.append("nodes")
        raise Unmeasurable("no answer within 10 s")

    monkeypatch.setattr(run.swarm.engine, "nodes", silent)
    run.fail(AssertionError("broken"))

    assert asked == ["nodes"]
    assert "the manager's word: no answer within 10 s" in run.records[0]["missing"]  # type: ignore[operator]
    assert run.read("swarm-manager/engine.log")


def test_what_fails_soon_after_another_is_not_kept_again(run: Run) -> None:
    """It mostly fails of the same; later ones are kept, up to a number."""
    for number in range(10):
        run.fail(AssertionError(str(number)))
        run.clock.sleep(31)

    assert [str(one["folder"])[:11] for one in run.records] == ["artifacts/1", "artifacts/2", "artifacts/3"]
    assert len(run.records) == MOST


@pytest.mark.parametrize("error", [RequestError("the port is taken"), KeyboardInterrupt(), SystemExit()])
def test_wrong_requests_and_interrupts_keep_nothing(run: Run, error: BaseException) -> None:
    """The first tells its reason itself, the others are in a hurry."""
    run.fail(error)

    assert run.records == []


def test_a_fault_of_ours_is_a_gap_and_not_the_end(run: Run, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is kept is an addition: the run goes on without it."""

    def broken() -> None:
        raise ZeroDivisionError

    monkeypatch.setattr(run.swarm.engine, "nodes", broken)
    run.fail(AssertionError("broken"))

    assert "a fault of the harness: ZeroDivisionError" in str(run.records[0]["missing"])


def test_a_jobs_thread_keeps_nothing_itself(run: Run) -> None:
    """Two of them may fail in one moment; what they raise comes to the main thread."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(run.fail, AssertionError("broken")).result()
    assert run.records == []


def test_a_run_that_has_not_begun_keeps_nothing(run: Run) -> None:
    """No route to a node, for one: its line says all there is. Once a service stands, its tasks tell more."""
    with run.artifacts.of(run.swarm.engine, "another", None):
        run.artifacts.keep("test_x", Unmeasurable("no route"), judged=False)
    assert run.records == []

    with run.artifacts.of(run.swarm.engine, "run1", None):
        run.artifacts.keep("test_x", Unmeasurable("whoami does not run"), judged=False)
    assert len(run.records) == 1


def test_without_a_swarm_there_is_nothing_to_keep(run: Run) -> None:
    """An error before the swarm is known, or after it is left."""
    run.artifacts.keep("test_x", AssertionError("broken"))

    assert run.records == []


def test_elsewhere_than_on_a_lab_the_nodes_are_left_alone(run: Run) -> None:
    """Nothing is installed or run on them; where their logs are is said."""
    with run.artifacts.of(run.swarm.engine, "run1", None):
        run.artifacts.keep("test_x", AssertionError("broken"))

    assert "journalctl -u docker" in str(run.records[0]["missing"])
    assert not any("engine.log" in name for name in run.records[0]["files"])  # type: ignore[attr-defined]


def test_what_goes_wrong_with_keeping_undoes_all_the_same(tmp_path: Path) -> None:
    """Ctrl-C while it is kept, for one: nothing of ours stays on the swarm."""

    def interrupted(_: BaseException) -> None:
        raise KeyboardInterrupt

    made: Bench = bench(tmp_path, failing=interrupted)
    with pytest.raises(KeyboardInterrupt), made.swarm.deploy(WEB):
        raise ZeroDivisionError
    made.swarm.close()
    made.journal.close()

    assert made.engine.services() == ()


def test_a_block_that_fails_is_told_before_it_is_undone(tmp_path: Path) -> None:
    """What was deployed is still there to be looked at."""
    seen: list[int] = []
    made: Bench = bench(tmp_path, failing=lambda _: seen.append(len(made.engine.services())))

    with pytest.raises(ZeroDivisionError), made.swarm.deploy(WEB):
        raise ZeroDivisionError
    made.swarm.close()
    made.journal.close()

    assert (seen, made.engine.services()) == ([1], ())
