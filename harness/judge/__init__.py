"""Pure judgement: evidence in, verdict out. Nothing here can touch a swarm, and nothing here needs one.

Importing the package registers every judge, so that a saved claim can be repeated whatever suite made it.
"""

from harness.judge import bounds, stats
from harness.judge.availability import kill_outage, nobody_refused, outage, silent_after_death
from harness.judge.capacity import throughput
from harness.judge.cluster import nodes_ready, one_leader, ports_open
from harness.judge.control import keeps_all, locks, tasks_untouched
from harness.judge.counter import counts_exactly, counts_through_kill
from harness.judge.cutting import hides_news, hides_tasks, port_named, serves_on, stays_ready
from harness.judge.fresh import names_fresh
from harness.judge.leaving import leaves_by_its_node
from harness.judge.names import tasks_resolve, vip_resolves
from harness.judge.overlay import first_packets, mesh_open
from harness.judge.payload import sizes_pass
from harness.judge.reach import answers_everywhere, answers_without_task, closed_after_remove
from harness.judge.recovery import detected, rejoined, replaced, rescheduled
from harness.judge.rollout import completes, fails_well
from harness.judge.scaling import scales
from harness.judge.secrecy import kept_while_used, nowhere_else, readable, rotated
from harness.judge.settle import even_again
from harness.judge.spread import covered, even, pinned
from harness.judge.trust import certified, refuses, rotated_root
from harness.judge.vantage import vantages_agree
from harness.judge.verdict import replay
from harness.judge.volume import another_volume

__all__ = [
    "another_volume",
    "answers_everywhere",
    "answers_without_task",
    "bounds",
    "certified",
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
    "hides_news",
    "hides_tasks",
    "keeps_all",
    "kept_while_used",
    "kill_outage",
    "leaves_by_its_node",
    "locks",
    "mesh_open",
    "names_fresh",
    "nobody_refused",
    "nodes_ready",
    "nowhere_else",
    "one_leader",
    "outage",
    "pinned",
    "port_named",
    "ports_open",
    "readable",
    "refuses",
    "rejoined",
    "replaced",
    "replay",
    "rescheduled",
    "rotated",
    "rotated_root",
    "scales",
    "serves_on",
    "silent_after_death",
    "sizes_pass",
    "stats",
    "stays_ready",
    "tasks_resolve",
    "tasks_untouched",
    "throughput",
    "vantages_agree",
    "vip_resolves",
]
