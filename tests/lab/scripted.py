"""An engine of canned answers on loopback, for what cannot be had here: too old, too new, too small."""

from __future__ import annotations

import contextlib
import http.server
import json
import threading
from collections.abc import Iterator, Mapping
from typing import Any

VERSION = {"Version": "26.1.5", "ApiVersion": "1.45", "MinAPIVersion": "1.24", "Os": "linux", "Arch": "amd64"}
MANAGER = {
    "Name": "one",
    "SystemTime": "2026-01-01T00:00:00Z",
    "Swarm": {"LocalNodeState": "active", "ControlAvailable": True, "NodeID": "n1", "NodeAddr": "127.0.0.1"},
}
NODE = {
    "ID": "n1",
    "Version": {"Index": 1},
    "Spec": {"Role": "manager", "Availability": "active"},
    "Description": {"Hostname": "one", "Engine": {"EngineVersion": "26.1.5"}},
    "Status": {"State": "ready", "Addr": "127.0.0.1"},
    "ManagerStatus": {"Leader": True, "Reachability": "reachable", "Addr": "127.0.0.1:2377"},
}
ALONE: Mapping[str, Any] = {
    "GET /version": VERSION,
    "GET /v1.44/version": VERSION,
    "GET /v1.44/info": MANAGER,
    "GET /v1.44/nodes": [NODE],
    "GET /v1.44/configs": [],
    "POST /v1.44/configs/create": {"ID": "c1"},
    "DELETE /v1.44/configs/c1": None,
}


@contextlib.contextmanager
def engine(answers: Mapping[str, Any]) -> Iterator[str]:
    """Serve ``METHOD path`` -> document for the block; yields the target that names it."""

    class Handler(http.server.BaseHTTPRequestHandler):
        def _answer(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            asked = f"{self.command} {self.path.partition('?')[0]}"
            known = asked in answers
            document = answers[asked] if known else {"message": f"page not found: {asked}"}
            body = b"" if document is None else json.dumps(document).encode()
            self.send_response(200 if known else 404)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST = do_DELETE = _answer  # noqa: N815  names that http.server looks for

        def log_message(self, *args: object) -> None:
            pass

    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
        thread.start()
        try:
            yield f"tcp://127.0.0.1:{server.server_port}"
        finally:
            server.shutdown()
            thread.join()
