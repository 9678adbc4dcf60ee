"""HAProxy and nginx before a service: what the mesh, on layer 4, cannot do.

Two ways, as Docker's page on ingress has them: *front* balances over the nodes' addresses, whose mesh
balances again; *inside* balances over the tasks themselves, which a ``dnsrr`` name tells. Either serves ``/``
from one backend after the other, and ``/sticky`` from the one that the client's cookie names. Each answer
tells the backend in a header. The configuration travels as a swarm config into the unchanged image.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Final, Literal

from harness.engine.spec import ConfigFile, ServiceSpec
from harness.model import Port
from harness.workloads import echo

Kind = Literal["haproxy", "nginx"]
Place = Literal["inside", "front"]

TARGET: Final = 8080  # where a proxy listens: it needs no right to a low port
TARGET_TLS: Final = 8443
KEY: Final = "tls"  # the secret with certificate and key, as a task finds it
STICKY: Final = "/sticky"
HEADER: Final = "X-Backend"  # what names the backend in an answer
CHECK: Final = 3.5  # seconds in which the checks configured here find a dead backend, whatever else happens

# Found dead: two checks a second apart, the second not answered for a second, and half a second to begin. A
# request that was on its way meanwhile goes on to another backend; those that repeat no harm, as these do.
_HAPROXY: Final = """
global
    nbthread 1
defaults
    mode http
    timeout client 10s
    timeout connect 600ms
    timeout server 1s
    timeout check 1s
    retries 3
    option redispatch 1
    retry-on all-retryable-errors
    option httpchk GET /health
    default-server check inter 1s fastinter 1s fall 2 rise 1
resolvers swarm
    nameserver engine 127.0.0.11:53
    timeout resolve 500ms
    timeout retry 500ms
    hold valid 1s
frontend entry
    bind :{listen}
{secured}
    http-response set-header {header} %si:%sp
    use_backend sticky if {{ path_beg {sticky} }}
{talking}
    default_backend even
backend even
    balance roundrobin
{servers}
backend sticky
    balance roundrobin
{cookie}
{servers}
{talkers}
"""
_COOKIE: Final = """
    cookie stay insert indirect nocache dynamic
    dynamic-cookie-key swarm-harness
"""

# nginx (without its commercial parts) checks nobody by itself: a backend that fails is left out for a while,
# and the request that found it out goes to the next one.
_NGINX: Final = """
user nginx;
worker_processes 1;
error_log /dev/stderr notice;
pid /run/nginx.pid;
events {{ worker_connections 512; }}
http {{
    access_log off;
    proxy_connect_timeout 600ms;
    proxy_read_timeout 1s;
    proxy_next_upstream error timeout;
    proxy_next_upstream_tries 4;
    map $cookie_stay $client {{ "" $request_id; default $cookie_stay; }}
    map $cookie_stay $given {{ "" "stay=$request_id; Path=/"; default ""; }}
    upstream even {{
{servers}
    }}
    upstream sticky {{
{cookie}
{servers}
    }}
    server {{
        listen {listen};
        add_header {header} $upstream_addr;
        location / {{ proxy_pass http://even; }}
        location {sticky} {{
            add_header {header} $upstream_addr;
            add_header Set-Cookie $given;
            proxy_pass http://sticky;
        }}
{talking}
    }}
{secured}
}}
"""
# the certificate and its key are one file; HTTP/2 is offered beside HTTP/1.1
_SECURED: Final[Mapping[str, str]] = {
    "haproxy": "    bind :{port} ssl crt {file} alpn h2,http/1.1",
    "nginx": """
    server {{
        listen {port} ssl;
        http2 on;
        ssl_certificate {file};
        ssl_certificate_key {file};
        add_header {header} $upstream_addr;
        location / {{ proxy_pass http://even; }}
    }}
""",
}
# WebSocket: HAProxy knows it by itself, nginx is told to pass the change of protocol on
_TALKING: Final[Mapping[str, str]] = {
    "haproxy": "    use_backend talk if {{ path_beg {path} }}",
    "nginx": """
        location {path} {{
            proxy_http_version 1.1;
            proxy_set_header Upgrade $http_upgrade;
            proxy_set_header Connection "upgrade";
            proxy_read_timeout 30s;
            proxy_pass http://{talker};
        }}
""",
}
_TALKERS: Final = """
backend talk
    timeout tunnel 30s
    server talker {talker}
"""
_HASH: Final = "        hash $client;"  # consistent would not tell the addresses of one name apart


@dataclasses.dataclass(frozen=True)
class Backends:
    """What a proxy balances over: a name with one address per task, or addresses.

    Attributes:
        name: a ``dnsrr`` service, asked for ``tasks`` of it; empty: ``addresses`` count.
        port: at which they all listen.
    """

    port: int
    name: str = ""
    tasks: int = 0
    addresses: tuple[str, ...] = ()


def configuration(
    kind: Kind, backends: Backends, *, sticky: bool = True, tls: bool = False, talker: str = ""
) -> bytes:
    """The proxy's whole configuration.

    Args:
        kind: which program.
        backends: over whom it balances.
        sticky: otherwise it answers below ``/sticky`` as everywhere.
        tls: whether it also answers by TLS, with what its secret holds.
        talker: name and port of a WebSocket server, which answers below its path; empty for none.
    """
    secured = _SECURED[kind].format(port=TARGET_TLS, file=f"/run/secrets/{KEY}", header=HEADER) if tls else ""
    words = {"path": echo.PATH, "talker": talker}
    talking = {
        "talking": _TALKING[kind].format(**words) if talker else "",
        "talkers": _TALKERS.format(**words) if talker else "",
    }
    fixed = {"listen": TARGET, "header": HEADER, "sticky": STICKY}
    if kind == "haproxy":
        lines = [f"    server b{n} {one}:{backends.port}" for n, one in enumerate(backends.addresses)]
        if backends.name:
            where = f"{backends.name}:{backends.port} resolvers swarm init-addr none"
            lines = [f"    server-template b {backends.tasks} {where}"]
        text, kept = _HAPROXY, _COOKIE
    else:
        names = (backends.name,) if backends.name else backends.addresses
        lines = [f"        server {one}:{backends.port} max_fails=1 fail_timeout=3s;" for one in names]
        text, kept = _NGINX, _HASH
    return text.format(
        servers="\n".join(lines), cookie=kept if sticky else "", secured=secured, **fixed, **talking
    ).encode()


_PATHS: Final[Mapping[str, str]] = {
    "haproxy": "/usr/local/etc/haproxy/haproxy.cfg",
    "nginx": "/etc/nginx/nginx.conf",
}
# both resolve a name once at the start and then differ: so none starts before the name tells all tasks
_WAIT: Final = (
    'until test "$(getent ahostsv4 {name} | cut -d" " -f1 | sort -u | wc -l)" -ge {tasks}; '
    "do sleep 0.2; done; "
)
_START: Final[Mapping[str, str]] = {
    "haproxy": "exec haproxy -W -db -f /usr/local/etc/haproxy/haproxy.cfg",
    "nginx": "exec nginx -g 'daemon off;'",
}


def name(run: str, kind: Kind, place: Place) -> str:
    """The service's name in this run, and its config's."""
    return f"h-{run}-{kind}-{place}"


def service(
    run: str,
    kind: Kind,
    place: Place,
    backends: Backends,
    *,
    image: str,
    network: str,
    port: int,
    node: str,
    tls: int = 0,
    talker: str = "",
) -> ServiceSpec:
    """A proxy, one task on one node.

    Args:
        run: id of the run.
        kind: which program.
        place: whether it balances over tasks or over nodes.
        backends: over whom.
        image: the official image, or one that keeps its contract.
        network: overlay network (name or id) that it shares with the tasks.
        port: published port.
        node: hostname of the node that it runs on, which must not be the one that is lost.
        talker: name of a WebSocket server that it passes requests on to; empty for none.
        tls: published port of TLS, for which there is a secret of the proxy's name; 0 for none.
    """
    wait = _WAIT.format(name=backends.name, tasks=backends.tasks) if backends.name else ""
    if talker:
        wait += _WAIT.format(name=talker, tasks=1)
    return ServiceSpec(
        name=name(run, kind, place),
        image=image,
        args=("sh", "-c", wait + _START[kind]),
        ports=(Port(port, TARGET), *((Port(tls, TARGET_TLS),) if tls else ())),
        secrets=(ConfigFile(name(run, kind, place), KEY, 0o444),) if tls else (),
        networks=(network,),
        configs=(ConfigFile(name(run, kind, place), _PATHS[kind]),),
        constraints=(f"node.hostname == {node}",),
        stop_grace=2.0,
    )
