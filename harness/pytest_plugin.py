"""The suites as plain pytest: options, selection by promise, exit codes of the table, clean-up on every end.

``pytest suites -k spread --target lab`` works by hand; ``harness gate`` runs the very same.
Asleep unless a path under ``suites`` is among the arguments, so the project's own tests are not touched.
"""

from __future__ import annotations

import sys
from collections.abc import Generator
from pathlib import Path
from typing import Any

import pytest

from harness import checks
from harness.errors import Exit, HarnessError
from harness.judge.verdict import State
from harness.stage import STAGE

_WORDS = (
    "vocabulary",
    "witnesses",
    "bounds",
    "breaking",
    "pairwise",
    "storage",
    "secrecy",
    "rolling",
    "stacking",
    "publishing",
    "republishing",
    "seeing",
    "neighbours",
    "encrypted",
    "vips",
    "ruling",
    "cutting",
    "trusting",
    "proxying",
    "voting",
    "login",
)
# fixtures that deploy services for a session, the last ones first: each ends when its last test is over
_DEPLOYED = (
    "ruled",
    "sealed",
    "store",
    "rolled",
    "healthy",
    "flask",
    "redis",
    "on_encrypted",
    "neighbours",
    "deployed",
)
ROOT = Path(__file__).resolve().parents[1]
_EXIT = {State.UPHELD: Exit.UPHELD, State.REFUTED: Exit.REFUTED, State.UNKNOWN: Exit.UNKNOWN}


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the suites; ``harness gate`` passes the run's folder, which holds the rest."""
    group = parser.getgroup("swarm", "verify a Docker Swarm")
    group.addoption("--target", default="lab", help="lab, tcp://HOST:2376, unix:///PATH or context:NAME")
    group.addoption("--profile", default="release", help="checks to verify: smoke, release or full")
    group.addoption("--harness-config", type=Path, default=None, help="configuration file (harness.toml)")
    group.addoption("--run-dir", type=Path, default=None, help="folder of a run that was prepared already")
    group.addoption("--progress-fd", type=int, default=None, help="pipe to tell progress through")


def _suites_asked(config: pytest.Config) -> bool:
    suites = ROOT / "suites"
    asked = (config.invocation_params.dir / argument.split("::")[0] for argument in config.args)
    return any(suites == path.resolve() or suites in path.resolve().parents for path in asked)


@pytest.hookimpl(tryfirst=True)
def pytest_cmdline_main(config: pytest.Config) -> int | None:
    """Enter the lab's network before anything of the run is imported."""
    if not _suites_asked(config) or config.option.collectonly or config.option.run_dir is not None:
        return None
    if config.option.target == "lab":
        from harness.lab import enter  # noqa: PLC0415  only runs on a lab need it

        try:
            if not enter.inside():
                if any(check.tutorial for check in checks.of_profile(config.option.profile)):
                    from harness import lab  # noqa: PLC0415  as above

                    lab.serve_tutorial()
                enter.enter([sys.executable, "-m", "pytest", *config.invocation_params.args])
        except HarnessError as error:
            print(f"harness: {error}", file=sys.stderr)  # noqa: T201  one line, as every command's error
            return int(error.exit)
    return None


def pytest_configure(config: pytest.Config) -> None:
    """Know our mark; bring the vocabulary in where suites are run."""
    config.addinivalue_line("markers", "check(*ids): the promises that a test of the suites judges")
    if _suites_asked(config):
        config.pluginmanager.register(_Suites(config), "swarm-suites")
        for words in _WORDS:
            config.pluginmanager.import_plugin(f"harness.stage.{words}")


class _Suites:
    """The hooks of a run of the suites."""

    def __init__(self, config: pytest.Config) -> None:
        self.config = config

    def pytest_sessionstart(self, session: pytest.Session) -> None:
        """Open the run: folder, journal, interrupts."""
        if self.config.option.collectonly:
            return
        from harness.stage.session import Stage  # noqa: PLC0415  importing it costs the engine client

        try:
            self.config.stash[STAGE] = Stage.open(session)
        except HarnessError as error:
            raise pytest.UsageError(str(error)) from error

    def pytest_collection_modifyitems(self, config: pytest.Config, items: list[pytest.Item]) -> None:
        """Keep the tests that judge a selected promise, in the order of the promises' table."""
        if config.option.collectonly:
            return
        selected = self.config.stash[STAGE].selected
        order = {check.id: place for place, check in enumerate(checks.CHECKS)}
        kept = [item for item in items if selected & set(_promised(item))]
        config.hook.pytest_deselected(items=[item for item in items if item not in kept])
        items[:] = sorted(kept, key=lambda item: min(order[check] for check in _promised(item)))

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """A test's promises are counted from here; disruptive ones do not start on a hurt swarm."""
        stage = self.config.stash[STAGE]
        stage.interrupts.cleaning = False
        stage.promises.begin(item.nodeid.rpartition("/")[2])
        if why := stage.forbids(_promised(item)):
            pytest.skip(why)
        self._let_go(item)

    def _let_go(self, item: pytest.Item) -> None:
        """Remove services that no test needs any more: what is broken next is judged without them.

        Their tasks would all be replaced when a node is lost, and join networks when one returns.
        """
        items = item.session.items
        later = items[items.index(item) :]
        needed = {name for one in later if isinstance(one, pytest.Function) for name in one.fixturenames}
        for name in _DEPLOYED:
            for known in item.session._fixturemanager.getfixturedefs(name, item) or ():  # noqa: SLF001  nothing public ends one
                if name not in needed and known.cached_result is not None:
                    try:
                        known.finish(item._request)  # type: ignore[attr-defined]  # noqa: SLF001  as above
                    except HarnessError as error:
                        self.config.stash[STAGE].note_trouble(error)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_call(self) -> Generator[None, Any, Any]:
        """A first broken promise does not hide a second: the test fails at its end."""
        outcome = yield
        self.config.stash[STAGE].promises.settle()
        return outcome

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_teardown(self, nextitem: pytest.Item | None) -> None:
        """From here to the next test an interrupt waits; after the last one everything is removed."""
        stage = self.config.stash[STAGE]
        if nextitem is None and stage.clear is not None:
            stage.pause("end")
            stage.clean_up()
        stage.interrupts.cleaning = True

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Trouble of our own or with the request goes to the journal; a wrong request ends the run."""
        report = yield
        error = None if call.excinfo is None else call.excinfo.value
        if isinstance(error, pytest.skip.Exception):
            self.config.stash[STAGE].skip(_promised(item), str(error))
        elif error is not None and not isinstance(error, KeyboardInterrupt):
            self.config.stash[STAGE].note_trouble(error)
            self.config.stash[STAGE].keep_artifacts(error)
        return report

    @pytest.hookimpl(tryfirst=True)
    def pytest_sessionfinish(self) -> None:
        """Clean-up follows: no interrupt tears it."""
        if STAGE in self.config.stash:
            self.config.stash[STAGE].clean_up()

    @pytest.hookimpl(trylast=True)
    def pytest_unconfigure(self, config: pytest.Config) -> None:
        """Close the run."""
        if STAGE in config.stash:
            config.stash[STAGE].close()


@pytest.hookimpl(wrapper=True, tryfirst=True)
def pytest_sessionfinish(session: pytest.Session) -> Generator[None, Any, None]:
    """Set pytest's exit status to the table, after all fixtures were torn down."""
    yield
    stage = session.config.stash.get(STAGE, None)
    if stage is not None:
        session.exitstatus = stage.exit(_EXIT[stage.promises.state(stage.skipped)])


def _promised(item: pytest.Item) -> tuple[str, ...]:
    return tuple(str(check) for mark in item.iter_markers("check") for check in mark.args)
