"""What dockersamples/examplevotingapp_worker does: takes votes from redis' list, one every 100 ms, into db.

As in the original a voter has one row, which a further vote changes. Whatever goes wrong with the database
ends it, and swarm starts another; a vote that it has just taken is nowhere else.
"""

import json
import socket
import sys
import time

import psycopg2  # type: ignore[import-untyped]  # both are there in the image, not here
from redis import Redis, RedisError  # type: ignore[import-not-found]

_TABLE = "CREATE TABLE IF NOT EXISTS votes (id VARCHAR(255) NOT NULL UNIQUE, vote VARCHAR(255) NOT NULL)"
_VOTE = "INSERT INTO votes (id, vote) VALUES (%(id)s, %(vote)s)"
_CHANGE = "UPDATE votes SET vote = %(vote)s WHERE id = %(id)s"
_PAUSE = 0.1  # seconds


def say(text: str) -> None:
    """One line of its log."""
    sys.stderr.write(f"{text}\n")


def database() -> psycopg2.extensions.connection:
    """A connection to db, as soon as there is one."""
    while True:
        try:
            found = psycopg2.connect(host="db", user="postgres", password="postgres", connect_timeout=5)  # noqa: S106 - as the original
        except psycopg2.OperationalError:
            say("Waiting for db")
            time.sleep(1)
            continue
        say("Connected to db")
        found.autocommit = True
        found.cursor().execute(_TABLE)
        return found


def redis() -> Redis:
    """A connection to redis, as soon as there is one."""
    while True:
        say("Connecting to redis")
        try:
            found = Redis(host=socket.gethostbyname("redis"), socket_timeout=5)
            found.ping()
        except (OSError, RedisError):
            say("Waiting for redis")
            time.sleep(1)
        else:
            return found


def main() -> None:
    """Take one vote after the other, for ever."""
    rows, votes = database(), redis()
    while True:
        time.sleep(_PAUSE)
        try:
            taken = votes.lpop("votes")
        except RedisError:
            say("Reconnecting Redis")
            votes = redis()
            continue
        cursor = rows.cursor()
        if taken is None:
            cursor.execute("SELECT 1")
        else:
            vote = json.loads(taken)
            say(f"Processing vote for '{vote['vote']}' by '{vote['voter_id']}'")
            row = {"id": vote["voter_id"], "vote": vote["vote"]}
            try:
                cursor.execute(_VOTE, row)
            except psycopg2.IntegrityError:  # a voter has one row, as long as the table is as made above
                cursor.execute(_CHANGE, row)
        cursor.close()


if __name__ == "__main__":
    main()
