"""What an engine's refusal means is read from its own words."""

from __future__ import annotations

import pytest

from harness.engine.failures import FlickerError, refusal
from harness.engine.protocol import ConflictError, InUseError, NotFoundError
from harness.errors import HarnessError, RequestError, Unmeasurable

WORKER = (
    "This node is not a swarm manager. Worker nodes can't be used to view or modify cluster state. "
    "Please run this command on a manager node or promote the current node to a manager."
)
OUTSIDE = (
    'This node is not a swarm manager. Use "docker swarm init" or "docker swarm join" to connect this node '
    "to swarm and try again."
)
PORT = (
    "rpc error: code = InvalidArgument desc = port '8080' is already in use by service 'web' (abc) as an "
    "ingress port"
)


RPC = "rpc error: code = InvalidArgument desc ="


@pytest.mark.parametrize(
    ("status", "words", "kind", "told"),
    [
        (503, WORKER, RequestError, "name a manager"),
        (503, OUTSIDE, RequestError, "not in a swarm"),
        (400, PORT, RequestError, "port '8080' is already in use by service 'web'"),
        (409, "name conflicts with an existing object: x", ConflictError, "existing object: x"),
        (400, "network n is in use by task t", InUseError, "task t"),
        (400, f"{RPC} config 'c' is in use by the following service: s", InUseError, "'c'"),
        (403, "error while removing network: network n has active endpoints", InUseError, "active endpoints"),
        (404, "service x not found", NotFoundError, "service x"),
        (500, "network x not found", NotFoundError, "network x"),
        (500, "rpc error: code = Unknown desc = update out of sequence", FlickerError, "out of sequence"),
        (503, "rpc error: code = Unknown desc = The swarm does not have a leader.", FlickerError, "leader"),
        (503, "Swarm is encrypted and needs to be unlocked before it can be used.", RequestError, "unlock"),
        (400, "client version 1.44 is too old. Minimum is 1.52", RequestError, "API version"),
        (400, "Client sent an HTTP request to an HTTPS server.\n", Unmeasurable, "TLS"),
        (400, f"{RPC} ContainerSpec: image name must be provided", RequestError, "image"),
        (500, "", Unmeasurable, "500"),
    ],
)  # fmt: skip
def test_the_words_decide(status: int, words: str, kind: type[HarnessError], told: str) -> None:
    """Each refusal becomes one kind of error, and says what the engine said."""
    error = refusal(status, words, "tcp://manager:2376")

    assert type(error) is kind
    assert told in str(error)
    assert "\n" not in str(error)
