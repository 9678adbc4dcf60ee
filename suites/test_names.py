"""The embedded DNS: a service's name and its tasks, asked from a task on every node."""

import pytest

from harness.judge.fresh import names_fresh
from harness.judge.names import tasks_resolve, vip_resolves


@pytest.mark.check("vip.resolves")
def test_the_name_resolves_to_exactly_the_vip(overlay_look, promise):
    """moby/moby#30134: two VIPs for one name."""
    promise("vip.resolves", vip_resolves(overlay_look.names))


@pytest.mark.check("dns.tasks")
def test_tasks_resolves_to_exactly_the_running_tasks(overlay_look, roster_then, promise):
    """moby/moby#50129: a record missing on some nodes; a stale one is a fault as well."""
    promise("dns.tasks", tasks_resolve(overlay_look.names, roster_then))


@pytest.mark.check("dns.fresh")
def test_names_follow_when_a_service_is_scaled(name_watch, limits, promise):
    """moby/moby#42833: a dead task's address is handed out long after its end."""
    promise("dns.fresh", names_fresh(name_watch, within=limits.names_within))
