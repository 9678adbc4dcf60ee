"""What dockersamples/examplevotingapp_result shows: the shares of the votes in db, told anew each second.

The original tells pages by socket.io; here it is the browser's own event stream. The page has the same parts.
"""

from __future__ import annotations

import http.server
import json
import os
import sys
import threading
import time
from pathlib import Path

import psycopg2  # type: ignore[import-untyped]  # there in the image, not here

_PAGE = (Path(__file__).parent / "views/index.html").read_bytes()
_COUNT = "SELECT vote, COUNT(id) AS count FROM votes GROUP BY vote"
_AGAIN = 1.0  # seconds


class Scores:
    """The counts as they are, for every page that is open."""

    def __init__(self) -> None:
        self.text = ""
        self.news = threading.Condition()

    def follow(self) -> None:
        """Read them from db, for ever; a lost database ends the process, and swarm starts another."""
        while True:
            try:
                rows = psycopg2.connect(host="db", user="postgres", password="postgres", connect_timeout=5)  # noqa: S106 - as the original
                break
            except psycopg2.OperationalError:
                sys.stderr.write("Waiting for db\n")
                time.sleep(_AGAIN)
        sys.stderr.write("Connected to db\n")
        rows.autocommit = True
        while True:
            counts = {"a": 0, "b": 0}
            try:
                with rows.cursor() as cursor:
                    cursor.execute(_COUNT)
                    counts |= dict(cursor.fetchall())
            except psycopg2.ProgrammingError as error:  # nobody has voted yet: there is no table
                sys.stderr.write(f"Error performing query: {error}\n")
            with self.news:
                self.text = json.dumps(counts)
                self.news.notify_all()
            time.sleep(_AGAIN)


SCORES = Scores()


class Pages(http.server.BaseHTTPRequestHandler):
    """The page, and the stream that it listens to."""

    def do_GET(self) -> None:
        """Answer."""
        stream = self.path == "/scores"
        self.send_response(200)
        self.send_header("Content-Type", "text/event-stream" if stream else "text/html; charset=utf-8")
        self.send_header("Cache-Control", "no-store")
        self.end_headers()
        if not stream:
            self.wfile.write(_PAGE)
            return
        try:
            while True:
                with SCORES.news:
                    SCORES.news.wait(5)
                    text = SCORES.text
                if text:
                    self.wfile.write(f"data: {text}\n\n".encode())
                    self.wfile.flush()
        except OSError:
            return  # the page was closed

    def log_message(self, *_: object) -> None:
        """No line for each request."""


def main() -> None:
    """Serve until the database is lost."""
    server = http.server.ThreadingHTTPServer(("", int(os.environ.get("PORT", "80"))), Pages)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    SCORES.follow()


if __name__ == "__main__":
    main()
