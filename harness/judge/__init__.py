"""Pure judgement: evidence in, verdict out. Nothing here can touch a swarm, and nothing here needs one.

Importing the package registers every judge, so that a saved claim can be repeated whatever suite made it.
"""

from harness.judge import bounds, stats
from harness.judge.apart import apart, joins, well_wired
from harness.judge.availability import kill_outage, nobody_refused, outage, silent_after_death
from harness.judge.behind import fails_for
from harness.judge.capacity import throughput
from harness.judge.cluster import nodes_ready, one_leader, ports_open
from harness.judge.control import keeps_all, locks, tasks_untouched
from harness.judge.counted import counted_answers, counted_covered, counted_even
from harness.judge.counter import counts_exactly, counts_through_kill, falls_once
from harness.judge.cutting import cut_spares_service, hides_news, hides_tasks, port_named, stays_ready
from harness.judge.drawn import aliases_resolve, drawn_at_random, names_stay, refused
from harness.judge.fresh import names_fresh
from harness.judge.leaving import leaves_by_its_node
from harness.judge.names import tasks_resolve, vip_resolves
from harness.judge.onwire import sealed
from harness.judge.overlay import first_packets, mesh_open
from harness.judge.packets import went_the_way
from harness.judge.payload import sizes_pass
from harness.judge.published import answers_at_home, reaches_all, serves_again, serves_on
from harness.judge.reach import answers_everywhere, answers_without_task, closed_after_remove
from harness.judge.recovery import detected, rejoined, replaced, rescheduled
from harness.judge.rollout import completes, fails_well, replaces
from harness.judge.scaling import scales
from harness.judge.secrecy import kept_while_used, nowhere_else, readable, rotated
from harness.judge.seen import reaches_itself, sources_as_documented
from harness.judge.settle import even_again
from harness.judge.spread import covered, even, pinned
from harness.judge.stack import leaves_nothing, runs_as_asked
from harness.judge.trust import certified, refuses, rotated_root
from harness.judge.vantage import vantages_agree
from harness.judge.verdict import replay
from harness.judge.vip import dies_when_silent, own_vip_answers
from harness.judge.volume import another_volume

__all__ = [
    "aliases_resolve",
    "another_volume",
    "answers_at_home",
    "answers_everywhere",
    "answers_without_task",
    "apart",
    "bounds",
    "certified",
    "closed_after_remove",
    "completes",
    "counted_answers",
    "counted_covered",
    "counted_even",
    "counts_exactly",
    "counts_through_kill",
    "covered",
    "cut_spares_service",
    "detected",
    "dies_when_silent",
    "drawn_at_random",
    "even",
    "even_again",
    "fails_for",
    "fails_well",
    "falls_once",
    "first_packets",
    "hides_news",
    "hides_tasks",
    "joins",
    "keeps_all",
    "kept_while_used",
    "kill_outage",
    "leaves_by_its_node",
    "leaves_nothing",
    "locks",
    "mesh_open",
    "names_fresh",
    "names_stay",
    "nobody_refused",
    "nodes_ready",
    "nowhere_else",
    "one_leader",
    "outage",
    "own_vip_answers",
    "pinned",
    "port_named",
    "ports_open",
    "reaches_all",
    "reaches_itself",
    "readable",
    "refused",
    "refuses",
    "rejoined",
    "replaced",
    "replaces",
    "replay",
    "rescheduled",
    "rotated",
    "rotated_root",
    "runs_as_asked",
    "scales",
    "sealed",
    "serves_again",
    "serves_on",
    "silent_after_death",
    "sizes_pass",
    "sources_as_documented",
    "stats",
    "stays_ready",
    "tasks_resolve",
    "tasks_untouched",
    "throughput",
    "vantages_agree",
    "vip_resolves",
    "well_wired",
    "went_the_way",
]
