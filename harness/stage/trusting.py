"""The words for who may be in the swarm: certificates, the root that signs them, tokens to join."""

from __future__ import annotations

import contextlib
import dataclasses
import secrets
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import pytest

from harness.clock import Deadline
from harness.errors import HarnessError, Unmeasurable
from harness.evidence import Credential, Credentials, JoinTries, JoinTry, Traffic
from harness.lab.protocol import Lab
from harness.mesh.certificates import certificate, digest, loaded, signer
from harness.model import Node, Role
from harness.stage.asking import Asking
from harness.stage.secrecy import Sealed
from harness.stage.session import Stage
from harness.swarm.cluster import Swarm

_READ = "date +%s && cat /var/lib/docker/swarm/certificates/swarm-node.crt"
_ROTATE = 120.0  # seconds for every node to have a certificate of the new root
_COMMAND = 60.0  # seconds for docker's own commands on a node
_JOINS = 120.0  # seconds for an engine to start, to be refused three times, and to end
_RATE = 15.0  # requests/s per entry node
_WARM = 40  # requests through each entry node before and after
_AGAIN = 0.2  # seconds between two looks
_OTHER_VALIDITY = 30 * 86400.0  # seconds; a swarm's own default is 90 days
_DIGITS = "0123456789abcdefghijklmnopqrstuvwxyz"
# An engine beside the node's own, which touches neither bridges nor rules, and tries to join with each token
# that comes on standard input, a line each. What it is told is a line each. Nothing of it is left.
_JOIN = r"""
at=/run/harness-join
rm -rf "$at"; mkdir -p "$at"; echo '{}' > "$at/json"
dockerd --config-file "$at/json" --data-root "$at/data" --exec-root "$at/exec" -p "$at/pid" \
    -H "unix://$at/sock" --bridge=none --iptables=false --ip6tables=false > "$at/log" 2>&1 < /dev/null &
engine=$!
trap 'kill $engine 2>/dev/null; wait $engine; rm -rf "$at"' EXIT
tries=0
until curl -sf --unix-socket "$at/sock" http://d/_ping > /dev/null; do
    tries=$((tries + 1))
    kill -0 $engine && [ "$tries" -lt 300 ] || exit 1
    sleep 0.1
done
form='{"ListenAddr":"127.0.0.1:12377","AdvertiseAddr":"%s","RemoteAddrs":["%s"],"JoinToken":"%s"}'
while read -r token; do
    printf "$form" "$1" "$2" "$token" |
        curl -s -m 30 --unix-socket "$at/sock" -H 'Content-Type: application/json' -d @- http://d/swarm/join |
        tr -d '\n'
    echo
done
"""


@dataclasses.dataclass(frozen=True)
class Rotated:
    """The swarm's root rotated under steady requests, and for how long certificates were to be issued."""

    traffic: Traffic
    before: Credentials
    after: Credentials


@pytest.fixture(scope="session")
def read_credentials(stage: Stage, swarm: Swarm, lab: Lab) -> Callable[[], Credentials]:
    """``read_credentials()``: every node's certificate, held against the roots that the manager tells."""

    def read() -> Credentials:
        info, nodes = swarm.engine.info(), swarm.nodes()
        found: list[Credential] = []
        missing: list[tuple[str, str]] = []

        def one(node: Node) -> None:
            try:
                found.append(_credential(lab, node, info.roots))
            except HarnessError as error:
                missing.append((node.hostname, str(error)))
            except ValueError as error:  # Unreadable is one
                missing.append((node.hostname, str(error)))

        with ThreadPoolExecutor(len(nodes)) as threads:
            list(threads.map(one, nodes))
        return stage.journal.keep(
            Credentials(
                id=stage.journal.new_id("credentials"),
                at=stage.journal.clock.now(),
                cluster=info.cluster,
                roots=tuple(digest(root) for root in loaded(info.roots)),
                validity=info.validity,
                nodes=tuple(sorted(found, key=lambda credential: credential.node)),
                missing=tuple(sorted(missing)),
            )
        )

    return read


def _credential(lab: Lab, node: Node, roots: str) -> Credential:
    done = lab.exec(node.hostname, ["sh", "-c", _READ])
    now, _, text = done.out.partition("\n")
    if not done.ok:
        raise Unmeasurable(f"its certificate could not be read: {done.err.strip()}")
    own = certificate(text)
    return Credential(
        node=node.hostname,
        ident=node.id,
        role=node.role.value,
        name=own.name,
        unit=own.unit,
        organisation=own.organisation,
        root=signer(text, roots),
        begins=own.begins,
        ends=own.ends,
        now=float(now),
    )


@pytest.fixture(scope="session")
def credentials(read_credentials: Callable[[], Credentials]) -> Credentials:
    """The certificates as they are."""
    return read_credentials()


@pytest.fixture(scope="session")
def rotated_ca(
    stage: Stage,
    swarm: Swarm,
    lab: Lab,
    ruler: str,
    ruled: Sealed,
    asking: Asking,
    read_credentials: Callable[[], Credentials],
) -> Rotated:
    """Another root, and certificates for another time than before; then again, for the time of before."""
    before = read_credentials()
    with (
        stage.steps("rotate the swarm's root"),
        asking.steady(ruled.service, rate=_RATE) as traffic,
        contextlib.ExitStack() as undo,
    ):
        traffic.wait_each(_WARM, within=30)
        undo.callback(_rotate, swarm, lab, ruler, before.validity)
        _rotate(swarm, lab, ruler, _OTHER_VALIDITY)
        after = read_credentials()
        traffic.wait_each(_WARM, within=30)
    return Rotated(traffic.traffic, before, after)


def _rotate(swarm: Swarm, lab: Lab, manager: str, validity: float) -> None:
    """Rotate the root, and wait until every node has a certificate of the new one.

    Raises:
        Unmeasurable: that did not come to an end.
    """
    asked = ["docker", "swarm", "ca", "--rotate", "--quiet", "--cert-expiry", f"{validity:.0f}s"]
    done = lab.exec(manager, asked, bound=_ROTATE)
    if not done.ok:
        raise Unmeasurable(f"the root could not be rotated: {done.err.strip()[-200:]}")
    deadline = Deadline.after(_COMMAND, swarm.clock)
    while not swarm.engine.info().roots and not deadline.passed:
        swarm.clock.sleep(_AGAIN)


@pytest.fixture(scope="session")
def join_tries(stage: Stage, swarm: Swarm, lab: Lab, ruler: str) -> JoinTries:
    """An engine of no swarm, on a worker, tries to join with tokens that must not let it in."""
    nodes = swarm.nodes()
    node = max(one.hostname for one in nodes if one.role is Role.WORKER)
    old = _token(lab, ruler)
    new = _token(lab, ruler, "--rotate")
    tokens = {"wrong": _changed(new, -1), "foreign": _changed(new, len("SWMTKN-1-") + 20), "rotated": old}
    with stage.steps("try to join with tokens that are not valid"):
        told = lab.exec(
            node,
            ["sh", "-c", _JOIN, "join", swarm.address(node), f"{swarm.address(ruler)}:2377"],
            bound=_JOINS,
            stdin="".join(f"{token}\n" for token in tokens.values()),
        )
    said = told.out.splitlines()
    if not told.ok or len(said) != len(tokens):
        raise Unmeasurable(f"no engine could be started on {node} beside its own: {told.err.strip()[-200:]}")
    tries = [JoinTry(kind, node, _plain(line)) for kind, line in zip(tokens, said, strict=True)]
    ident, now = stage.journal.new_id("jointries"), stage.journal.clock.now()
    ids = tuple(one.id for one in nodes), tuple(one.id for one in swarm.nodes())
    return stage.journal.keep(JoinTries(ident, now, ruler, old != new, tuple(tries), *ids))


def _token(lab: Lab, manager: str, *options: str) -> str:
    """The token with which workers join.

    Raises:
        Unmeasurable: the manager does not tell it.
    """
    done = lab.exec(manager, ["docker", "swarm", "join-token", "--quiet", *options, "worker"], bound=_COMMAND)
    if not done.ok or not done.out.startswith("SWMTKN-"):
        raise Unmeasurable(f"{manager} does not tell the token to join: {done.err.strip()[-200:]}")
    return done.out.strip()


def _changed(token: str, place: int) -> str:
    """The token with another digit at this place."""
    letters = list(token)
    letters[place] = secrets.choice([one for one in _DIGITS if one != letters[place]])
    return "".join(letters)


def _plain(answer: str) -> str:
    """The engine's words in its answer; empty if it has none."""
    return answer.partition('"message":"')[2].rpartition('"')[0] if '"message"' in answer else answer.strip()
