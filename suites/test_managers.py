"""A manager is restarted, with and without autolock: all that it kept is there, and requests went on."""

import pytest

from harness.judge.availability import outage
from harness.judge.control import keeps_all, locks, tasks_untouched
from harness.judge.secrecy import readable


@pytest.mark.check("cluster.manager-restart")
def test_a_restarted_manager_keeps_all(restarted, promise):
    """The raft store: services, secrets, configs, networks and nodes, each with its id."""
    verdict = keeps_all(restarted.before, restarted.after, restarted.fault)
    promise("cluster.manager-restart", verdict)


@pytest.mark.check("cluster.manager-restart")
def test_tasks_of_other_nodes_run_on(restarted, promise):
    """Workers need no manager for what they run."""
    verdict = tasks_untouched(restarted.was, restarted.runs, restarted.fault)
    promise("cluster.manager-restart", verdict)


@pytest.mark.parametrize("kind", ["secret", "config"])
@pytest.mark.check("cluster.manager-restart")
def test_tasks_find_what_the_manager_kept(restarted, kind, promise):
    """Also those that started after the restart."""
    promise("cluster.manager-restart", readable(restarted.keeping[kind], restarted.runs))


@pytest.mark.check("cluster.manager-restart")
def test_its_restart_costs_no_more_than_gossips_detection(restarted, bounds, limits, promise):
    """Through the workers: what its own tasks would have answered."""
    verdict = outage(restarted.traffic, restarted.fault, within=bounds.gossip, timeout=limits.request_timeout)
    promise("cluster.manager-restart", verdict)


@pytest.mark.check("cluster.autolock")
def test_with_autolock_it_is_locked_until_the_key_is_given(locked, promise):
    """Nothing is told without the key, and a wrong one is refused."""
    promise("cluster.autolock", locks(locked.locking, locked.ruled.fault))


@pytest.mark.check("cluster.autolock")
def test_unlocked_it_has_all_that_it_had(locked, promise):
    """The raft store is read with the key."""
    promise("cluster.autolock", keeps_all(locked.ruled.before, locked.ruled.after, locked.ruled.fault))


@pytest.mark.check("cluster.autolock")
def test_tasks_run_on_while_it_is_locked(locked, promise):
    """A manager that waits for its key stops nobody."""
    promise("cluster.autolock", tasks_untouched(locked.ruled.was, locked.ruled.runs, locked.ruled.fault))
