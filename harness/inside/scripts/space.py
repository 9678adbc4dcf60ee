"""What one network namespace holds, asked of the kernel and told whole: rules, IPVS, addresses, settings."""

from __future__ import annotations

import os
import re
from collections.abc import Callable

from harness.inside.scripts import nft, tables
from harness.inside.scripts.wire import Wire

PIECE = 1000  # characters: as JSON at most 12 kB, whatever they are
SYSCTLS = (
    "net.ipv4.ip_forward",
    "net.ipv4.ip_local_port_range",
    "net.ipv4.conf.all.route_localnet",
    "net.ipv4.conf.docker_gwbridge.route_localnet",
    "net.ipv4.neigh.default.gc_thresh1",
    "net.ipv4.neigh.default.gc_thresh2",
    "net.ipv4.neigh.default.gc_thresh3",
    "net.ipv4.vs.conntrack",
    "net.ipv4.vs.conn_reuse_mode",
    "net.ipv4.vs.expire_nodest_conn",
    "net.ipv4.vs.expire_quiescent_template",
    "net.netfilter.nf_conntrack_count",
    "net.netfilter.nf_conntrack_max",
)
RULES = ("rules-legacy", "rules-nft")
# What is asked of each kind of namespace, and no more: a process takes up to 60 ms to start on a node.
WANTED = {
    "host": (*RULES, "ipvs", "sysctl", "addr", "neigh", "route"),
    "balancer": (*RULES, "ipvs", "sysctl", "addr", "neigh", "route"),
    "overlay": (*RULES, "addr", "neigh", "fdb"),
    "sandbox": (*RULES, "addr"),
}
_OVERLAY = re.compile(r"\d+-")
_IP = ("addr", "neigh", "route")  # one process of ip tells them all
_PATIENCE = 5.0  # seconds for a process
TROUBLE = 300  # characters


def kind(namespace: str) -> str:
    """The kind of a namespace, by the name that the engine gives it."""
    if not namespace:
        return "host"
    if namespace == "ingress_sbox" or namespace.startswith("lb_"):
        return "balancer"
    return "overlay" if _OVERLAY.match(namespace) else "sandbox"


class Teller:
    """Sends what was read in one namespace."""

    def __init__(self, wire: Wire, namespace: str) -> None:
        self._wire = wire
        self.namespace = namespace
        self.told: set[str] = set()

    def tell(self, what: str, text: str, trouble: str = "") -> None:
        """Send a text of any length, or why there is none."""
        rows: list[list[object]] = [
            [number, text[at : at + PIECE]] for number, at in enumerate(range(0, len(text), PIECE))
        ]
        fields: dict[str, object] = {
            "ns": self.namespace,
            "what": what,
            "pieces": len(rows),
            "trouble": trouble[:TROUBLE],
        }
        self.told.add(what)
        self._wire.rows("dump", rows, **fields)

    def attempt(self, what: str, work: Callable[[], tuple[str, str]]) -> str:
        """Send text and trouble that ``work`` comes back with; the text, empty where it came to nothing."""
        try:
            text, trouble = work()
        except Exception as error:  # noqa: BLE001  a part that cannot be read leaves the others be
            text, trouble = "", f"{type(error).__name__}: {error}"
        self.tell(what, text, trouble)
        return text


def legacy() -> tuple[str, str]:
    """All legacy tables of the calling thread's namespace, and why some of them could not be read.

    Only those that the namespace holds are asked for: asking would make them.
    """
    names = sorted(tables.read_proc("ip_tables_names").split())
    if not names:
        return "", ""
    from harness.inside.scripts import xtables, xtsave  # noqa: PLC0415  not every kernel has such tables

    texts = []
    troubles = []
    for name in names:
        try:
            texts.append(xtsave.save(xtables.read(name)))
        except (OSError, ValueError, ImportError) as error:
            troubles.append(f"table {name}: {error}")
    return "".join(texts), "; ".join(troubles)


def sysctl(root: str = "/proc/sys/") -> tuple[str, str]:
    """Lines ``name = value`` of the settings that the calling thread's namespace has."""
    lines = []
    troubles = []
    for name in SYSCTLS:
        try:
            with open(root + name.replace(".", "/")) as file:  # noqa: PTH123  pathlib costs import time
                lines.append(f"{name} = {' '.join(file.read().split())}\n")
        except FileNotFoundError:
            continue
        except OSError as error:
            troubles.append(f"{name}: {os.strerror(error.errno or 0)}")
    return "".join(lines), "; ".join(troubles)


def run(command: list[str], given: str = "") -> str:
    """What a process printed.

    Raises:
        OSError: it cannot be started, failed, or took too long.
    """
    import subprocess  # noqa: PLC0415  costs time

    try:
        done = subprocess.run(
            command, input=given.encode(), capture_output=True, timeout=_PATIENCE, check=False
        )
    except subprocess.TimeoutExpired as error:
        raise OSError(f"{command[0]} took longer than {_PATIENCE:g} s") from error
    if done.returncode:
        last = done.stderr.decode("utf-8", "replace").strip().splitlines()[:1]
        raise OSError(f"{command[0]} exited {done.returncode}: {''.join(last)}")
    return done.stdout.decode("utf-8", "replace")


def ask_ip(wanted: list[str]) -> dict[str, str]:
    """What ``ip -j -d`` prints for each of ``wanted``, by one process.

    Raises:
        OSError: ``ip`` failed.
        ValueError: it did not print one line for each.
    """
    told = run(["ip", "-j", "-d", "-b", "-"], "".join(f"{one} show\n" for one in wanted))
    lines = [line for line in told.splitlines() if line.strip()]
    if len(lines) != len(wanted):
        raise ValueError(f"ip printed {len(lines)} lines for {', '.join(wanted)}")
    return dict(zip(wanted, lines, strict=True))


def look(teller: Teller, devs: dict[str, str]) -> str:
    """Read the calling thread's namespace and tell; what ``ip addr`` printed.

    Args:
        teller: knows the namespace's name.
        devs: ``/proc/net/dev`` of an overlay network's namespace is put in here, by name.
    """
    wanted = WANTED[kind(teller.namespace)]
    teller.attempt("rules-legacy", legacy)
    teller.attempt("rules-nft", nft.save)
    if "ipvs" in wanted:
        teller.attempt("ipvs", lambda: (tables.read_proc("ip_vs"), ""))
    if "sysctl" in wanted:
        teller.attempt("sysctl", sysctl)
    if "fdb" in wanted:
        teller.attempt("fdb", lambda: (run(["bridge", "-j", "fdb"]), ""))
        devs[teller.namespace] = tables.read_proc("dev")
    asked = [one for one in _IP if one in wanted]
    try:
        told = ask_ip(asked)
    except (OSError, ValueError) as error:
        for one in asked:
            teller.tell(one, "", str(error))
        return ""
    for one, text in told.items():
        teller.tell(one, text)
    return told["addr"]
