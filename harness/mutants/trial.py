"""One mutant's trial: clean, planted, looked at, healed, clean again."""

from __future__ import annotations

import time
from collections.abc import Iterable, Mapping

from harness.errors import HarnessError, Unmeasurable
from harness.faults.protocol import injected
from harness.judge.verdict import Finding, Verdict
from harness.mesh.taking import Taken
from harness.mutants import design, looking
from harness.mutants.ground import Ground
from harness.mutants.mutant import KERNEL, Mutant, Wanted
from harness.mutants.plant import Planted
from harness.mutants.result import Result, failed
from harness.progress import Progress, step

_SPACES = ("LB", "OV", "INGOV", "TASK")  # facts that name a namespace of the ground
_NEWS = 5.0  # seconds until a manager knows what became of the tasks of an engine that was restarted
_OWN = {"NODE": "", "PEER_NODE": "PEER_", "THIRD_NODE": "THIRD_"}


def run(mutant: Mutant, ground: Ground, progress: Progress) -> Result:
    """Try one mutant; whatever happens, it is healed.

    Raises:
        Unmeasurable: the swarm does not get whole again: no further trial makes sense.
    """
    began = time.monotonic()
    with step(progress, f"{mutant.id}  {mutant.title}"):
        try:
            result = _tried(mutant, ground)
        except HarnessError as error:
            result = failed(mutant, str(error)).model_copy(update={"troubled": True})
            _recover(ground)
    return result.after(time.monotonic() - began)


def _tried(mutant: Mutant, ground: Ground) -> Result:
    def gate(when: str) -> None:
        if when == "before" and ground.clean:
            return
        if mutant.renews or mutant.reboot:
            ground.swarm.clock.sleep(_NEWS)
            ground.run()
        ground.settle()
        if when == "after" and (mutant.renews or mutant.reboot):
            ground.learn()

    found: Result | None = None
    try:
        with injected(_planted(mutant, ground), ground.swarm.journal, gate=gate):
            ground.clean = False
            found = _looked(mutant, ground)
    except HarnessError as error:
        if found is None:
            raise
        _recover(ground)
        return found.model_copy(update={"troubled": True, "why": f"not healed: {error}"})
    return found


def _planted(mutant: Mutant, ground: Ground) -> Planted:
    return Planted(ground.lab, ground.known[mutant.elsewhere or "NODE"], mutant, ground.known)


def _looked(mutant: Mutant, ground: Ground) -> Result:
    roster = ground.web.roster()
    ground.swarm.clock.sleep(mutant.settle)
    if mutant.by_design:
        told = design.measure(mutant.by_design, ground, roster)
        return failed(mutant, "").model_copy(update={"by_design": told})
    # the audit comes first: traffic might teach the overlay what was taken from it
    taken = ground.audit()
    verdicts = looking.ask(ground, roster, mutant.ask) | {KERNEL: taken.judged()}
    return _result(mutant, ground, taken, verdicts)


def _result(mutant: Mutant, ground: Ground, taken: Taken, verdicts: Mapping[str, Verdict]) -> Result:
    caught = [name for name, one in verdicts.items() if looking.refuted(one)]
    findings = [*taken.audit().findings]
    if KERNEL not in mutant.witnesses:  # traffic alone can name it, and the audit must stay quiet
        findings += [one for verdict in verdicts.values() for one in verdict.findings]
    told = sorted({_told(one, ground) for one in findings})
    wish = sorted(_wish(one, ground) for one in mutant.wanted)
    named = bool(wish) and told == wish
    silent = sorted(mutant.witnesses - set(caught))
    why = [f"{name} did not refute ({verdicts[name]})" for name in silent]
    if not named:
        why.append(f"told was {_listed(told)} instead of {_listed(wish)}")
        why += sorted({f"unknown: {' '.join(one)}" for one in taken.audit().unknowns})
    return failed(mutant, "; ".join(why)).model_copy(
        update={"caught_by": tuple(sorted(caught)), "named": named, "findings": tuple(told)}
    )


def _recover(ground: Ground) -> None:
    """Make the swarm whole after a trial that failed: by itself, or by a restart of the node's engine.

    Raises:
        Unmeasurable: it does not get whole.
    """
    try:
        ground.settle()
    except Unmeasurable:
        for word in ("stop", "start"):
            ground.lab.exec(ground.node, ["engine", word], bound=60.0)
        ground.run()
        ground.settle()
    ground.learn()


def _told(finding: Finding, ground: Ground) -> str:
    one = finding.subject
    return _words(
        finding.name,
        one.node,
        _space(one.namespace, one.node, ground),
        _service(one.service, ground),
        one.address,
    )


def _wish(wanted: Wanted, ground: Ground) -> str:
    address = ground.known[wanted.address] if wanted.address else ""
    return _words(wanted.finding, ground.known.get(wanted.at, ""), wanted.space, wanted.service, address)


def _words(name: str, node: str, space: str, service: str, address: str) -> str:
    return f"{name} at {', '.join(word for word in (node, space, service, address) if word)}"


def _space(name: str, node: str, ground: Ground) -> str:
    """A namespace by what it is to the ground: its own name differs from run to run."""
    own = next((prefix for at, prefix in _OWN.items() if ground.known[at] == node), "")
    for fact in _SPACES:
        if name and ground.known.get(f"{own}{fact}", "").rpartition("/")[2] == name:
            return fact
    return name


def _service(name: str, ground: Ground) -> str:
    return {ground.web.name: "web", ground.api.name: "api"}.get(name, name)


def _listed(told: Iterable[str]) -> str:
    return "; ".join(told) or "nothing"
