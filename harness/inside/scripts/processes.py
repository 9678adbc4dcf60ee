"""What the node's processes show through its ``/proc``: who listens, dockerd's files.

Through ``/proc/PID/root`` a file is found where dockerd sees it, wherever its data folder is.
"""

from __future__ import annotations

import datetime as dt
import os
import socket
import sys

PROC = "/harness/proc"  # the node's own /proc, mounted here
_BEGIN, _END = "-----BEGIN CERTIFICATE-----", "-----END CERTIFICATE-----"
_LISTEN, _UNCONNECTED = "0A", "07"
_FILES = ("tcp", "tcp6", "udp", "udp6")
_FIRST = ("dockerd", "docker-proxy")  # who should own them: asked first
_TAIL = 4_000_000  # bytes of a log that are read, from its end
_LARGEST = 100_000  # bytes of a certificate's file


def comm(pid: str, proc: str = PROC) -> str:
    """The name of a process; empty if it is gone."""
    try:
        with open(f"{proc}/{pid}/comm") as file:  # noqa: PTH123  pathlib costs import time on a node
            return file.read().strip()
    except OSError:
        return ""


def dockerd(proc: str = PROC) -> str:
    """The id of the engine's process that has the node's own network: others may run in containers.

    Raises:
        OSError: there is none.
    """
    home = os.stat("/proc/self/ns/net")  # noqa: PTH116  see above
    why = "no process is called dockerd"
    for pid in _pids(proc):
        if comm(pid, proc) != "dockerd":
            continue
        try:
            if os.path.samestat(os.stat(f"{proc}/{pid}/ns/net"), home):  # noqa: PTH116  see above
                return pid
            why = "no dockerd has the node's own network"
        except OSError as error:
            why = f"dockerd cannot be looked at: {os.strerror(error.errno or 0)}"
    raise OSError(why)


def listeners(ports: list[list[object]], proc: str = PROC, net: str = "/proc/self/net") -> list[list[object]]:
    """Rows of protocol, address, port, owner's name of who listens on these (protocol, port).

    The owner is empty where no process holds the socket, as with a kernel's own.

    Raises:
        OSError: a table, or the open files of a process that may be the owner, cannot be read.
        ValueError: a table looks like nothing that is known.
    """
    wanted = {(str(protocol), int(str(port))) for protocol, port in ports}
    found = []
    for name in _FILES:
        try:
            with open(f"{net}/{name}") as file:  # noqa: PTH123  see above
                found += [one for one in _table(name, file.read()) if one[:3:2] in wanted]
        except FileNotFoundError:
            continue  # a kernel without IPv6
    owners = _owners({one[3] for one in found} - {"0"}, proc)
    return [[*one[:3], owners.get(one[3], "")] for one in found]


def _table(name: str, text: str) -> list[tuple[str, str, int, str]]:
    """Protocol, address, port and inode of every socket in a table on which somebody waits."""
    protocol = name.rstrip("6")
    state = _LISTEN if protocol == "tcp" else _UNCONNECTED
    rows = []
    for line in text.splitlines()[1:]:
        words = line.split()
        if len(words) > 9 and words[3] == state:  # noqa: PLR2004  the inode is the tenth
            address, _, port = words[1].rpartition(":")
            rows.append((protocol, _address(address), int(port, 16), words[9]))
    return rows


def _address(digits: str) -> str:
    """The kernel prints addresses as words of 32 bits in its own byte order."""
    raw = b"".join(int(digits[at : at + 8], 16).to_bytes(4, sys.byteorder) for at in range(0, len(digits), 8))
    return socket.inet_ntop(socket.AF_INET6 if len(raw) > 4 else socket.AF_INET, raw)  # noqa: PLR2004  IPv4


def _owners(inodes: set[str], proc: str) -> dict[str, str]:
    """Name of the process that holds each socket."""
    links = {f"socket:[{inode}]": inode for inode in inodes}
    names = {pid: comm(pid, proc) for pid in _pids(proc)} if inodes else {}
    owners: dict[str, str] = {}
    refused = 0
    for pid in sorted(names, key=lambda pid: (names[pid] not in _FIRST, int(pid))):
        if len(owners) == len(inodes):
            break
        folder = f"{proc}/{pid}/fd"
        try:
            for handle in os.listdir(folder):  # noqa: PTH208  see above
                inode = links.get(os.readlink(f"{folder}/{handle}"))  # noqa: PTH115  see above
                if inode:
                    owners.setdefault(inode, names[pid])
        except PermissionError:
            refused += 1
        except OSError:
            continue  # it ended, or closed a file
    if refused and len(owners) < len(inodes):
        raise OSError(f"the open files of {refused} processes may not be looked at")
    return owners


def _pids(proc: str) -> list[str]:
    return sorted((name for name in os.listdir(proc) if name.isdigit()), key=int)  # noqa: PTH208  see above


def certificate(pid: str, folder: str, proc: str = PROC) -> str:
    """The node's certificate (PEM); nothing else of that file, and nothing of its key's.

    Raises:
        OSError: it cannot be read.
        ValueError: the file holds none.
    """
    path = f"{proc}/{pid}/root{folder}/swarm/certificates/swarm-node.crt"
    with open(path) as file:  # noqa: PTH123  see above
        text = file.read(_LARGEST)
    begin, end = text.find(_BEGIN), text.find(_END)
    if begin < 0 or end < begin:
        raise ValueError("swarm-node.crt holds no certificate")
    return text[begin : end + len(_END)] + "\n"


def log(pid: str, texts: list[list[str]], after: float, proc: str = PROC) -> dict[str, object]:
    """How many lines of dockerd's log, written ``after`` (seconds since the epoch), hold each of ``texts``.

    Keys: ``file`` (empty if it writes to none), ``counts`` in the order of ``texts``, ``since`` (empty if the
    part that was read reaches back far enough, otherwise its first line's time).

    Raises:
        OSError: it cannot be read.
    """
    path = os.readlink(f"{proc}/{pid}/fd/2")  # noqa: PTH115  see above
    if not path.startswith("/") or path.startswith("/dev/"):
        return {"file": "", "counts": [], "since": ""}
    with open(f"{proc}/{pid}/root{path}", "rb") as file:  # noqa: PTH123  see above
        size = file.seek(0, os.SEEK_END)
        file.seek(max(0, size - _TAIL))
        lines = file.read(_TAIL).decode("utf-8", "replace").splitlines()
    if size > _TAIL:
        lines = lines[1:]  # the first is cut
    counts = [0] * len(texts)
    first = ""
    counted = False
    for line in lines:
        if line.startswith('time="'):
            stamp = line[6:].partition('"')[0]
            first = first or stamp
            counted = _seconds(stamp) >= after
        if counted:  # a line without a time belongs to the one before it
            for number, words in enumerate(texts):
                counts[number] += all(word in line for word in words)
    short = size > _TAIL and bool(first) and _seconds(first) >= after
    return {"file": path, "counts": counts, "since": first if short else ""}


def _seconds(stamp: str) -> float:
    """``2026-11-25T02:41:09.061851267Z`` since the epoch; 0.0 if it is no time."""
    zone = stamp[19:].lstrip(".0123456789")
    try:
        whole = dt.datetime.fromisoformat(stamp[:19] + ("+00:00" if zone in {"", "Z"} else zone))
    except ValueError:
        return 0.0
    return whole.timestamp()
