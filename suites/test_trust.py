"""Who may be in the swarm: the nodes' certificates, the root that signs them, tokens to join."""

import pytest

from harness.judge.trust import certified, refuses, rotated_root


@pytest.mark.check("cluster.certificates")
def test_every_node_has_its_certificate(credentials, promise):
    """Of the swarm's root: for its id, its swarm and its role, as long as configured."""
    promise("cluster.certificates", certified(credentials))


@pytest.mark.check("cluster.ca-rotates")
def test_the_root_is_rotated_under_load(rotated_ca, limits, promise):
    """``docker swarm ca --rotate --cert-expiry``: every node gets another certificate, no request is lost."""
    verdict = rotated_root(
        rotated_ca.before, rotated_ca.after, rotated_ca.traffic, lost_share=limits.update_lost_share
    )
    promise("cluster.ca-rotates", verdict)


@pytest.mark.check("cluster.tokens")
def test_tokens_that_are_not_valid_let_nobody_in(join_tries, promise):
    """A wrong one, one of another swarm, and one that was rotated."""
    promise("cluster.tokens", refuses(join_tries))
