"""The embedded DNS: a service's name and its tasks, asked from a task on every node."""

import pytest

from harness.judge.drawn import aliases_resolve, drawn_at_random, names_stay, refused
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


@pytest.mark.check("dns.dnsrr")
def test_under_dnsrr_the_name_is_its_tasks_in_random_order(
    neighbours, looks_around, drawn_after, limits, promise
):
    """No VIP and no IPVS: clients take the first address, so the resolver's order is what balances."""
    verdict = drawn_at_random(
        looks_around[0],
        drawn_after,
        name=neighbours.drawn.name,
        false_alarm=limits.false_alarm,
        miss=limits.miss,
        margin=limits.share_margin,
        confidence=limits.share_confidence,
    )
    promise("dns.dnsrr", verdict)


@pytest.mark.check("dns.dnsrr")
def test_under_dnsrr_no_port_is_published_by_the_ingress(refusal, promise):
    """The ingress balances towards a VIP, which such a service has not."""
    promise("dns.dnsrr", refused(refusal, because="ingress"))


@pytest.mark.check("dns.alias")
def test_an_alias_is_its_service(neighbours, looks_around, promise):
    """A further name of a service, on the network that it was given for."""
    promise("dns.alias", aliases_resolve(looks_around, aliases=neighbours.known_as))


@pytest.mark.check("dns.no-leak")
def test_names_stay_on_their_network(neighbours, looks_around, promise):
    """Networks are namespaces: what is called `db` here is nobody's there."""
    promise("dns.no-leak", names_stay(looks_around, names=neighbours.homes))
