"""What the node's own engine tells over its socket: gossip's view of each network, containers of tasks.

Only ``GET``: nothing is changed. Plain HTTP on the socket, as a node's Python would need longer to import a
client than to ask.
"""

from __future__ import annotations

import json
import socket
from typing import Any

SOCKET = "/var/run/docker.sock"
TASK = "com.docker.swarm.task.id"
SERVICE = "com.docker.swarm.service.name"
_FILTER = f"%7B%22label%22%3A%5B%22{TASK}%22%5D%7D"  # {"label":["..."]}
_PATIENCE = 5.0  # seconds for an answer
_MOST = 64_000_000  # bytes of one
_OK, _ABSENT = 200, 404


def ask(path: str, at: str = "") -> tuple[int, Any]:
    """Status and JSON document of ``GET path``.

    Raises:
        OSError: the engine does not answer.
        ValueError: it answers something else.
    """
    parts: list[bytes] = []
    size = 0
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as asked:
        asked.settimeout(_PATIENCE)
        asked.connect(at or SOCKET)
        # with 1.0 the answer comes whole, without chunks, and the engine closes
        asked.sendall(f"GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n".encode())
        while part := asked.recv(65536):
            parts.append(part)
            size += len(part)
            if size > _MOST:
                raise ValueError(f"GET {path} answers more than {_MOST} bytes")
    head, _, body = b"".join(parts).partition(b"\r\n\r\n")
    words = head.split(None, 2)
    if len(words) < 2 or not words[1].isdigit():  # noqa: PLR2004  HTTP/1.0 and a status
        raise ValueError(f"GET {path} answers no HTTP")
    return int(words[1]), json.loads(body) if body.strip() else None


def told(path: str, at: str = "") -> Any:
    """The document of ``GET path``.

    Raises:
        OSError: the engine does not answer, or refuses.
        ValueError: it answers something else.
    """
    status, found = ask(path, at)
    if status != _OK:
        why = found.get("message", "") if isinstance(found, dict) else ""
        raise OSError(f"GET {path}: {status} {why}".strip())
    return found


def gossip(networks: list[str], at: str = "") -> list[dict[str, Any]]:
    """What the node's own gossip knows of each network that it has joined; others are left out.

    Each holds ``id``, ``peers`` (addresses) and ``rows`` of service, endpoint's name, its address, its host.

    Raises:
        OSError: the engine does not answer, or refuses.
        ValueError, LookupError: it answers something else.
    """
    found = []
    for network in networks:
        path = f"/networks/{network}?verbose=true"
        status, one = ask(path, at)
        if status == _ABSENT:
            continue
        if status != _OK:
            raise OSError(f"GET {path}: {status}")
        if one.get("Peers") is None:
            continue  # a manager knows every network, also those that it has not joined
        rows = [
            [service, task["Name"], task["EndpointIP"], (task.get("Info") or {}).get("Host IP", "")]
            for service, held in (one.get("Services") or {}).items()
            for task in held.get("Tasks") or ()
        ]
        found.append({"id": one["Id"], "peers": [peer["IP"] for peer in one["Peers"]], "rows": rows})
    return found


def containers(own: str, at: str = "") -> list[dict[str, Any]]:
    """Running containers that say that they are of a task, but for the task ``own``.

    Raises:
        OSError: the engine does not answer, or refuses.
        ValueError, LookupError: it answers something else.
    """
    found = []
    for one in told(f"/containers/json?filters={_FILTER}", at):
        labels = one["Labels"]
        if labels[TASK] == own:
            continue
        ends = ((one.get("NetworkSettings") or {}).get("Networks") or {}).values()
        found.append(
            {
                "id": one["Id"][:12],
                "name": one["Names"][0].lstrip("/") if one.get("Names") else "",
                "task": labels[TASK],
                "service": labels.get(SERVICE, ""),
                "created": one["Created"],
                "addresses": [[end["NetworkID"], end["IPAddress"]] for end in ends if end.get("IPAddress")],
            }
        )
    return found


def folder(at: str = "") -> str:
    """Where the engine keeps its data.

    Raises:
        OSError: the engine does not answer, or refuses.
        ValueError: it answers something else.
    """
    found = told("/info", at)
    root = found.get("DockerRootDir") if isinstance(found, dict) else None
    if not isinstance(root, str) or not root.startswith("/"):
        raise ValueError("the engine does not tell its data folder")
    return root
