"""A database that takes the password of its secret, or does not."""

from __future__ import annotations

import pytest

from harness.evidence import Logins
from harness.judge.login import takes_its_secret
from harness.judge.verdict import State
from harness.workloads import mysql

DENIED = "ERROR 1045 (28000): Access denied for user 'root'@'10.0.1.4' (using password: YES)"


@pytest.mark.parametrize(
    ("told", "state", "finding"),
    [
        ({"right": "42", "wrong": DENIED}, State.UPHELD, []),
        ({"right": DENIED, "wrong": DENIED}, State.REFUTED, ["secret-not-taken"]),
        ({"right": "42", "wrong": "42"}, State.REFUTED, ["password-not-asked"]),
        ({"right": "ERROR 2002: Can't connect", "wrong": DENIED}, State.UNKNOWN, []),
        ({"right": "42"}, State.UNKNOWN, []),
        ({}, State.UNKNOWN, []),
    ],
)
def test_the_secrets_password_and_no_other(told: dict[str, str], state: State, finding: list[str]) -> None:
    """No word is no evidence."""
    verdict = takes_its_secret(Logins("logins-1", 1.0, "h-mysql", "swarm-worker1", tuple(told.items())))

    assert verdict.state is state
    assert [one.name for one in verdict.findings] == finding


def test_the_password_is_in_no_specification() -> None:
    """Only the path of the secret is."""
    database, client = mysql.services("abc", image="mysql:5.7", network="net", secret="h-abc-pass")

    assert database.env == {"MYSQL_ROOT_PASSWORD_FILE": "/run/secrets/mysql_pass"}
    assert [one.name for one in (*database.secrets, *client.secrets)] == ["h-abc-pass"] * 2
    assert client.job
