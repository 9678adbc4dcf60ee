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

_BOUND = 60.0  # seconds for a node to be searched
_LOGS = 5.0  # seconds to wait for what tasks wrote
_DONE = "searched"  # the last line of a search that came to its end
# of each container ($2...): what it finds at $1, its mode, and what that lies on
_HELD = """
path=$1; shift
for container in "$@"; do
    pid=$(head -n 1 "/sys/fs/cgroup/docker/$container/cgroup.procs") || continue
    file=/proc/$pid/root$path
    test -e "$file" || { echo "$container - - -"; continue; }
    echo "$container $(sha256sum < "$file" | cut -c 1-64) $(stat -Lc %a "$file") $(stat -Lfc %T "$file")"
done
"""
# files that hold what comes on standard input: on disks, in mounts that only tasks see, in environments
_SEARCH = r"""
umask 077
pattern=$(mktemp -p /run)
trap 'rm -f "$pattern"' EXIT
cat > "$pattern"
docker=/var/lib/docker
layers=$(sed -n 's/.*,upperdir=\([^,]*\).*/\1/p' /proc/mounts)
find $docker/containers $docker/swarm $docker/volumes $docker/network /var/log /var/tmp /etc /root $layers \
    -xdev -type f -print0 2>/dev/null | xargs -0 grep -lF -f "$pattern" 2>/dev/null | sed 's/^/disk /'
grep -rlF -f "$pattern" $docker/containers/*/mounts 2>/dev/null | sed 's/^/memory /'
grep -lF -f "$pattern" /proc/[0-9]*/environ 2>/dev/null | sed 's/^/environment /'
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
            found.held += [_held(line, node, here) for line in seen.out.splitlines()]
        if value:
            hits = lab.exec(node, ["sh", "-c", _SEARCH], bound=_BOUND, stdin=value)
            lines = hits.out.splitlines()
            if lines[-1:] != [_DONE]:
                found.missing[node] = f"the search broke off: {hits.err.strip()}"
                return
            found.places += [Place(node, *line.split(" ", 1)) for line in lines[:-1]]
    except HarnessError as error:
        found.missing[node] = str(error)
    else:
        found.searched.append(node)


def _held(line: str, node: str, here: dict[str, Task]) -> HeldFile:
    container, digest, mode, filesystem = line.split()
    return HeldFile(node, here[container].id, "" if digest == "-" else digest, mode, filesystem)


def manager(engine: Engine, service: str, secret: str, tasks: Sequence[Task], value: str) -> list[Place]:
    """Where the manager tells a value: as it is, or in base64.

    Args:
        engine: the manager.
        service: id of the service that has it.
        secret: its name.
        tasks: the service's.
        value: what should not be told.
    """
    coded = base64.b64encode(value.encode()).decode().rstrip("=")
    inspected = {
        "docker service inspect": engine.inspect("service", service),
        "docker secret inspect": engine.inspect("secret", secret),
        **{f"docker inspect {task.id}": engine.inspect("task", task.id) for task in tasks},
    }
    told = {what: ("inspect", json.dumps(document)) for what, document in inspected.items()}
    lines = engine.service_logs(service, bound=_LOGS)
    told["docker service logs"] = ("logs", "\n".join(line.text for line in lines))
    return [Place("", kind, what) for what, (kind, text) in told.items() if value in text or coded in text]
