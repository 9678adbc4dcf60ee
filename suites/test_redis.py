"""flask-redis: the counter in Redis is the judge of what was served."""

import pytest

from harness.judge.counter import counts_exactly, counts_through_kill
from harness.swarm.conditions import replaced


@pytest.mark.check("redis.counter")
def test_every_request_is_counted_exactly_once(flask, counting, burst, limits, promise):
    """INCR and GET are two calls in the original, so the counter judges, not the sentence."""
    with counting(flask) as counted:
        traffic = burst(flask, limits.redis_requests)

    verdict = counts_exactly(
        counted.counter, traffic, flask.roster(), least=limits.redis_requests, readings=1
    )
    promise("redis.counter", verdict)


@pytest.mark.check("redis.counter-through-kill")
def test_no_answered_request_is_lost_from_the_count(flask, counting, steady, kill, allow, bounds, promise):
    """What was answered was counted; what was counted was asked for."""
    with counting(flask) as counted, steady(flask, rate=10) as traffic:
        traffic.wait_each(20, within=30)
        with kill(flask) as death:
            allow("the replacement", replaced(flask, death.fault.subject), within=bounds.replaced(flask))
            traffic.wait_each(20, within=30)

    verdict = counts_through_kill(counted.counter, traffic.traffic, death.fault, readings=1)
    promise("redis.counter-through-kill", verdict)
