"""What xiaopeng163/flask-redis answers: it counts visits in redis, and says on which host it runs.

Counting is two calls, INCR and GET, as in the original: two visitors at once may be told the same number,
while the counter itself never loses one.
"""

import os
import socket

from flask import Flask
from redis import StrictRedis  # type: ignore[import-not-found]  # there in the image, not here

SENTENCE = "Hello Container World! I have been seen {seen} times and my hostname is {host}.\n"

app = Flask(__name__)
counter = StrictRedis(
    host=os.environ.get("REDIS_HOST", "127.0.0.1"),
    port=6379,
    password=os.environ.get("REDIS_PASS", "redis"),
)


@app.route("/")
def visit() -> str:
    """Count this visit, then read the counter."""
    counter.incr("hits")
    return SENTENCE.format(seen=counter.get("hits").decode(), host=socket.gethostname())
