"""The kernel job: what the host's network and every namespace of the engine hold, as the node prints it.

Arguments (JSON): ``peers``: rows of hostname and address; ``data_port``; ``bound``: seconds for all of it;
``prove``: whether the kernel is to show what it can do (see :mod:`harness.inside.scripts.proof`);
``encrypted``: whether there are encrypted networks, so that IPsec's policies and states are told as well;
``inspect``: what to ask the node's engine and processes for (see ``inspection`` beside this).
Records: ``clock`` (``wall``: the node's calendar), ``dump`` (``ns``, ``what``, ``trouble``, and the text as
numbered pieces in ``rows``, of which there are ``pieces``), ``namespaces`` (all that were found).
"""

from __future__ import annotations

import functools
import json
import os
import threading
import time
from typing import Any

from harness.inside.scripts import facts, tables
from harness.inside.scripts.space import TROUBLE, WANTED, Teller, kind, look, run
from harness.inside.scripts.wire import Wire, arguments, now

_YOUNG = 30.0  # seconds before the job in which a namespace may have been made that it does not see mounted


def report(wire: Wire, args: dict[str, Any], *, folder: str = tables.FOLDER) -> None:
    """Read the host and all namespaces in the folder, and tell."""
    own = Teller(wire, "")
    devs: dict[str, str] = {}
    addr = look(own, devs)
    seen = spaces(wire, folder, devs)
    if args.get("encrypted"):
        from harness.inside.scripts import xfrm  # noqa: PLC0415  most swarms need it not

        own.attempt("xfrm", xfrm.save)
    peers = [peer for peer in args["peers"] if peer[0] != wire.node]
    ways = facts.routes(peers, int(args["data_port"]))
    parts = facts.node(ways, addr, devs)
    if args.get("prove"):
        from harness.inside.scripts import proof  # noqa: PLC0415  most looks need it not

        parts["proof"] = lambda: proof.prove(run)
    told, troubles = facts.gather(parts)
    own.tell("facts", json.dumps(told, separators=(",", ":")), "; ".join(troubles))
    _inspect(own, args, wire.task)
    wire.rows("namespaces", [[name] for name in seen])


def spaces(wire: Wire, folder: str, devs: dict[str, str]) -> list[str]:
    """Read all namespaces in the folder but the host's, and tell; the names of those that are there."""
    began = time.time() - now()
    try:
        names = tables.names(folder)
    except OSError as error:
        wire.send("trouble", about="kernel", text=f"no namespaces: {error}"[:TROUBLE])
        names = []
    home = os.stat("/proc/self/ns/net")  # noqa: PTH116  pathlib costs import time
    seen: list[str] = []
    for name in names:
        path = folder + "/" + name
        teller = Teller(wire, name)
        try:
            found = os.stat(path)  # noqa: PTH116  pathlib costs import time
            if os.path.samestat(found, home):
                continue  # the host's own, by another name
            if found.st_dev != home.st_dev:
                if began - found.st_mtime > _YOUNG:
                    continue  # after a reboot an engine makes files for its old sandboxes, for a minute
                raise OSError("none is mounted there: it is younger than this job")  # noqa: TRY301  told below
            tables.inside(path, functools.partial(look, teller, devs))
        except (OSError, ValueError, ImportError) as error:
            for what in WANTED[kind(name)]:
                if what not in teller.told:
                    teller.tell(what, "", f"the namespace cannot be read: {error}")
        seen.append(name)
    return seen


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
        wire.send("trouble", about="kernel", text=f"{type(error).__name__}: {error}"[:TROUBLE])
    watch.cancel()
    wire.close()
    os._exit(0)
