"""Which packages make the tutorial's images: data only; the layers below are those that every lab has."""

from __future__ import annotations

from harness.lab.images.recipes import BASE, PATH, Image, Layer

_POSTGRES = f"{PATH}:/usr/lib/postgresql/17/bin"

LAYERS: tuple[Layer, ...] = (
    *BASE,
    Layer("haproxy", ("haproxy",), below="base"),
    Layer("nginx", ("nginx",), below="base"),
    # of the time zones only what the database's own default names
    Layer(
        "postgres",
        ("postgresql-17", "libpam0g", "tzdata"),
        below="base",
        only={"tzdata": ("Etc/UTC", "zoneinfo/UTC")},
    ),
    Layer("mysql", ("mariadb-server-core", "mariadb-client-core"), below="base"),
    Layer("database client", ("python3-psycopg2",), below="flask"),
)

IMAGES: tuple[Image, ...] = (
    Image(
        ("library/haproxy",),
        ("latest", "3.0", "2.9", "lts", "alpine"),
        "haproxy",
        {
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["haproxy", "-f", "/usr/local/etc/haproxy/haproxy.cfg"],
            "Env": [PATH],
            "StopSignal": "SIGUSR1",
            "User": "haproxy",
            "WorkingDir": "/var/lib/haproxy",
        },
    ),
    Image(
        ("library/nginx",),
        ("latest", "1.27", "1.26", "stable", "alpine"),
        "nginx",
        {
            "Entrypoint": ["/docker-entrypoint.sh"],
            "Cmd": ["nginx", "-g", "daemon off;"],
            "Env": [PATH],
            "ExposedPorts": {"80/tcp": {}},
            "StopSignal": "SIGQUIT",
        },
    ),
    Image(
        ("library/postgres",),
        ("latest", "17", "15-alpine", "9.4"),  # whatever a file names: it is given Debian's 17
        "postgres",
        {
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["postgres"],
            "Env": [_POSTGRES, "PGDATA=/var/lib/postgresql/data", "LANG=C.UTF-8"],
            "ExposedPorts": {"5432/tcp": {}},
            "StopSignal": "SIGINT",
            "Volumes": {"/var/lib/postgresql/data": {}},
        },
    ),
    Image(
        ("library/mysql",),
        ("latest", "8", "8.0", "5.7"),  # it is given Debian's MariaDB, which speaks as 5.7 does
        "mysql",
        {
            "Entrypoint": ["docker-entrypoint.sh"],
            "Cmd": ["mysqld"],
            "Env": [PATH],
            "ExposedPorts": {"3306/tcp": {}, "33060/tcp": {}},
            "Volumes": {"/var/lib/mysql": {}},
        },
    ),
    *(
        Image(
            (f"dockersamples/examplevotingapp_{part}",),
            ("latest", "before", "after"),
            layer,
            {
                "Cmd": ["python3", "app.py"],
                "Env": [PATH, "PYTHONUNBUFFERED=1", *(["PORT=80"] if part == "result" else [])],
                "WorkingDir": "/usr/local/app",
                **({"ExposedPorts": {"80/tcp": {}}} if part != "worker" else {}),
            },
        )
        for part, layer in (("vote", "flask"), ("worker", "database client"), ("result", "database client"))
    ),
)

# packages that only maintainer scripts need, or a compiler of queries that is switched off
UNWANTED: frozenset[str] = frozenset(
    """
    dmsetup iproute2 iptables libdevmapper1.02.1 libllvm19 libz3-4 locales logrotate perl perl-modules-5.40
    libperl5.40 postgresql-common postgresql-common-dev postgresql-client-common sensible-utils ssl-cert
    systemd ucf vim-haproxy libjson-perl libipc-run-perl libio-pty-perl
    """.split(),  # noqa: SIM905 - a list of words reads as one
)
