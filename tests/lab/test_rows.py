"""Every row of the tutorial with one thing broken on purpose: its suite must catch it, and name it.

Beside the mutants of the mesh: what is broken here, tables and packets do not show. Not part of every test
run; ``tox -e rows`` runs them.
"""

from __future__ import annotations

import pytest

from harness.errors import Exit
from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box
from tests.rows import control, ingress, networks, services
from tests.rows.broken import begun

# an iptables that does not write what the chain of a cut is for: to drop
_BLUNT = """
cat > /usr/local/sbin/iptables <<'END'
#!/bin/sh
case "$*" in *"-A HARNESS-CUT"*) exit 0 ;; esac
exec /usr/sbin/iptables "$@"
END
chmod +x /usr/local/sbin/iptables
"""
_SHARP = "rm -f /usr/local/sbin/iptables"
ROWS = {**control.ROWS, **networks.ROWS, **ingress.ROWS, **services.ROWS}


@pytest.mark.parametrize("row", ROWS)
def test_what_is_broken_is_named(the_lab: UmlLab, box: Box, row: str) -> None:
    """Exit 1, one finding, exact; the workloads are gone."""
    broken = ROWS[row]

    try:
        waits = ("--pause-after", "deploy") if broken.paused else ()
        with box.started("gate", "--profile", "full", "--only", broken.check, *waits) as gate:
            gate.reaches(lambda: broken.moment(box), within=300)
            for node in the_lab.nodes:
                assert the_lab.exec(node.hostname, ["sh", "-c", broken.plant]).ok
            (box.runs()[-1] / "continue").touch()
            done = gate.ended(within=400)
    finally:
        for node in the_lab.nodes:
            the_lab.exec(node.hostname, ["sh", "-c", broken.heal])

    assert (done.code, done.err) == (1, "")
    (check,) = (one for one in box.verdicts()["checks"] if one["verdict"] == "refuted")
    found = check["numbers"].get("findings") or [{"name": check["finding"], "subject": check["subject"]}]
    assert (check["id"], {one["name"] for one in found}) == (broken.check, {broken.name})
    nodes = {node.hostname for node in the_lab.nodes} if broken.node is None else {broken.node}
    assert {one["subject"]["node"] for one in found} <= nodes
    assert box.left(the_lab, runs=1) == []
    for node in the_lab.nodes:
        assert the_lab.exec(node.hostname, ["docker", "volume", "ls", "-q"]).out == ""


def test_a_cut_that_does_not_bite_is_unknown(the_lab: UmlLab, box: Box) -> None:
    """A fault counts only with proof: nothing was dropped, so nothing is upheld and nothing refuted."""
    try:
        with box.started("gate", "--profile", "full", "--only", "ports.4789") as gate:
            gate.reaches(lambda: begun(box))
            for node in the_lab.nodes:
                assert the_lab.exec(node.hostname, ["sh", "-c", _BLUNT]).ok
            done = gate.ended()
    finally:
        for node in the_lab.nodes:
            the_lab.exec(node.hostname, ["sh", "-c", _SHARP])

    assert done.code == Exit.UNKNOWN
    told = [one for one in box.verdicts()["checks"] if "no proof that cut-4789" in one["sentence"]]
    assert [one["verdict"] for one in told] == ["unknown"] * 3
    for node in the_lab.nodes:
        assert "HARNESS-CUT" not in the_lab.exec(node.hostname, ["iptables", "-S"]).out
