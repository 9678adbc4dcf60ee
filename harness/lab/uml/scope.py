"""Running a program inside one of the lab's roots: chroot in a mount namespace, without privileges.

Set-up (file systems, images) uses it. An ordinary user gets a user namespace with the sub-ids of /etc/subuid,
so that files keep their owners; root needs none, and takes the same way but for that flag.
"""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Final

from harness import shell

# $1 root, $2 number of binds, then pairs source, target (inside the root), then the program.
# A fresh /proc needs an unmasked one to exist, which containers do not have: then the host's is bound.
_ENTER: Final = r"""
set -eu
root=$1; binds=$2; shift 2
mkdir -p "$root/proc" "$root/dev" "$root/sys"
mount -t proc proc "$root/proc" 2>/dev/null || mount --rbind /proc "$root/proc"
mount --rbind /dev "$root/dev"
while [ "$binds" -gt 0 ]; do
    target="$root/$2"
    if [ -d "$1" ]; then mkdir -p "$target"
    else mkdir -p "${target%/*}"; [ -e "$target" ] || : > "$target"; fi
    mount --rbind "$1" "$target"
    shift 2; binds=$((binds - 1))
done
[ "${SCOPE_LO:-}" = "" ] || ip link set lo up
if [ "${SCOPE_STAY:-}" = 1 ]; then unset SCOPE_STAY; exec "$@"; fi
exec chroot "$root" /usr/bin/env PATH=/usr/sbin:/usr/bin:/sbin:/bin "$@"
"""


def user_flags() -> list[str]:
    """What ``unshare`` must be told besides, so that ownership of files can be kept: nothing as root."""
    return [] if os.geteuid() == 0 else ["--user", "--map-root-user", "--map-auto"]


def command(
    root: Path,
    argv: Sequence[str | Path],
    *,
    binds: Mapping[Path, str] | None = None,
    own_network: bool = False,
    stay_outside: bool = False,
) -> list[str]:
    """The command line that runs ``argv`` as root inside ``root``.

    Args:
        root: directory to chroot into; ``/proc`` and ``/dev`` are mounted there for the program alone.
        argv: the program and its arguments, as paths inside ``root``.
        binds: host path -> path inside ``root`` where it shall appear (``"work"`` or ``"/work"``).
        own_network: give it a network namespace with nothing but loopback, so that a listener on a fixed
            port cannot collide with anybody's; otherwise it shares the host's network.
        stay_outside: mount everything, but leave the chroot to ``argv``, which is a program of the host.
    """
    pairs = [word for source, target in (binds or {}).items() for word in (str(source), target.lstrip("/"))]
    flags = [*user_flags(), "--mount", "--pid", "--fork", "--kill-child"]
    prefix = ["env", f"SCOPE_LO={'1' if own_network else ''}", f"SCOPE_STAY={'1' if stay_outside else ''}"]
    if own_network:
        flags.append("--net")
    script = ["sh", "-c", _ENTER, "scope", str(root), str(len(pairs) // 2), *pairs]
    return [*prefix, "unshare", *flags, "--", *script, *(str(word) for word in argv)]


def run(
    root: Path,
    argv: Sequence[str | Path],
    *,
    binds: Mapping[Path, str] | None = None,
    own_network: bool = False,
    bound: float = 120.0,
    check: bool = True,
) -> shell.Done:
    """Run ``argv`` as root inside ``root`` to its end (see `command`), for at most ``bound`` seconds.

    Raises:
        CommandError: it exited non-zero and ``check`` holds.
        Unmeasurable: it ran longer than ``bound``.
    """
    return shell.run(command(root, argv, binds=binds, own_network=own_network), bound=bound, check=check)
