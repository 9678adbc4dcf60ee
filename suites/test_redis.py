"""flask-redis: the counter in Redis is the judge of what was served."""

import pytest

from harness.judge.behind import fails_for
from harness.judge.counter import counts_exactly, counts_through_kill, falls_once
from harness.swarm.conditions import replaced


@pytest.mark.check("redis.counter")
def test_every_request_is_counted_exactly_once(flask, counting, burst, complaint, limits, promise):
    """INCR and GET are two calls in the original, so the counter judges, not the sentence."""
    with counting(flask) as counted:
        traffic = burst(flask, limits.redis_requests)

    verdict = counts_exactly(
        counted.counter,
        traffic,
        flask.roster(),
        complaint(flask, traffic),
        least=limits.redis_requests,
        readings=1,
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


@pytest.mark.check("redis.refused")
def test_a_wrong_password_is_told_as_such(refused, burst, complaint, promise):
    """The web tier fails; which service refuses it stands in its log."""
    traffic = burst(refused, 10)

    promise("redis.refused", fails_for(traffic, complaint(refused, traffic), name="password-refused"))


@pytest.mark.check("redis.restarted")
def test_a_restarted_redis_starts_empty(flask, redis, counting, steady, kill, allow, bounds, promise):
    """Without a volume. The counter never runs backwards but for that, and then it is said."""
    with counting(flask) as counted, steady(flask, rate=10) as traffic:
        traffic.wait_each(20, within=30)
        with kill(redis) as death:
            allow("the replacement", replaced(redis, death.fault.subject), within=bounds.replaced(redis))
            traffic.wait_each(20, within=30)

    promise("redis.restarted", falls_once(counted.counter, traffic.traffic, death.fault))
