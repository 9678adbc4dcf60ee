"""Pure judgement: evidence in, verdict out. Nothing here can touch a swarm, and nothing here needs one.

Importing the package registers every judge, so that a saved claim can be repeated whatever suite made it.
"""

from harness.judge import bounds, stats
from harness.judge.availability import kill_outage, nobody_refused, outage, silent_after_death
from harness.judge.capacity import throughput
from harness.judge.cluster import nodes_ready, one_leader, ports_open
from harness.judge.counter import counts_exactly, counts_through_kill
from harness.judge.fresh import names_fresh
from harness.judge.leaving import leaves_by_its_node
from harness.judge.names import tasks_resolve, vip_resolves
from harness.judge.overlay import first_packets, mesh_open
from harness.judge.payload import sizes_pass
from harness.judge.published import answers_at_home, reaches_all, serves_again, serves_on
from harness.judge.reach import answers_everywhere, answers_without_task, closed_after_remove
from harness.judge.recovery import detected, rejoined, replaced, rescheduled
from harness.judge.rollout import completes, fails_well
from harness.judge.scaling import scales
from harness.judge.secrecy import kept_while_used, nowhere_else, readable, rotated
from harness.judge.seen import reaches_itself, sources_as_documented
from harness.judge.settle import even_again
from harness.judge.spread import covered, even, pinned
from harness.judge.vantage import vantages_agree
from harness.judge.verdict import replay
from harness.judge.volume import another_volume

__all__ = [
    "another_volume",
    "answers_at_home",
    "answers_everywhere",
    "answers_without_task",
    "bounds",
    "closed_after_remove",
    "completes",
    "counts_exactly",
    "counts_through_kill",
    "covered",
    "detected",
    "even",
    "even_again",
    "fails_well",
    "first_packets",
    "kept_while_used",
    "kill_outage",
    "leaves_by_its_node",
    "mesh_open",
    "names_fresh",
    "nobody_refused",
    "nodes_ready",
    "nowhere_else",
    "one_leader",
    "outage",
    "pinned",
    "ports_open",
    "reaches_all",
    "reaches_itself",
    "readable",
    "rejoined",
    "replaced",
    "replay",
    "rescheduled",
    "rotated",
    "scales",
    "serves_again",
    "serves_on",
    "silent_after_death",
    "sizes_pass",
    "sources_as_documented",
    "stats",
    "tasks_resolve",
    "throughput",
    "vantages_agree",
    "vip_resolves",
]
