"""Autolock on a lab's manager: on with its undo, keys that are given, and whether it is in the mesh then."""

from __future__ import annotations

import base64
import contextlib
import secrets
from collections.abc import Iterator

from harness.errors import Unmeasurable
from harness.faults.compute import RestartEngine
from harness.lab.protocol import Lab
from harness.stage.session import Stage

_COMMAND = 60.0  # seconds for docker's own commands on a node
_KEY = "SWMKEY-1-"
# autolock is on once the key on disk is encrypted: before that a restart would need no key
_LOCK = """
docker swarm update --autolock=true | grep -o 'SWMKEY-1-[^ ]*' || exit 1
for _ in $(seq 100); do
    grep -q ENCRYPTED /var/lib/docker/swarm/certificates/swarm-node.key && exit 0
    sleep 0.1
done
exit 1
"""
_GOSSIPS = """
for _ in $(seq 50); do
    ss -ltn | grep -q ':7946 ' && exit 0
    sleep 0.2
done
exit 1
"""
# the key comes on standard input, and may be missing: then it was never asked for
_UNLOCK = """
key=$(cat)
engine start
for _ in $(seq 60); do
    case "$(docker info -f '{{.Swarm.LocalNodeState}}' 2>/dev/null)" in
    locked) echo "$key" | docker swarm unlock ;;
    active) docker swarm update --autolock=false && exit 0 ;;
    esac
    sleep 0.5
done
exit 1
"""


@contextlib.contextmanager
def autolock(lab: Lab, manager: str) -> Iterator[str]:
    """Autolock on for the block, whose key it gives; afterwards off, whatever state the manager is in.

    Raises:
        Unmeasurable: it could not be set, or not be undone: then the swarm may be locked.
    """
    key = ""
    try:
        done = lab.exec(manager, ["sh", "-c", _LOCK], bound=_COMMAND)
        key = done.out.strip()
        if not done.ok or not key.startswith(_KEY):
            raise Unmeasurable(f"autolock could not be turned on at {manager}: {done.err.strip()}")
        yield key
    finally:
        undone = lab.exec(manager, ["sh", "-c", _UNLOCK], bound=2 * _COMMAND, stdin=f"{key}\n")
        if not undone.ok:
            raise Unmeasurable(
                f"autolock is on, and {manager} may be locked: {undone.err.strip()[-200:]}",
                remedy="harness lab down",
            )


def gossips(stage: Stage, lab: Lab, manager: str, key: str) -> bool:
    """Whether an unlocked manager takes part in gossip. If not, it is started again, with autolock off.

    Seen of engine 26.1.5 in two of five unlocks: Ready, leader, and out of the mesh.
    """
    if lab.exec(manager, ["sh", "-c", _GOSSIPS], bound=_COMMAND).ok:
        return True
    with stage.steps(f"restart {manager} once more, whose engine does not gossip"):
        lab.exec(manager, ["sh", "-c", _UNLOCK], bound=2 * _COMMAND, stdin=f"{key}\n")
        RestartEngine(lab, manager).begin()
    return False


def give(lab: Lab, manager: str, key: str) -> str:
    """What the manager says to a key; empty if it takes it."""
    done = lab.exec(manager, ["docker", "swarm", "unlock"], bound=_COMMAND, stdin=f"{key}\n")
    return "" if done.ok else done.err.strip() or f"exit {done.code}"


def another(key: str) -> str:
    """A key of the same form, and not that one."""
    raw = secrets.token_bytes(32)
    other = _KEY + base64.b64encode(raw).decode().rstrip("=")
    return other if other != key else another(key)
