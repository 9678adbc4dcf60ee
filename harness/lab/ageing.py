"""How long overlay networks remember what they learned from traffic, on the nodes of a lab."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence

from harness.errors import Unmeasurable
from harness.lab.protocol import Lab

# One line per vxlan device of the network on this node: namespace, device, ageing in seconds (0: never).
_READ = r"""
for space in /var/run/docker/netns/*-"$1"; do
    test -e "$space" || continue
    nsenter --net="$space" ip -d -o link show type vxlan |
        sed -n 's/^[0-9]*: \([^:@]*\).* ageing \([0-9a-z]*\).*/\1 \2/p' |
        while read -r device seconds; do echo "$space $device ${seconds#none}"; done
done
"""
# To set it also makes the kernel look at once for what has aged. Devices that are gone need nothing.
_SET = r"""
while read -r space device seconds; do
    test -e "$space" || continue
    nsenter --net="$space" ip link set "$device" type vxlan ageing "${1:-${seconds:-0}}"
done
"""


@contextlib.contextmanager
def shortened(lab: Lab, nodes: Sequence[str], network: str, seconds: float) -> Iterator[None]:
    """For the block, learned forwarding entries of an overlay network age after ``seconds`` on these nodes.

    Permanent entries, which the engine writes, do not age. Should nobody come to undo it, it ends with the
    network itself.

    Args:
        lab: whose nodes they are.
        nodes: hostnames; each has a task on the network.
        network: its id.
        seconds: whole ones.

    Raises:
        Unmeasurable: a node has no vxlan device of this network, or refuses.
    """
    wish = f"{seconds:.0f}"
    with contextlib.ExitStack() as undo:
        for node in nodes:
            devices = _done(lab, node, _READ, network[:10])
            if not devices.strip():
                raise Unmeasurable(f"{node} has no vxlan device of network {network[:10]}")
            undo.callback(_done, lab, node, _SET, "", devices)
            _done(lab, node, _SET, wish, devices)
            now = {line.split()[-1] for line in _done(lab, node, _READ, network[:10]).splitlines()}
            if now != {wish}:
                raise Unmeasurable(f"{node} does not take an ageing of {wish} s: {', '.join(sorted(now))}")
        yield


def _done(lab: Lab, node: str, script: str, word: str, stdin: str | None = None) -> str:
    done = lab.exec(node, ["sh", "-ec", script, "ageing", word], stdin=stdin)
    if not done.ok:
        told = " ".join((done.err or done.out).split())[-200:]
        raise Unmeasurable(f"the ageing of learned entries could not be set on {node}: {told}")
    return done.out
