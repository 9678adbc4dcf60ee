"""A WebSocket server that says everything again: a script that travels as a config into the jobs' image."""

from __future__ import annotations

from typing import Final

from harness.engine.spec import ConfigFile, ServiceSpec

PORT: Final = 8765
PATH: Final = "/ws"
_FILE: Final = "/echo.py"

# RFC 6455 as far as one short message after the other needs it; to anything else it answers 200, for checks
SCRIPT: Final = b"""
import base64, hashlib, re, socketserver

class Echo(socketserver.StreamRequestHandler):
    def handle(self):
        head = b""
        while not head.endswith(b"\\r\\n\\r\\n"):
            line = self.rfile.readline(4096)
            if not line:
                return
            head += line
        key = re.search(rb"(?i)sec-websocket-key: *(\\S+)", head)
        if not key:
            self.wfile.write(b"HTTP/1.1 200 OK\\r\\nConnection: close\\r\\nContent-Length: 0\\r\\n\\r\\n")
            return
        accept = hashlib.sha1(key[1] + b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11").digest()
        self.wfile.write(b"HTTP/1.1 101 Switching Protocols\\r\\n")
        self.wfile.write(b"Upgrade: websocket\\r\\nConnection: Upgrade\\r\\n")
        self.wfile.write(b"Sec-WebSocket-Accept: " + base64.b64encode(accept) + b"\\r\\n\\r\\n")
        while True:
            first = self.rfile.read(2)
            if len(first) < 2 or first[0] & 15 == 8:
                return
            mask = self.rfile.read(4)
            text = bytes(one ^ mask[n % 4] for n, one in enumerate(self.rfile.read(first[1] & 127)))
            self.wfile.write(bytes((0x81, len(text))) + text)

class Server(socketserver.ThreadingTCPServer):
    allow_reuse_address = daemon_threads = True

Server(("", 8765), Echo).serve_forever()
"""


def name(run: str) -> str:
    """The service's name in this run, and its config's."""
    return f"h-{run}-echo"


def service(run: str, *, image: str, network: str) -> ServiceSpec:
    """The server, one task behind a VIP.

    Args:
        run: id of the run.
        image: the jobs' image: it has Python.
        network: overlay network (name or id) that it shares with the proxies.
    """
    return ServiceSpec(
        name=name(run),
        image=image,
        command=("python3", _FILE),
        networks=(network,),
        configs=(ConfigFile(name(run), _FILE),),
        init=True,
        stop_grace=2.0,
    )
