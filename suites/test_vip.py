"""The VIP beyond its balance: from the service's own tasks, and what silence does to a connection."""

import pytest

from harness.judge.vip import dies_when_silent, own_vip_answers


@pytest.mark.check("vip.own-task")
def test_a_task_reaches_its_own_service_through_the_vip(own_vip, limits, promise):
    """Also where the balancer's choice is the asking task itself: the answer must find its way back."""
    promise("vip.own-task", own_vip_answers(own_vip.seen, own_vip.roster, false_alarm=limits.false_alarm))


@pytest.mark.check("vip.idle")
def test_silence_ends_a_connection_and_keep_alive_keeps_it(idling, promise):
    """moby/moby#31208: pools of connections to a database die after a quarter of an hour."""
    promise("vip.idle", dies_when_silent(idling))
