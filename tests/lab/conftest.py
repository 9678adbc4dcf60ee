"""One lab for all tests against a real swarm, brought up when the first needs it.

Tests that speak to engines are marked ``in_the_lab``: they are run by a second pytest inside the lab's
network, and their reports are told here as if they had run here.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Generator, Iterator
from pathlib import Path

import pytest

from harness import lab as labs
from harness.errors import HarnessError
from harness.lab import enter
from harness.lab.uml import state
from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box

_REPORTS = "HARNESS_TEST_REPORTS_FD"
_BOUND = 600.0  # seconds for all tests inside the lab's network
_JUDGED = ("test_gate", "test_planted_faults", "test_mutants")
_APART = ("test_rows", "test_stacks", "test_tutorial_images")  # longer than every test run may take
_SHARING = {"the_lab", "box", "in_the_lab"}
_LIGHTER = ("test_swarm_facade", "test_engine_contract")  # on the other's, so that both take equally long


class SharedLab:
    """The session's lab: the one of this checkout that runs already, or one that goes with the session."""

    def __init__(self) -> None:
        self._ours = False

    def get(self) -> UmlLab:
        """The lab, brought up when it does not run."""
        found = labs.find()
        if found is None:
            self._ours = True
            found = labs.up()
        return found

    def close(self) -> None:
        """Take it down if we brought it up."""
        if self._ours:
            labs.down()


_LAB = pytest.StashKey[SharedLab]()
_INSIDE = pytest.StashKey[dict[str, list[pytest.TestReport]]]()


def pytest_configure(config: pytest.Config) -> None:
    """Know the mark, and the lab."""
    for mark in (
        "in_the_lab: runs inside the lab's network, where engines answer",
        "alone: needs no lab or brings up its own; may run beside those that share one",
        "shared: on the lab that tests share",
        "judged: what the harness says of a swarm, on a machine that has nothing else to do",
        "rows: every row of the tutorial with one thing broken; not part of every test run",
    ):
        config.addinivalue_line("markers", mark)
    if config.option.markexpr == "alone" and _REPORTS not in os.environ:  # beside those that share ours
        os.environ["HARNESS_LAB"] = f"{state.lab_key()}-alone"
    config.stash[_LAB] = SharedLab()


def pytest_unconfigure(config: pytest.Config) -> None:
    """The lab goes last."""
    config.stash[_LAB].close()


@pytest.hookimpl(tryfirst=True)  # before -m chooses
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Each test is of one kind; what needs no lab of ours comes first: while it is up it takes time."""
    order = ("in_the_lab", "alone", "shared", "judged", "rows")
    places = {"alone": 0, "in_the_lab": 1, "shared": 2, "judged": 3, "rows": 4}

    def place(item: pytest.Item) -> int:
        names = {mark.name for mark in item.iter_markers()}
        return places[next(name for name in order if name in names)]

    for item in items:
        needs = {*getattr(item, "fixturenames", ()), *(mark.name for mark in item.iter_markers())}
        sharing = "shared" if needs & _SHARING and item.path.stem not in _LIGHTER else "alone"
        apart = "judged" if item.path.stem in _JUDGED else "rows" if item.path.stem in _APART else ""
        item.add_marker(apart or sharing)
    items.sort(key=place)


def pytest_runtest_protocol(item: pytest.Item, nextitem: pytest.Item | None) -> bool | None:
    """Tell the reports of a test that ran inside the lab's network; the first one runs them all."""
    if item.get_closest_marker("in_the_lab") is None or _REPORTS in os.environ:
        return None
    if _INSIDE not in item.config.stash:
        item.config.stash[_INSIDE] = _run_inside(item.session)
    item.ihook.pytest_runtest_logstart(nodeid=item.nodeid, location=item.location)
    reports = item.config.stash[_INSIDE].get(item.nodeid) or [
        pytest.TestReport(item.nodeid, item.location, {}, "failed", "did not run inside the lab", "call")
    ]
    for report in reports:
        item.ihook.pytest_runtest_logreport(report=report)
    item.ihook.pytest_runtest_logfinish(nodeid=item.nodeid, location=item.location)
    if nextitem is None:
        item.session._setupstate.teardown_exact(None)  # what pytest does after the last test
    return True


def _run_inside(session: pytest.Session) -> dict[str, list[pytest.TestReport]]:
    session.config.stash[_LAB].get()
    wanted = [item.nodeid for item in session.items if item.get_closest_marker("in_the_lab")]
    reader, writer = os.pipe()
    words = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *wanted]
    found: dict[str, list[pytest.TestReport]] = {}
    with subprocess.Popen(
        enter.command(words),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        pass_fds=[writer],
        cwd=session.config.rootpath,
        env={**os.environ, _REPORTS: str(writer)},
    ) as child:
        os.close(writer)
        with os.fdopen(reader) as lines:
            for line in lines:
                data = json.loads(line)
                report = session.config.hook.pytest_report_from_serializable(config=session.config, data=data)
                found.setdefault(report.nodeid, []).append(report)
        child.wait(_BOUND)
    return found


def pytest_runtest_logreport(report: pytest.TestReport) -> None:
    """Inside the lab's network: pass the report on to the pytest that started us."""
    descriptor = os.environ.get(_REPORTS)
    if descriptor is not None:
        data = report._to_json() | {"$report_type": "TestReport"}
        os.write(int(descriptor), json.dumps(data, default=str).encode() + b"\n")


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item) -> Generator[None, pytest.TestReport, pytest.TestReport]:
    """A test that failed on the shared lab is told with what its nodes say of themselves."""
    report = yield
    lab = item.funcargs.get("the_lab") if isinstance(item, pytest.Function) else None
    if report.failed and isinstance(lab, UmlLab):
        report.sections.append(("the lab", _words_of(lab)))
    return report


def _words_of(lab: UmlLab) -> str:
    told = []
    for node in lab.nodes:
        try:
            said = lab.exec(node.hostname, ["tail", "-n", "8", "/var/log/dockerd.log"], bound=5.0).out
        except HarnessError as error:
            said = f"{error}\n"
        told.append(f"{node.hostname}: {lab.console(node.hostname)[-400:]}\n{said}")
    return "\n".join(told)


@pytest.fixture(scope="session")
def the_lab(pytestconfig: pytest.Config) -> UmlLab:
    """One manager and two workers, shared by all tests: whoever hurts it heals it."""
    return pytestconfig.stash[_LAB].get()


@pytest.fixture
def box(tmp_path: Path) -> Box:
    """A place to run the installed command in, on the shared lab where one is up."""
    return Box(tmp_path / "box")


@pytest.fixture
def lonely_box(tmp_path: Path) -> Iterator[Box]:
    """A place to run the installed command in that sees no lab but the one it brings up."""
    made = Box(tmp_path / "box", lab=f"tests-{os.getpid()}")
    yield made
    if made.lab_folder.exists():
        made.run("lab", "down")
