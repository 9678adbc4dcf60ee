"""What the mesh cannot do, on layer 4 and without stickiness, a proxy before it does."""

import pytest

from harness.judge.proxies import answers_securely, outlives_node, proxied_evenly, proxied_stickily, talks_on
from harness.workloads.proxies import CHECK

each = pytest.mark.parametrize(
    "proxy", ["haproxy-inside", "haproxy-front", "nginx-inside", "nginx-front"], indirect=True
)

inside = pytest.mark.parametrize("proxy", ["haproxy-inside", "nginx-inside"], indirect=True)


@each
@pytest.mark.check("proxy.balanced")
def test_every_backend_gets_its_share(proxy, visited, promise):
    """Inside the swarm over the tasks that a dnsrr name tells, in front of it over its nodes."""
    promise("proxy.balanced", proxied_evenly(visited(proxy)))


@each
@pytest.mark.check("proxy.sticky")
def test_a_client_stays_where_its_cookie_says(proxy, visited, promise):
    """In front of the nodes it stays with a node, whose mesh spreads its requests all the same."""
    promise("proxy.sticky", proxied_stickily(visited(proxy, sticky=True)))


@inside
@pytest.mark.check("proxy.tls")
def test_tls_ends_at_the_proxy_through_any_node(proxy, secured, promise):
    """The mesh carries it as it is; the certificate is the proxy's secret, and names the nodes."""
    promise("proxy.tls", answers_securely(secured(proxy)))


@inside
@pytest.mark.check("proxy.http2")
def test_http2_is_spoken_through_any_node(proxy, secured, promise):
    """Agreed on in the handshake."""
    promise("proxy.http2", answers_securely(secured(proxy), protocol="h2"))


@inside
@pytest.mark.check("proxy.websocket")
def test_a_websocket_goes_on_through_any_node(proxy, talked, promise):
    """It outlasts a silence that no other request would."""
    promise("proxy.websocket", talks_on(talked(proxy)))


@each
@pytest.mark.check("proxy.dead-node")
def test_a_dead_node_costs_no_request_beyond_the_check(proxy, lost_behind, promise):
    """One node loses its power behind all proxies at once; each finds out by itself."""
    traffic, fault = lost_behind(proxy)

    promise("proxy.dead-node", outlives_node(traffic, fault, check=CHECK))
