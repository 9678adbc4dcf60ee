"""A stack from a compose file, the user's own or one of ours: it runs, answers, and is removed whole."""

from functools import partial
from itertools import starmap

import pytest

from harness.judge.counted import counted_answers, counted_covered, counted_even, untold
from harness.judge.reach import answers_everywhere, closed_after_remove
from harness.judge.rollout import replaces
from harness.judge.spread import covered, even
from harness.judge.stack import leaves_nothing, runs_as_asked
from harness.mesh.verdict import tables_agree


@pytest.mark.check("stack.runs")
def test_every_service_runs_what_it_asks_for(stack, promise):
    """``docker stack deploy`` waits for nothing; a service that was rolled back runs too."""
    promise("stack.runs", runs_as_asked(stack.seen))


@pytest.mark.check("stack.answers")
def test_every_node_answers_on_each_published_port(published, promise):
    """In HTTP where the application speaks it, else as its kernel does."""
    promise.each("stack.answers", starmap(answers_everywhere, published.heard))
    promise.each("stack.answers", starmap(counted_answers, published.mute))
    promise.each("stack.answers", starmap(untold, published.untold))


@pytest.mark.check("stack.covered")
def test_every_replica_is_used_through_every_node(balanced, limits, promise):
    """By what the answers say of who gave them; where they do not, by the kernels' own count."""
    by_name = partial(covered, miss=limits.miss, false_alarm=limits.false_alarm, periods=limits.periods)
    promise.each("stack.covered", starmap(by_name, balanced.named))
    promise.each("stack.covered", starmap(counted_covered, balanced.counted))


@pytest.mark.check("stack.even")
def test_every_replica_gets_its_share(balanced, limits, promise):
    """Through every node, on every port."""
    by_name = partial(
        even,
        miss=limits.miss,
        false_alarm=limits.false_alarm,
        periods=limits.periods,
        margin=limits.share_margin,
        confidence=limits.share_confidence,
    )
    promise.each("stack.even", starmap(by_name, balanced.named))
    promise.each("stack.even", starmap(counted_even, balanced.turns))


@pytest.mark.check("stack.tables")
def test_every_kernel_holds_what_the_manager_says_of_it(stack_tables, promise):
    """Both ways, on every node."""
    taken, settled = stack_tables
    promise("stack.tables", tables_agree(taken.look, taken.before, taken.after, settled=settled))


@pytest.mark.check("stack.updates")
def test_every_service_is_updated(replaced, promise):
    """Every task replaced by force, under steady requests: what that cost is told."""
    promise.each("stack.updates", starmap(replaces, replaced))


@pytest.mark.check("stack.removed")
def test_nothing_is_left_of_a_removed_stack(gone, limits, promise):
    """moby/moby#29293: a network that outlives its stack; ports that still answer."""
    promise("stack.removed", leaves_nothing(gone.removal))
    promise.each(
        "stack.removed", map(partial(closed_after_remove, within=limits.closed_within), gone.closures)
    )
