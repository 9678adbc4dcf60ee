"""Secrets and configs: tasks find them, nobody else does, and they change without a request being lost."""

import pytest

from harness.judge.login import takes_its_secret
from harness.judge.secrecy import kept_while_used, nowhere_else, readable, rotated


@pytest.mark.check("secret.readable")
def test_every_task_finds_the_secret_in_memory(sealed, seen_secret, promise):
    """At /run/secrets, with the value that was given, on a file system that is never written to disk."""
    promise("secret.readable", readable(seen_secret, sealed.service.roster()))


@pytest.mark.check("secret.nowhere-else")
def test_nobody_else_is_told_the_secret(sealed, seen_secret, promise):
    """Searched: disks, environments, the raft store, the manager's answers, logs, nodes without a task."""
    promise("secret.nowhere-else", nowhere_else(seen_secret, sealed.service.roster()))


@pytest.mark.check("secret.in-use")
def test_a_secret_that_is_used_cannot_be_removed(seen_secret, promise):
    """Tasks that are replaced need it again."""
    promise("secret.in-use", kept_while_used(seen_secret))


@pytest.mark.check("config.readable")
def test_every_task_finds_its_config(sealed, seen_config, promise):
    """At the path that the service names."""
    promise("config.readable", readable(seen_config, sealed.service.roster()))


@pytest.mark.check("config.in-use")
def test_a_config_that_is_used_cannot_be_removed(seen_config, promise):
    """Tasks that are replaced need it again."""
    promise("config.in-use", kept_while_used(seen_config))


@pytest.mark.check("secret.rotates")
def test_a_secret_is_rotated_under_load(rotation, limits, promise):
    """A secret never changes: another takes its place, and the tasks are replaced one by one."""
    verdict = rotated(
        rotation.traffic, rotation.keeping, rotation.roster, lost_share=limits.update_lost_share
    )
    promise("secret.rotates", verdict)
    promise("secret.rotates", nowhere_else(rotation.keeping, rotation.roster))


@pytest.mark.check("secret.logs-in")
def test_a_database_takes_its_password_from_a_secret(logged_in, promise):
    """MYSQL_ROOT_PASSWORD_FILE names the secret's path; the image reads it, swarm never tells it."""
    promise("secret.logs-in", takes_its_secret(logged_in))
