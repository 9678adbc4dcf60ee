"""The tables that make the mesh, read in a node's namespaces: IPVS services and the marks leading to them.

``setns`` moves the calling thread only, so every namespace is read in a thread of its own, through
``/proc/thread-self``: ``/proc/net`` would show the main thread's.
"""

from __future__ import annotations

import os
import re
import socket
import threading
from collections.abc import Callable
from typing import TypeVar

from harness.inside.scripts.wire import Wire

T = TypeVar("T")
FOLDER = "/var/run/docker/netns"
_CLONE_NEWNET = 0x40000000
_COUNTS = r"^(?:\[\d+:\d+\] )?"
_PORT_RULE = re.compile(_COUNTS + r"-A PREROUTING .*--dport (\d+) .*-j MARK --set-x?mark (0x[0-9a-f]+)")
_VIP_RULE = re.compile(
    _COUNTS + r"-A (?:INPUT|OUTPUT) -d ([0-9.]+)(?:/32)? .*-j MARK --set-x?mark (0x[0-9a-f]+)"
)
_CHUNK = 100  # real servers in one row, so that a row stays far below a log line's length


def inside(namespace: str, work: Callable[[], T]) -> T:
    """The result of ``work`` run in a network namespace, in a thread of its own.

    Raises:
        OSError: the namespace cannot be entered, or what ``work`` raises of that kind.
    """
    results: list[T] = []
    errors: list[Exception] = []

    def run() -> None:
        try:
            enter(namespace)
            results.append(work())
        except Exception as error:  # noqa: BLE001  handed to the caller's thread, whatever it is
            errors.append(error)

    thread = threading.Thread(target=run, daemon=True)
    thread.start()
    thread.join()
    if errors:
        raise errors[0]
    return results[0]


def enter(namespace: str) -> None:
    """Move the calling thread into a network namespace; Python before 3.12 goes through the C library.

    Raises:
        OSError: it is gone, or we may not.
    """
    handle = os.open(namespace, os.O_RDONLY | os.O_CLOEXEC)
    try:
        own = getattr(os, "setns", None)
        if own is not None:
            own(handle, _CLONE_NEWNET)
        else:
            from harness.inside.scripts.xtables import call  # noqa: PLC0415  most Pythons need it not

            call("setns", handle, _CLONE_NEWNET)
    finally:
        os.close(handle)


def read_proc(name: str) -> str:
    """``/proc/net/NAME`` of the namespace that the calling thread is in; empty if there is no such file."""
    try:
        with open("/proc/thread-self/net/" + name) as file:  # noqa: PTH123  pathlib costs import time on a node
            return file.read()
    except FileNotFoundError:
        return ""


def parse_ipvs(text: str) -> list[list[object]]:
    """Rows of mark, scheduler, real servers (address, weight, active, inactive) of ``/proc/net/ip_vs``.

    Only services keyed by firewall mark are listed: swarm makes no others. Unreadable lines are left out.
    """
    rows: list[list[object]] = []
    servers: list[list[object]] = []
    for line in text.splitlines():
        words = line.split()
        if len(words) >= 3 and words[0] in {"TCP", "UDP", "SCTP", "FWM"}:  # noqa: PLR2004  kind, key, scheduler
            servers = []
            if words[0] == "FWM" and _is_hex(words[1]):
                rows.append([int(words[1], 16), words[2], servers])
        elif len(words) >= 6 and words[0] == "->":  # noqa: PLR2004  arrow, address, method, three numbers
            address = _address(words[1])
            if address and all(word.isdigit() for word in words[3:6]):
                servers.append([address, int(words[3]), int(words[4]), int(words[5])])
    return rows


def _is_hex(word: str) -> bool:
    return bool(word) and len(word) <= 8 and all(char in "0123456789abcdefABCDEF" for char in word)  # noqa: PLR2004  32 bits


def _address(word: str) -> str:
    """``0A000005:0000`` as ``10.0.0.5``; IPv6 as it stands between brackets."""
    if word.startswith("["):
        return word[1:].partition("]")[0]
    digits = word.partition(":")[0]
    if len(digits) != 8 or not _is_hex(digits):  # noqa: PLR2004  32 bits
        return ""
    return socket.inet_ntoa(bytes.fromhex(digits))


def parse_rules(text: str) -> list[list[object]]:
    """Rows of kind (``port`` or ``vip``), key, mark in what ``iptables-save`` printed of the mangle table."""
    rows: list[list[object]] = []
    for line in text.splitlines():
        for kind, pattern in (("port", _PORT_RULE), ("vip", _VIP_RULE)):
            found = pattern.match(line + " ")
            if found:
                rows.append([kind, found.group(1), int(found.group(2), 16)])
    return rows


def read_marks() -> tuple[list[list[object]], str, str]:
    """Marks set in the calling thread's namespace: rows, who read them, and why not if nobody could.

    The legacy table is read only if the namespace holds one: asking for it would make it.
    """
    why = ""
    if "mangle" in read_proc("ip_tables_names").split():
        from harness.inside.scripts import xtables, xtsave  # noqa: PLC0415  most kernels have no such table

        try:
            rows = parse_rules(xtsave.save(xtables.read("mangle")))
        except (OSError, ImportError, ValueError) as error:
            why = f"no reader for the legacy tables: {error}"
        else:
            if rows:
                return rows, "legacy", ""
    import subprocess  # noqa: PLC0415  costs time, and legacy tables do not need it

    try:
        done = subprocess.run(["iptables-save"], capture_output=True, timeout=5, check=False)
    except (OSError, subprocess.SubprocessError) as error:
        return [], "", why or f"iptables-save: {error}"
    rows = parse_rules(done.stdout.decode("utf-8", "replace"))
    if rows:
        return rows, "iptables-save", ""
    failed = f"iptables-save exited {done.returncode}" if done.returncode else ""
    return rows, "" if why or failed else "both", why or failed


def names(folder: str = FOLDER) -> list[str]:
    """The names of a node's network namespaces, sorted.

    Raises:
        OSError: the folder cannot be read.
    """
    return sorted(os.listdir(folder))  # noqa: PTH208  pathlib costs import time on a node


def report(wire: Wire, *, folder: str = FOLDER, only: str = "") -> None:
    """Read every load balancer's namespace and send what it holds."""
    try:
        found = [name for name in names(folder) if name == "ingress_sbox" or name.startswith("lb_")]
    except OSError as error:
        wire.send("trouble", about="tables", text=str(error)[:200])
        return
    for name in found:
        if not name.startswith(only):
            continue
        try:
            text, (marks, reader, why) = inside(
                folder + "/" + name, lambda: (read_proc("ip_vs"), read_marks())
            )
        except OSError as error:
            wire.send("trouble", about="tables", ns=name, text=str(error)[:200])
            continue
        if not text:
            wire.send("trouble", about="tables", ns=name, text="the kernel shows no ip_vs table")
        wire.rows("ipvs", _chunks(parse_ipvs(text)), ns=name)
        wire.rows("marks", marks, ns=name, reader=reader, why=why[:200])
    wire.send("namespaces", names=found[:500])


def _chunks(rows: list[list[object]]) -> list[list[object]]:
    parts: list[list[object]] = []
    for mark, scheduler, servers in rows:
        assert isinstance(servers, list)  # noqa: S101  for the type checker
        starts = range(0, max(1, len(servers)), _CHUNK)
        parts.extend([mark, scheduler, servers[start : start + _CHUNK]] for start in starts)
    return parts
