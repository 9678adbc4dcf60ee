"""Pure judgement: evidence in, verdict out. Nothing here can touch a swarm, and nothing here needs one.

Importing the package registers every judge, so that a saved claim can be repeated whatever suite made it.
"""

from harness.judge import bounds, stats
from harness.judge.apart import apart, joins, well_wired
from harness.judge.availability import kill_outage, nobody_refused, outage, silent_after_death
from harness.judge.capacity import throughput
from harness.judge.cluster import nodes_ready, one_leader, ports_open
from harness.judge.counter import counts_exactly, counts_through_kill
from harness.judge.drawn import aliases_resolve, drawn_at_random, names_stay, refused
from harness.judge.fresh import names_fresh
from harness.judge.leaving import leaves_by_its_node
from harness.judge.names import tasks_resolve, vip_resolves
from harness.judge.onwire import sealed
from harness.judge.overlay import first_packets, mesh_open
from harness.judge.payload import sizes_pass
from harness.judge.reach import answers_everywhere, answers_without_task, closed_after_remove
from harness.judge.recovery import detected, rejoined, replaced, rescheduled
from harness.judge.rollout import completes, fails_well
from harness.judge.scaling import scales
from harness.judge.secrecy import kept_while_used, nowhere_else, readable, rotated
from harness.judge.settle import even_again
from harness.judge.spread import covered, even, pinned
from harness.judge.vantage import vantages_agree
from harness.judge.verdict import replay
from harness.judge.vip import dies_when_silent, reaches_itself
from harness.judge.volume import another_volume

__all__ = [
    "aliases_resolve",
    "another_volume",
    "answers_everywhere",
    "answers_without_task",
    "apart",
    "bounds",
    "closed_after_remove",
    "completes",
    "counts_exactly",
    "counts_through_kill",
    "covered",
    "detected",
    "dies_when_silent",
    "drawn_at_random",
    "even",
    "even_again",
    "fails_well",
    "first_packets",
    "joins",
    "kept_while_used",
    "kill_outage",
    "leaves_by_its_node",
    "mesh_open",
    "names_fresh",
    "names_stay",
    "nobody_refused",
    "nodes_ready",
    "nowhere_else",
    "one_leader",
    "outage",
    "pinned",
    "ports_open",
    "reaches_itself",
    "readable",
    "refused",
    "rejoined",
    "replaced",
    "replay",
    "rescheduled",
    "rotated",
    "scales",
    "sealed",
    "silent_after_death",
    "sizes_pass",
    "stats",
    "tasks_resolve",
    "throughput",
    "vantages_agree",
    "vip_resolves",
    "well_wired",
]
