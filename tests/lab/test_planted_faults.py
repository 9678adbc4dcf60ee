"""The gate must be able to fail: three faults planted on one node, each seen, placed and named.

Planted after the service has converged, while the gate waits (``--pause-after deploy``), straight into the
kernel's tables of one node: the manager knows nothing of it.
"""

from __future__ import annotations

import pytest

from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box

NODE = "swarm-worker1"
PORT = 8080
# without the two checks on a service of their own, which the faults cannot touch
SMOKE = ("--profile", "smoke", "--skip", "reach.node-without-task,reach.closed-after-remove")
_INGRESS = "nsenter --net=/var/run/docker/netns/ingress_sbox"
# the mark of the published port, and the first real server of that mark
_MARK = (
    f"mark=$({_INGRESS} iptables -t mangle -S PREROUTING"
    f" | sed -n 's/.*--dport {PORT} .*--set-x\\?mark \\(0x[0-9a-f]*\\).*/\\1/p')"
)
_FIRST = (
    f"server=$({_INGRESS} ipvsadm -Ln -f $((mark)) | awk '$1 == \"->\" && $2 ~ /^[0-9]/ {{print $2; exit}}')"
)
_MISSING = f"{_MARK}\n{_FIRST}\n{_INGRESS} ipvsadm -d -f $((mark)) -r $server"
_DEAD = f"{_MARK}\n{_INGRESS} ipvsadm -a -f $((mark)) -r 10.0.0.251:0 -m"
_CLOSED = (
    f"rule=$(iptables -t nat -S DOCKER-INGRESS | grep -- '--dport {PORT} ' | sed 's/^-A/-D/')\n"
    'test -n "$rule"\n'
    "iptables -t nat $rule"
)


@pytest.mark.parametrize(
    ("plant", "cause", "row", "told"),
    [
        (_MISSING, "replica-missing-at-entry", "missing-ipvs-backend", "every request still succeeds"),
        (_DEAD, "dead-backend-at-entry", "stale-ipvs-backend", "a share of the requests is lost"),
        (_CLOSED, "entry-dead", "missing-dnat", "no request is answered"),
    ],
    ids=["a real server removed", "a real server too many", "the DNAT rule deleted"],
)
def test_a_planted_fault_is_named_with_its_node(
    the_lab: UmlLab, box: Box, plant: str, cause: str, row: str, told: str
) -> None:
    """Exit 1, and over all checks exactly one cause on exactly one node; the kernel names the row."""
    # a table without a backend costs this per request; healthy ones were seen to take 1.2 s
    box.configure("[limits]\nrequest_timeout = 1.5\n")

    with box.started("gate", *SMOKE, "--pause-after", "deploy") as gate:
        gate.reaches(lambda: any(phase["name"] == "deploy" for phase in box.records("phase")))
        planted = the_lab.exec(NODE, ["sh", "-ec", plant])
        assert planted.ok, planted.err
        (box.runs()[-1] / "continue").touch()
        done = gate.ended()

    assert (done.code, done.err) == (1, "")
    refuted = [check for check in box.verdicts()["checks"] if check["verdict"] == "refuted"]
    found = [
        finding
        for check in refuted
        for finding in check["numbers"].get("findings")
        or [{"name": check["finding"], "subject": check["subject"]}]
    ]
    assert {(one["name"], one["subject"]["node"]) for one in found} == {(cause, NODE), (row, NODE)}, told
    assert all(NODE in check["sentence"] and check["remedy"] for check in refuted)
    assert cause in done.out
    lost = [one for one in box.records("sample") if one.get("entry") == NODE and one["outcome"] != "ok"]
    assert bool(lost) == (cause != "replica-missing-at-entry"), told
    kept = box.records("artifacts")[0]
    told_by = {f"{node.hostname}/{log}" for node in the_lab.nodes for log in ("engine.log", "console.log")}
    assert {"swarm.txt", "services.json", "tasks.json", "nodes.json", *told_by} <= set(kept["files"])
    assert (
        kept["missing"],
        all((box.runs()[-1] / kept["folder"] / name).stat().st_size for name in told_by),
    ) == ([], True)
    assert box.left(the_lab, runs=1) == []
