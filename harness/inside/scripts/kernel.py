"""The kernel job: what the host's network and every namespace of the engine hold, as the node prints it.

Arguments (JSON): ``peers``: rows of hostname and address; ``data_port``; ``bound``: seconds for all of it;
``prove``: whether the kernel is to show what it can do (see :mod:`harness.inside.scripts.proof`);
``inspect``: what to ask the node's engine and processes for (see ``inspection`` beside this).
Records: ``clock`` (``wall``: the node's calendar), ``dump`` (``ns``, ``what``, ``trouble``, and the text as
numbered pieces in ``rows``, of which there are ``pieces``), ``namespaces`` (all that were found).
"""

from __future__ import annotations

import functools
import json
import os
import re
import threading
import time
from collections.abc import Callable
from typing import Any

from harness.inside.scripts import facts, nft, tables
from harness.inside.scripts.wire import Wire, arguments, now

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
_TROUBLE = 300  # characters
_YOUNG = 30.0  # seconds before the job in which a namespace may have been made that it does not see mounted


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
            "trouble": trouble[:_TROUBLE],
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


def report(wire: Wire, args: dict[str, Any], *, folder: str = tables.FOLDER) -> None:
    """Read the host and all namespaces in the folder, and tell."""
    own = Teller(wire, "")
    began = time.time() - now()
    devs: dict[str, str] = {}
    addr = look(own, devs)
    try:
        names = tables.names(folder)
    except OSError as error:
        wire.send("trouble", about="kernel", text=f"no namespaces: {error}"[:_TROUBLE])
        names = []
    home = os.stat("/proc/self/ns/net")  # noqa: PTH116  pathlib costs import time
    seen: list[list[object]] = []
    for name in names:
        path = folder + "/" + name
        teller = Teller(wire, name)
        try:
            found = os.stat(path)  # noqa: PTH116  pathlib costs import time
            if os.path.samestat(found, home):
                continue  # the host's own, by another name
            if found.st_dev != home.st_dev:
                if began - found.st_mtime > _YOUNG:
                    continue  # a file that a crash left over: its namespace is gone
                raise OSError("none is mounted there: it is younger than this job")  # noqa: TRY301  told below
            tables.inside(path, functools.partial(look, teller, devs))
        except (OSError, ValueError, ImportError) as error:
            for what in WANTED[kind(name)]:
                if what not in teller.told:
                    teller.tell(what, "", f"the namespace cannot be read: {error}")
        seen.append([name])
    peers = [peer for peer in args["peers"] if peer[0] != wire.node]
    ways = facts.routes(peers, int(args["data_port"]))
    parts = facts.node(ways, addr, devs)
    if args.get("prove"):
        from harness.inside.scripts import proof  # noqa: PLC0415  most looks need it not

        parts["proof"] = lambda: proof.prove(run)
    told, troubles = facts.gather(parts)
    own.tell("facts", json.dumps(told, separators=(",", ":")), "; ".join(troubles))
    _inspect(own, args, wire.task)
    wire.rows("namespaces", seen)


def _inspect(own: Teller, args: dict[str, Any], task: str) -> None:
    if args.get("inspect"):
        from harness.inside.scripts import inspection  # noqa: PLC0415  only where it is allowed

        for what, work in inspection.parts(args["inspect"], task).items():
            own.attempt(what, work)


def main() -> None:
    """Tell all within the bound, and what is lacking where that does not do."""
    wire = Wire.from_environment()
    wire.send("hello", kernel=os.uname().release, machine=os.uname().machine)
    wire.send("clock", wall=time.time())
    args = arguments()
    bound = float(str(args["bound"]))

    def late() -> None:
        wire.send("trouble", about="kernel", text=f"not done within {bound:g} s")
        wire.close()
        os._exit(0)  # whatever hangs must not keep the task

    watch = threading.Timer(max(0.0, bound - now()), late)
    watch.daemon = True
    watch.start()
    try:
        report(wire, args)
    except Exception as error:  # noqa: BLE001  told in a record
        wire.send("trouble", about="kernel", text=f"{type(error).__name__}: {error}"[:_TROUBLE])
    watch.cancel()
    wire.close()
    os._exit(0)
