"""How long balancers remember a connection that says nothing, on the nodes of a lab."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from harness.errors import HarnessError, Unmeasurable
from harness.lab.protocol import Lab

_SPACE = "/var/run/docker/netns/lb_"
# The timeout of TCP that the balancer's namespace has; each namespace has its own.
_READ = 'nsenter --net="$1" ipvsadm -l --timeout | sed -n "s/.*: \\([0-9]*\\) .*/\\1/p"'
_SET = 'test ! -e "$1" || nsenter --net="$1" ipvsadm --set "$2" 0 0'  # 0 leaves the others


@contextlib.contextmanager
def forgetful(lab: Lab, nodes: Sequence[str], network: str, seconds: int) -> Iterator[None]:
    """For the block, a network's balancers forget a silent TCP connection after so long on these nodes.

    Should nobody come to undo it, it ends with the network itself.

    Args:
        lab: whose nodes they are.
        nodes: hostnames; each has a task on the network.
        network: its id.
        seconds: whole ones.

    Raises:
        Unmeasurable: a node has no balancer of this network, or refuses.
    """
    space = _SPACE + network[:9]
    with contextlib.ExitStack() as undo:
        for node in nodes:
            before = _done(lab, node, _READ, space).strip()
            if not before.isdigit():
                raise Unmeasurable(f"{node} has no balancer of network {network[:9]}")
            undo.callback(_restore, lab, node, space, before)
            _done(lab, node, _SET, space, str(seconds))
        yield


def _restore(lab: Lab, node: str, space: str, before: str) -> None:
    with contextlib.suppress(HarnessError):  # a node without power has forgotten it all
        _done(lab, node, _SET, space, before)


def _done(lab: Lab, node: str, script: str, *words: str) -> str:
    done = lab.exec(node, ["sh", "-ec", script, "idling", *words])
    if not done.ok:
        told = " ".join((done.err or done.out).split())[-200:]
        raise Unmeasurable(f"the timeout of silent connections could not be set on {node}: {told}")
    return done.out
