"""A user's own compose file: what is wrong with it is told in one line, and what is right is verified.

As long as the rows of the tutorial, so not part of every test run either; ``tox -e rows`` runs both.
"""

from __future__ import annotations

import pytest

from harness.lab.uml.lab import UmlLab
from tests.lab.processes import Box

_WHOAMI, _JOB = "traefik/whoami:v1.10.3", "nicolaka/netshoot:v0.13"
_SHOP = f"""
version: "3.8"
services:
  web:
    image: {_WHOAMI}
    build: .
    environment: {{WHOAMI_NAME: "shop-{{{{.Task.Slot}}}}"}}
    ports: ["8080:80"]
    stop_grace_period: 1s
    deploy: {{replicas: 3, update_config: {{order: start-first, parallelism: 3}}}}
  plain:
    image: {_JOB}
    command: [python3, -m, http.server, "8000", -d, /etc/apt]
    ports: ["8081:8000"]
    stop_grace_period: 1s
    deploy: {{replicas: 2, update_config: {{parallelism: 2}}}}
  data:
    image: redis:7
    ports: ["8082:6379"]
    stop_grace_period: 1s
"""
_KEY = f"""
version: "3.8"
services:
  web: {{image: "{_WHOAMI}", secrets: [key]}}
secrets: {{key: {{external: true}}}}
"""
_OUTER = f"""
version: "3.8"
services:
  web: {{image: "{_WHOAMI}", networks: [outer]}}
networks: {{outer: {{external: true}}}}
"""
_TWICE = f"""
version: "3.8"
services:
  a: {{image: "{_WHOAMI}", ports: ["8080:80"]}}
  b: {{image: "{_WHOAMI}", ports: ["8080:80"]}}
"""
_NOWHERE = f"""
version: "3.8"
services:
  web: {{image: "{_WHOAMI}", deploy: {{placement: {{constraints: ["node.hostname==nowhere"]}}}}}}
"""
_ILL = f"""
version: "3.8"
services:
  web:
    image: {_JOB}
    command: [sleep, "99"]
    stop_grace_period: 1s
    deploy: {{restart_policy: {{delay: 1s}}}}
    healthcheck: {{test: [CMD, "false"], interval: 1s, timeout: 1s, retries: 2}}
"""
_ENDS = f"""
version: "3.8"
services:
  web: {{image: "{_JOB}", command: ["false"], deploy: {{restart_policy: {{delay: 1s}}}}}}
"""
_NO_IMAGE = """
version: "3.8"
services:
  web: {image: "nobody/nothing:1"}
"""
WRONG = {
    "no compose file": ("services:\n  web: [\n", "shop.yml: yaml:"),
    "a key that there is none": (
        f"services:\n  web: {{image: '{_WHOAMI}', foo: bar}}\n",
        "shop.yml: services.web Additional property foo is not allowed",
    ),
    "no service": ("version: '3.8'\nservices: {}\n", "shop.yml describes no service"),
    "a secret that is not there": (
        _KEY,
        "service web: secret not found: key: docker secret create",
    ),
    "a network that is not there": (_OUTER, 'network "outer" is declared as external'),
    "a port twice": (_TWICE, "shop.yml: port '8080' is already in use by service '"),
    "an image that is not there": (_NO_IMAGE, "the image nobody/nothing:1 of web was not found by swarm-"),
    "a task that no node suits": (
        _NOWHERE,
        "web is stuck Pending: no suitable node (scheduling constraints not satisfied on 3 nodes)",
    ),
    "a task that is never healthy": (_ILL, "web never becomes healthy (5 tasks were ended for it)"),
    "a task that ends": (_ENDS, "web ends again and again (5 times): task: non-zero exit (1)"),
}


def _file(box: Box, text: str) -> str:
    path = box.folder / "shop.yml"  # nothing of ours counts as left
    path.write_text(text)
    return str(path)


@pytest.mark.parametrize("what", WRONG)
def test_what_is_wrong_is_told_in_a_line(the_lab: UmlLab, box: Box, what: str) -> None:
    """Exit 2, and nothing is left."""
    text, line = WRONG[what]
    done = box.run("gate", "--stack", _file(box, text))

    done.told(2, line)
    assert box.left(the_lab) == []


def test_a_shop_is_verified_by_what_its_services_say_and_by_count(the_lab: UmlLab, box: Box) -> None:
    """One names itself, one answers without a name, one speaks no HTTP; nothing is left of them."""
    done = box.run("gate", "--stack", _file(box, _SHOP), "--identity", "web=body:Name: (.*)", bound=400)

    assert (done.code, done.err) == (0, ""), done
    told = [(one["id"], one["sentence"]) for one in box.verdicts()["checks"]]
    assert "Ignoring unsupported options: build" in dict(told)["stack.runs"]
    assert sum("it speaks no HTTP" in sentence for _, sentence in told) == 1
    assert sum(check == "stack.even" and "counts differ by at most 1" in text for check, text in told) == 2
    assert sum(check == "stack.even" and "exact round robin" in text for check, text in told) == 1
    assert box.left(the_lab, runs=1) == []


def test_services_that_run_already_are_not_changed(the_lab: UmlLab, box: Box) -> None:
    """The very same tasks run afterwards; what the run itself did not deploy it does not remove."""
    manager = the_lab.nodes[0].hostname
    words = [
        "docker",
        "service",
        "create",
        "-d",
        "--name",
        "mine",
        "--replicas",
        "2",
        "-p",
        "8080:80",
        _WHOAMI,
    ]
    assert the_lab.exec(manager, words).ok
    tasks = ["docker", "service", "ps", "-q", "mine"]
    try:
        before = the_lab.exec(manager, tasks).out
        box.run("gate", "--service", "yours").told(2, "the swarm has no service yours: it has mine")
        box.run("gate", "--service", "mine", "--only", "stack.removed").told(2, "use --stack")
        done = box.run("gate", "--service", "mine")
        after = the_lab.exec(manager, tasks).out
    finally:
        the_lab.exec(manager, ["docker", "service", "rm", "mine"])

    assert (done.code, done.err) == (0, ""), done
    assert before.split() == after.split()
    assert box.left(the_lab, runs=1) == []
