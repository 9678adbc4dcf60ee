"""Which packages and files make which image: data only.

Layers stand on one another as a tree, so that a node stores each only once. A layer holds what its packages
need and the layers below it do not have already.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from pathlib import Path

from harness.lab.images.layers import Files

# apt itself is in every Debian root; tcc and musl-dev make whoami, docker-registry serves the result.
TOOLS_PACKAGES: tuple[str, ...] = ("ca-certificates", "docker-registry", "musl-dev", "tcc")

WORK = "var/tmp/harness-images"  # in the tools root, for the time of a build

PATH = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"


@dataclasses.dataclass(frozen=True)
class Layer:
    """A layer made of packages.

    Args:
        name: how images and layers above refer to it.
        packages: Debian packages; their dependencies come along.
        below: the layer it stands on; empty for the lowest.
        only: package to path endings; of such a package only these files are taken.
    """

    name: str
    packages: tuple[str, ...]
    below: str = ""
    only: dict[str, tuple[str, ...]] = dataclasses.field(default_factory=dict)


@dataclasses.dataclass(frozen=True)
class Image:
    """An image: a stack of layers, and a last one of files from this folder.

    Args:
        names: repositories as Docker Hub has them, official images with ``library/``.
        tags: the tags of each repository.
        layer: the topmost layer of packages; empty for an image of its own files only.
        config: the part of the image's configuration that containers see.
    """

    names: tuple[str, ...]
    tags: tuple[str, ...]
    layer: str
    config: dict[str, object]


@dataclasses.dataclass(frozen=True)
class Recipe:
    """A set of images that is built and served as one.

    Args:
        layers: in the order in which they are built.
        images: what users deploy.
        own: the files of an image's last layer: its first name and the tools root to them.
        unwanted: packages that are left out, besides ``UNWANTED``; what a layer names itself is kept.
    """

    layers: tuple[Layer, ...]
    images: tuple[Image, ...]
    own: Callable[[str, Path], Files]
    unwanted: frozenset[str] = frozenset()


BASE: tuple[Layer, ...] = (
    Layer("base", ("base-files", "busybox", "libc6", "libc-bin", "libssl3t64", "zlib1g", "netbase")),
    Layer("python", ("python3", "python3-minimal"), below="base"),
    Layer("flask", ("python3-flask", "python3-redis"), below="python"),
    Layer("redis", ("redis-server", "redis-tools"), below="base"),
)  # what other recipes stand on too: the same packages make the same layers, which a node stores once

LAYERS: tuple[Layer, ...] = (
    *BASE,
    Layer("net-box", ("bind9-dnsutils", "bind9-host", "curl", "iperf3", "wrk"), below="base"),
    Layer(
        "netshoot",
        (
            "bash",
            "bind9-dnsutils",
            "bind9-host",
            "conntrack",
            "curl",
            "ethtool",
            "iperf3",
            "iproute2",
            "iptables",
            "iputils-ping",
            "ipvsadm",
            "jq",
            "ldnsutils",
            "netcat-openbsd",
            "openssl",
            "socat",
            "strace",
            "tcpdump",
            "util-linux",
        ),
        below="python",
        only={"util-linux": ("bin/nsenter", "bin/unshare"), "ldnsutils": ("bin/drill",)},
    ),
)

IMAGES: tuple[Image, ...] = (
    Image(
        ("traefik/whoami", "containous/whoami"),
        ("latest", "v1.10.3"),
        "",
        {"Entrypoint": ["/whoami"], "ExposedPorts": {"80/tcp": {}}, "Env": [PATH], "WorkingDir": "/"},
    ),
    Image(
        ("library/redis",),
        ("latest", "8", "8.0", "7"),  # 7 is what many files name; it is given Debian's 8.0 all the same
        "redis",
        {
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["redis-server"],
            "Env": [PATH],
            "ExposedPorts": {"6379/tcp": {}},
            "Volumes": {"/data": {}},
            "WorkingDir": "/data",
        },
    ),
    Image(
        ("xiaopeng163/flask-redis",),
        ("latest",),
        "flask",
        {
            "Cmd": ["flask", "run", "-h", "0.0.0.0"],  # noqa: S104 - in a container
            "Env": [PATH, "FLASK=app.py"],
            "ExposedPorts": {"5000/tcp": {}},
            "User": "flask",
            "WorkingDir": "/src",
        },
    ),
    Image(
        ("nicolaka/netshoot",),
        ("latest", "v0.13"),
        "netshoot",
        {"Cmd": ["bash"], "Env": [PATH, "HOSTNAME=netshoot"], "User": "root", "WorkingDir": "/root"},
    ),
    Image(
        ("xiaopeng163/net-box",),
        ("latest",),
        "net-box",
        {"Env": [PATH], "Volumes": {"/omd": {}}, "WorkingDir": "/omd"},
    ),
)

# Packages that only their maintainer scripts or a login need; none of these scripts runs here.
UNWANTED: frozenset[str] = frozenset(
    """
    adduser base-passwd ca-certificates debconf debianutils dpkg gcc-14-base init-system-helpers
    libaudit-common libcap2-bin libdb5.3t64 libdebconfclient0 liblastlog2-2 libpam-modules libpam-
    modules-bin libpam-runtime libpam0g libsemanage-common libsemanage2 libsepol2 login.defs mawk media-
    types openssl-provider-legacy passwd perl-base readline-common tar tzdata
    """.split(),  # noqa: SIM905 - a list of words reads as one
)

# Folders that no container of ours reads.
UNWANTED_FOLDERS: tuple[str, ...] = (
    "etc/cron",
    "etc/default",
    "etc/init.d",
    "etc/logrotate.d",
    "etc/update-motd.d",
    "usr/lib/systemd",
    "usr/lib/tmpfiles.d",
    "usr/lib/x86_64-linux-gnu/audit",
    "usr/lib/x86_64-linux-gnu/gconv",
    "usr/lib/python3.13/ensurepip",
    "usr/lib/python3.13/idlelib",
    "usr/lib/python3.13/pydoc_data",
    "usr/lib/python3.13/test",
    "usr/lib/python3.13/turtledemo",
    "usr/share/applications",
    "usr/share/apport",
    "usr/share/bash-completion",
    "usr/share/base-files",
    "usr/share/bug",
    "usr/share/common-licenses",
    "usr/share/doc",
    "usr/share/doc-base",
    "usr/share/fish",
    "usr/share/info",
    "usr/share/initramfs-tools",
    "usr/share/lintian",
    "usr/share/locale",
    "usr/share/man",
    "usr/share/menu",
    "usr/share/pixmaps",
    "usr/share/python3",
    "usr/share/zsh",
)

# Programs that come with a wanted package but that the originals (Alpine's packages) do not have.
UNWANTED_FILES: frozenset[str] = frozenset(
    [
        "usr/bin/bashbug",
        "usr/bin/c_rehash",
        "usr/bin/clear_console",
        "usr/bin/locale",
        "usr/bin/localedef",
        "usr/bin/pldd",
        "usr/bin/ping4",
        "usr/bin/py3clean",
        "usr/bin/py3compile",
        "usr/bin/py3versions",
        "usr/bin/rbash",
        "usr/bin/tzselect",
        "usr/bin/zdump",
        "usr/lib/python3.13/lib-dynload/_dbm.cpython-313-x86_64-linux-gnu.so",  # its library is left out
        "usr/sbin/arpd",
        "usr/sbin/iptables-apply",
        "usr/sbin/ip6tables-apply",
        "usr/bin/iptables-xml",
        "usr/sbin/nfnl_osf",
        "usr/sbin/xtables-legacy-multi",
        *(f"usr/sbin/ip{six}tables-legacy{verb}" for six in ("", "6") for verb in ("", "-save", "-restore")),
    ],
)

# Debian chooses these through its alternatives; the originals have the nft variant, and it alone.
LINKS: dict[str, dict[str, str]] = {
    "netshoot": {
        **{
            f"usr/sbin/ip{six}tables{verb}": "xtables-nft-multi"
            for six in ("", "6")
            for verb in ("", "-save", "-restore")
        },
        "usr/bin/nc": "nc.openbsd",
    },
}

# Applets of Debian's busybox that Alpine's does not have, or that would be mistaken for another tool.
NOT_APPLETS: frozenset[str] = frozenset(
    """
    ar ascii chvt crc32 dpkg dpkg-deb freeramdisk getfattr i2cdetect i2cdump i2cget i2cset i2ctransfer
    init linuxrc linux32 linux64 lsscsi mim nuke resume rpm rpm2cpio run-init start-stop-daemon svc svok
    taskset tc ts ubirename uncompress usleep w
    """.split(),  # noqa: SIM905 - a list of words reads as one
)

# Modules that are compiled ahead, so that a short job on a slow node starts quickly: what jobs import.
WARM: dict[str, str] = {
    "python": (
        "argparse, base64, binascii, collections, concurrent.futures, contextlib, ctypes, dataclasses, enum, "
        "errno, functools, gzip, hashlib, http.client, http.server, ipaddress, json, logging, os, pathlib, "
        "platform, queue, random, re, select, selectors, shlex, shutil, signal, socket, socketserver, ssl, "
        "statistics, string, struct, subprocess, tempfile, textwrap, threading, time, traceback, typing, "
        "urllib.request, uuid, zlib"
    ),
    "flask": "asyncio, flask, flask.cli, redis, werkzeug.serving",
}
