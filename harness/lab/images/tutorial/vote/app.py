"""What dockersamples/examplevotingapp_vote answers: a page with two buttons; a vote goes into redis' list.

As in the original a voter is a cookie, and each request that brings a vote pushes it; so does a changed one.
"""

import json
import os
import random
import socket

from flask import Flask, make_response, render_template, request
from flask.typing import ResponseReturnValue
from redis import Redis  # type: ignore[import-not-found]  # there in the image, not here

OPTION_A = os.environ.get("OPTION_A", "Cats")
OPTION_B = os.environ.get("OPTION_B", "Dogs")

app = Flask(__name__)
queue = Redis(host="redis", db=0, socket_timeout=5)


@app.route("/", methods=["POST", "GET"])
def page() -> ResponseReturnValue:
    """The page; with a vote, which is written down first."""
    voter = request.cookies.get("voter_id") or f"{random.getrandbits(60):x}"
    vote = None
    if request.method == "POST":
        vote = request.form["vote"]
        app.logger.warning("Received vote for %s", vote)
        queue.rpush("votes", json.dumps({"voter_id": voter, "vote": vote}))
    shown = {"option_a": OPTION_A, "option_b": OPTION_B, "hostname": socket.gethostname(), "vote": vote}
    answer = make_response(render_template("index.html", **shown))
    answer.set_cookie("voter_id", voter)
    return answer


if __name__ == "__main__":
    app.run(host="0.0.0.0", port=80, threaded=True)  # noqa: S104 - in a container
