"""Looking into a lab's nodes for a secret or config: what tasks find, and where else the value lies."""

from __future__ import annotations

import base64
import dataclasses
import json
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor

from harness.engine.protocol import Engine
from harness.errors import HarnessError
from harness.evidence import HeldFile, Place
from harness.lab.protocol import Lab
from harness.model import Task

_BOUND = 20.0  # seconds for a node to be searched
_LOGS = 5.0  # seconds to wait for what tasks wrote
_WORDS = 4  # of what is told of a file
_DONE = "searched"  # the last line of a search that came to its end
# of each container ($2...): what it finds at $1, its mode, and what that lies on. A process may be a health
# check's, and end while it is looked at: the next one is taken then.
_HELD = """
path=$1; shift
for container in "$@"; do
    for pid in $(cat "/sys/fs/cgroup/docker/$container/cgroup.procs"); do
        file=/proc/$pid/root$path
        if test -e "$file"; then
            digest=$(sha256sum < "$file" | cut -c 1-64)
            echo "$container $digest $(stat -Lc %a "$file") $(stat -Lfc %T "$file")"
            break
        fi
        kill -0 "$pid" && echo "$container - - -" && break
    done
done
"""
# Files that hold what comes on standard input, a pattern a line: on disks and in memory, as far as they were
# written since the node booted; in mounts that only tasks see; in environments and command lines. What is
# searched for has no name on the node: whatever ends the search leaves nothing of it.
_SEARCH = r"""
umask 077
pattern=$(mktemp -p /run) && exec 3<> "$pattern" && rm "$pattern" || exit 1
cat > /proc/self/fd/3
test -s /proc/self/fd/3 || exit 1
hits() { xargs -0 -r grep -lF -f /proc/self/fd/3 2>/dev/null | sed "s/^/$1 /"; }
find / /tmp /run /dev/shm -xdev -type f -newer /run/lab/node.env -print0 2>/dev/null | hits disk
find /var/lib/docker/containers/*/mounts -type f -print0 2>/dev/null | hits memory
find /proc -maxdepth 2 -name environ -print0 2>/dev/null | hits environment
find /proc -maxdepth 2 -name cmdline -print0 2>/dev/null | hits command
echo searched
"""


@dataclasses.dataclass
class Found:
    """What the nodes hold.

    Attributes:
        held: what each running task finds; ``places``: where the value lies, besides.
        searched: hostnames of nodes that were looked into; ``missing``: why another was not.
    """

    held: list[HeldFile] = dataclasses.field(default_factory=list)
    places: list[Place] = dataclasses.field(default_factory=list)
    searched: list[str] = dataclasses.field(default_factory=list)
    missing: dict[str, str] = dataclasses.field(default_factory=dict)


def nodes(lab: Lab, tasks: Sequence[Task], path: str, value: str = "") -> Found:
    """Look into every node of a lab, side by side.

    Args:
        lab: the lab.
        tasks: whose files to look at (``Task.node`` is a hostname).
        path: where they find it.
        value: what to search the node for; nothing if it is empty. It travels on standard input alone.
    """
    found = Found()
    names = [node.hostname for node in lab.nodes]
    with ThreadPoolExecutor(len(names)) as threads:
        list(threads.map(lambda name: _look(lab, name, tasks, path, value, found), names))
    found.searched.sort()
    return found


def _look(lab: Lab, node: str, tasks: Sequence[Task], path: str, value: str, found: Found) -> None:
    here = {task.container: task for task in tasks if task.node == node}
    try:
        if here:
            seen = lab.exec(node, ["sh", "-c", _HELD, "held", path, *here], bound=_BOUND)
            words = (line.split() for line in seen.out.splitlines())
            found.held += [_held(one, node, here) for one in words if len(one) == _WORDS]
        if value:
            hits = lab.exec(node, ["sh", "-c", _SEARCH], bound=_BOUND, stdin=f"{value}\n{_coded(value)}\n")
            lines = hits.out.splitlines()
            if lines[-1:] != [_DONE]:
                found.missing[node] = f"the search broke off: {hits.err.strip()}"
                return
            found.places += [Place(node, *line.split(" ", 1)) for line in lines[:-1]]
    except HarnessError as error:
        found.missing[node] = str(error)
    else:
        found.searched.append(node)


def _held(words: Sequence[str], node: str, here: dict[str, Task]) -> HeldFile:
    container, digest, mode, filesystem = words
    return HeldFile(node, here[container].id, "" if digest == "-" else digest, mode, filesystem)


def _coded(value: str) -> str:
    """The value as engines carry it; without the padding, which may be cut off."""
    return base64.b64encode(value.encode()).decode().rstrip("=")


def manager(engine: Engine, service: str, secret: str, tasks: Sequence[Task], value: str) -> list[Place]:
    """Where the manager tells a value: as it is, or in base64.

    Args:
        engine: the manager.
        service: id of the service that has it.
        secret: its name.
        tasks: the service's.
        value: what should not be told.
    """
    inspected = {
        "docker service inspect": engine.inspect("service", service),
        "docker secret inspect": engine.inspect("secret", secret),
        **{f"docker inspect {task.id}": engine.inspect("task", task.id) for task in tasks},
    }
    told = {what: ("inspect", json.dumps(document)) for what, document in inspected.items()}
    lines = engine.service_logs(service, bound=_LOGS)
    told["docker service logs"] = ("logs", "\n".join(line.text for line in lines))
    return [
        Place("", kind, what) for what, (kind, text) in told.items() if value in text or _coded(value) in text
    ]
