"""What is made, not unpacked: whoami's binary, busybox' links, compiled Python, each image's own files."""

from __future__ import annotations

import os
import shutil
import tarfile
from collections.abc import Iterable, Mapping
from pathlib import Path

from harness.lab.images.layers import Files, entry
from harness.lab.images.recipes import LINKS, NOT_APPLETS, WORK
from harness.shell import run

_HERE = Path(__file__).parent
_REDIS, _FLASK = 999, 100  # uids of the originals' users


def whoami(tools_root: Path) -> bytes:
    """Compile whoami to a static binary with tcc and musl, in the tools root.

    Raises:
        CommandError: it does not compile.
    """
    inside = f"/{WORK}/whoami"
    folder = tools_root / inside.lstrip("/")
    shutil.copytree(_HERE / "whoami", folder, dirs_exist_ok=True)
    sources = sorted(path.name for path in folder.glob("*.c"))
    musl = "/usr/lib/x86_64-linux-musl"
    headers = ("/usr/include/x86_64-linux-musl", "/usr/lib/x86_64-linux-gnu/tcc/include")
    argv: list[str | Path] = [
        "chroot",
        tools_root,
        "/usr/bin/tcc",
        "-D_GNU_SOURCE",
        "-static",
        "-nostdlib",
        "-nostdinc",
    ]
    argv += [f"-I{path}" for path in headers] + ["-o", f"{inside}/whoami", f"{musl}/crt1.o", f"{musl}/crti.o"]
    argv += [f"{inside}/{name}" for name in sources] + [f"{musl}/libc.a", f"{musl}/crtn.o"]
    run(argv, bound=60)
    return (folder / "whoami").read_bytes()


def materialise(files: Mapping[str, tuple[tarfile.TarInfo, bytes]], root: Path) -> None:
    """Write files, folders and links under ``root``, with the times that byte code refers to."""
    for path, (info, content) in sorted(files.items()):
        target = root / path
        if info.isdir():
            target.mkdir(parents=True, exist_ok=True)
            continue
        target.parent.mkdir(parents=True, exist_ok=True)
        if info.issym():
            target.symlink_to(info.linkname)
        elif info.isreg():
            target.write_bytes(content)
            target.chmod(info.mode & 0o777)
            os.utime(target, (info.mtime, info.mtime))


def compiled(root: Path, modules: str, known: Iterable[str]) -> Files:
    """Import ``modules`` with the Python under ``root``; return the byte code that is not ``known``.

    Raises:
        CommandError: a module cannot be imported: a dependency is missing in the layer.
    """
    run(["chroot", root, "/usr/bin/python3", "-c", f"import {modules}"], bound=120, env={"HOME": "/"})
    seen, found = set(known), Files()
    for path in sorted((root / "usr/lib").rglob("*.pyc")):
        name = path.relative_to(root).as_posix()
        if name in seen:
            continue
        folder = name.rsplit("/", 1)[0]
        found[folder] = (entry(folder, mode=0o755, folder=True), b"")
        found[name] = (entry(name), path.read_bytes())
    return found


def base_files(root: Path) -> Files:
    """Folders, users and name service of the base layer, and busybox' applets; ``root`` holds its packages.

    Raises:
        CommandError: busybox does not run.
    """
    found: Files = {}
    for path, mode in (
        ("tmp", 0o1777),
        ("var/tmp", 0o1777),
        ("root", 0o700),
        ("proc", 0o755),
        ("sys", 0o755),
        ("dev", 0o755),
    ):
        found[path] = (entry(path, mode=mode, folder=True), b"")
    users = {
        "root": (0, "/root", "/bin/sh"),
        "redis": (_REDIS, "/data", "/sbin/nologin"),
        "flask": (_FLASK, "/home/flask", "/sbin/nologin"),
        "nobody": (65534, "/", "/sbin/nologin"),
    }
    texts = {
        "etc/passwd": "".join(
            f"{name}:x:{uid}:{uid}:{name}:{home}:{shell}\n" for name, (uid, home, shell) in users.items()
        ),
        "etc/group": "".join(f"{name}:x:{uid}:\n" for name, (uid, _, _) in users.items()),
        "etc/nsswitch.conf": "".join(
            f"{base}: {source}\n"
            for base, source in (
                ("passwd", "files"),
                ("group", "files"),
                ("hosts", "files dns"),
                ("services", "files"),
            )
        ),
    }
    for path, text in texts.items():
        found[path] = (entry(path), text.encode())
    for path in run(["chroot", root, "/usr/bin/busybox", "--list-full"]).out.split():
        name = path.rsplit("/", 1)[-1]
        if name not in NOT_APPLETS:
            place = f"usr/{path.removeprefix('usr/')}"
            found[place] = (entry(place, link="/usr/bin/busybox"), b"")
    return found


def links(layer: str, files: Files, below: Iterable[str]) -> Files:
    """The links of Debian's alternatives, and those that put a real tool before busybox' applet."""
    found: Files = {path: (entry(path, link=to), b"") for path, to in LINKS.get(layer, {}).items()}
    ours = {
        path.rsplit("/", 1)[-1]: path
        for path in (*files, *found)
        if path.startswith(("usr/bin/", "usr/sbin/"))
    }
    for path in below:
        name = path.rsplit("/", 1)[-1]
        if (
            path.startswith(("usr/bin/", "usr/sbin/"))
            and name in ours
            and path not in files
            and path not in found
        ):
            found[path] = (entry(path, link=f"/{ours[name]}"), b"")
    return found


def own_files(image: str, tools_root: Path) -> Files:
    """The last layer of the image whose first name is ``image``."""
    if image == "traefik/whoami":
        return {"whoami": (entry("whoami", mode=0o755), whoami(tools_root))}
    if image == "library/redis":
        script, path = (
            (_HERE / "redis/docker-entrypoint.sh").read_bytes(),
            "usr/local/bin/docker-entrypoint.sh",
        )
        return {
            path: (entry(path, mode=0o755), script),
            "data": (entry("data", mode=0o755, folder=True, owner=_REDIS), b""),
        }
    if image == "xiaopeng163/flask-redis":
        source = (_HERE / "flask_redis/app.py").read_bytes()
        return {
            "src": (entry("src", mode=0o755, folder=True, owner=_FLASK), b""),
            "src/app.py": (entry("src/app.py"), source),
        }
    if image == "xiaopeng163/net-box":
        return {"omd": (entry("omd", mode=0o755, folder=True), b"")}
    return {}
