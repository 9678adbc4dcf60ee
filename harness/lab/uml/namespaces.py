"""The kernel calls behind the holder: namespaces of its own and mounts inside, for root and user alike."""

from __future__ import annotations

import contextlib
import ctypes
import os
from pathlib import Path
from typing import Final

_LIBC: Final = ctypes.CDLL(None, use_errno=True)
_NEWNS, _NEWUSER, _NEWPID, _NEWNET = 0x0002_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000
_MS_BIND, _MS_REC, _MS_PRIVATE = 0x1000, 0x4000, 0x4_0000


def _call(name: str, *args: object) -> None:
    if getattr(_LIBC, name)(*args) != 0:
        code = ctypes.get_errno()
        raise OSError(code, f"{name}: {os.strerror(code)}")


def isolate() -> None:
    """Move this process into user, mount, pid (from its next child on) and network namespaces of its own.

    Inside it is root: an ordinary user's id is mapped to 0; for root all ids stay what they are, so that
    files of other owners (a checkout mounted into a container) stay writable.

    Raises:
        OSError: the system forbids it.
    """
    uid, gid = os.geteuid(), os.getegid()
    if uid == 0:
        _map_from_outside(_NEWUSER | _NEWNS | _NEWPID | _NEWNET)
    else:
        _call("unshare", _NEWUSER | _NEWNS | _NEWPID | _NEWNET)
        me = Path("/proc/self")
        (me / "setgroups").write_text("deny")
        (me / "uid_map").write_text(f"0 {uid} 1\n")
        (me / "gid_map").write_text(f"0 {gid} 1\n")
    _call("mount", b"none", b"/", None, _MS_REC | _MS_PRIVATE, None)


def _map_from_outside(flags: int) -> None:
    """Unshare, and have a child that stayed outside write the identity map: only outside may one map many."""
    target = os.getpid()
    go_read, go_write = os.pipe()
    helper = os.fork()
    if helper == 0:
        code = 1
        with contextlib.suppress(OSError):
            os.close(go_write)
            os.read(go_read, 1)
            for kind in ("uid_map", "gid_map"):
                ranges = [line.split() for line in Path(f"/proc/self/{kind}").read_text().splitlines()]
                text = "".join(f"{inside} {inside} {count}\n" for inside, _, count in ranges)
                Path(f"/proc/{target}/{kind}").write_text(text)
            code = 0
        os._exit(code)
    os.close(go_read)
    try:
        _call("unshare", flags)
        os.write(go_write, b"x")
    finally:
        os.close(go_write)
    if os.waitstatus_to_exitcode(os.waitpid(helper, 0)[1]) != 0:
        raise OSError(1, "the user namespace's id map could not be written")


def bind(source: Path, target: Path) -> None:
    """Make ``source`` appear at ``target`` (both exist), in this mount namespace only.

    Raises:
        OSError: the kernel refused.
    """
    _call("mount", os.fsencode(source), os.fsencode(target), None, _MS_BIND | _MS_REC, None)
