"""The last layer of each of the tutorial's images: users, start scripts, configurations, applications."""

from __future__ import annotations

import tarfile
from pathlib import Path

from harness.lab.images.layers import Files, entry

_HERE = Path(__file__).parent
# the ids that the originals give them
_USERS = {
    "root": (0, "/root", "/bin/sh"),
    "haproxy": (99, "/var/lib/haproxy", "/sbin/nologin"),
    "nginx": (101, "/nonexistent", "/sbin/nologin"),
    "postgres": (999, "/var/lib/postgresql", "/bin/sh"),
    "mysql": (999, "/var/lib/mysql", "/sbin/nologin"),
    "nobody": (65534, "/", "/sbin/nologin"),
}


def own_files(image: str, tools_root: Path) -> Files:
    """The last layer of the image whose first name is ``image``; nothing of it is made in ``tools_root``."""
    del tools_root
    part = image.rpartition("/")[2].rpartition("_")[2]
    return {**_users(), **_FILES[part]}


def _users() -> Files:
    passwd = "".join(f"{name}:x:{uid}:{uid}:{name}:{home}:{sh}\n" for name, (uid, home, sh) in _USERS.items())
    group = "".join(f"{name}:x:{uid}:\n" for name, (uid, _, _) in _USERS.items())
    return {
        path: (entry(path), text.encode()) for path, text in (("etc/passwd", passwd), ("etc/group", group))
    }


def _folder(path: str, owner: str = "root", mode: int = 0o755) -> dict[str, tuple[tarfile.TarInfo, bytes]]:
    return {path: (entry(path, mode=mode, folder=True, owner=_USERS[owner][0]), b"")}


def _copied(source: str, path: str, mode: int = 0o644) -> Files:
    return {path: (entry(path, mode=mode), (_HERE / source).read_bytes())}


def _linked(path: str, to: str) -> Files:
    return {path: (entry(path, link=to), b"")}


def _application(part: str) -> Files:
    home = "usr/local/app"
    found: Files = {**_folder(home)}
    for source in sorted((_HERE / part).rglob("*")):
        name = f"{home}/{source.relative_to(_HERE / part).as_posix()}"
        if "__pycache__" in source.parts:
            continue
        found |= _folder(name) if source.is_dir() else {name: (entry(name), source.read_bytes())}
    return found


_FILES: dict[str, Files] = {
    "haproxy": {
        **_copied("haproxy/docker-entrypoint.sh", "usr/local/bin/docker-entrypoint.sh", 0o755),
        **_folder("var/lib/haproxy", "haproxy"),
        **_folder("usr/local/etc/haproxy"),
        **_linked("usr/local/sbin/haproxy", "/usr/sbin/haproxy"),
    },
    "nginx": {
        **_copied("nginx/docker-entrypoint.sh", "docker-entrypoint.sh", 0o755),
        **_copied("nginx/nginx.conf", "etc/nginx/nginx.conf"),
        **_copied("nginx/default.conf", "etc/nginx/conf.d/default.conf"),
        **_folder("docker-entrypoint.d"),
        **_folder("var/lib/nginx", "nginx"),
        **_folder("var/cache/nginx", "nginx"),
        **_folder("var/log/nginx"),
        **_linked("var/log/nginx/access.log", "/dev/stdout"),
        **_linked("var/log/nginx/error.log", "/dev/stderr"),
    },
    "postgres": {
        **_copied("postgres/docker-entrypoint.sh", "usr/local/bin/docker-entrypoint.sh", 0o755),
        **_folder("docker-entrypoint-initdb.d"),
        **_folder("var/lib/postgresql", "postgres"),
        **_folder("var/lib/postgresql/data", "postgres", 0o1777),
        **_folder("run/postgresql", "postgres", 0o1777),
    },
    "mysql": {
        **_copied("mysql/docker-entrypoint.sh", "usr/local/bin/docker-entrypoint.sh", 0o755),
        **_copied("mysql/my.cnf", "etc/mysql/my.cnf"),
        **_folder("var/lib/mysql", "mysql"),
        **_folder("run/mysqld", "mysql"),
        **{
            path: made
            for name, to in (("mysqld", "/usr/sbin/mariadbd"), ("mysql", "/usr/bin/mariadb"))
            for path, made in _linked(f"usr/local/bin/{name}", to).items()
        },
    },
    "vote": _application("vote"),
    "worker": _application("worker"),
    "result": _application("result"),
}
