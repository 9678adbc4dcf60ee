"""Planting a mutant on a node of the lab: its heal is registered before, here and on the node itself."""

from __future__ import annotations

import dataclasses
import secrets
from collections.abc import Mapping

from harness.errors import Unmeasurable
from harness.lab.protocol import Lab
from harness.mutants import facts
from harness.mutants.mutant import Mutant

_BOUND = 60.0  # seconds for the shell of one mutant
# If nobody heals it, the node does: a killed harness leaves no broken lab behind. Each guard has a file of
# its own: it must not heal what was planted later.
_GUARD = """
cat > "$1"
( sleep 300; test ! -e "$1" || sh -e "$1" ) > /dev/null 2>&1 < /dev/null &
"""


@dataclasses.dataclass(frozen=True)
class Planted:
    """A mutant as a breakage of :mod:`harness.faults.protocol`."""

    lab: Lab
    node: str
    mutant: Mutant
    known: Mapping[str, str]
    lasting: bool = True
    guard: str = dataclasses.field(default_factory=lambda: f"/run/mutant.{secrets.token_hex(6)}.heal")

    @property
    def kind(self) -> str:
        """``mutant`` and its id."""
        return f"mutant {self.mutant.id}"

    @property
    def subject(self) -> str:
        """The node's hostname."""
        return self.node

    def begin(self) -> str:
        """Plant it; that its shell succeeded is the proof.

        Raises:
            Unmeasurable: the shell failed: nothing can be said of a fault that is not there.
        """
        heal = facts.script(self.known, self.mutant.heal)[-1]
        self.lab.exec(self.node, ["sh", "-ec", _GUARD, "guard", self.guard], stdin=heal)
        done = self.lab.exec(self.node, facts.script(self.known, self.mutant.inject), bound=_BOUND)
        if not done.ok:
            told = " ".join((done.err or done.out).split())[-200:]
            raise Unmeasurable(f"{self.mutant.id} could not be planted on {self.node}: {told}")
        self._reboot()
        return f"{self.mutant.title} on {self.node}"

    def end(self) -> None:
        """Heal it.

        Raises:
            Unmeasurable: the shell failed.
        """
        done = self.lab.exec(self.node, facts.script(self.known, self.mutant.heal), bound=_BOUND)
        self.lab.exec(self.node, ["rm", "-f", self.guard])
        if not done.ok:
            told = " ".join((done.err or done.out).split())[-200:]
            raise Unmeasurable(f"{self.mutant.id} could not be healed on {self.node}: {told}")
        self._reboot()

    def _reboot(self) -> None:
        """Power off and on, where a fault needs it: a module that is loaded stays."""
        if self.mutant.reboot:
            self.lab.exec(self.node, ["sync"])
            self.lab.power_off(self.node)
            self.lab.power_on(self.node)
