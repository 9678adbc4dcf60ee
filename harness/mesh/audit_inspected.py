"""What a node's engine and processes told: orphan containers, owners of listeners, the node's certificate."""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterator

from harness.mesh import symptoms
from harness.mesh.certificates import certificates
from harness.mesh.documents import Unreadable
from harness.mesh.expected import Expected
from harness.mesh.findings import HOST, Notes, listed
from harness.mesh.inspected import CERTIFICATE, CONTAINERS, LISTENERS, Certificate, Container, Inspected
from harness.mesh.kernel import Kernel, Kind
from harness.mesh.places import Scene
from harness.mesh.settling import SETTLE, Presence
from harness.model import Node, Role

GOSSIP_PORT, MANAGER_PORT = 7946, 2377
_ENGINE = frozenset({"dockerd", "docker-proxy"})
_RANGE = "net.ipv4.ip_local_port_range"
_LEFT = 0.1  # of a certificate's life: engines renew theirs when between a half and a fifth of it is left
_ROLE_SETTLES = 60.0  # seconds that a node may need to get the certificate of a new role
_UNITS = {Role.MANAGER: "swarm-manager", Role.WORKER: "swarm-worker"}


def audit(kernel: Kernel, scene: Scene, notes: Notes) -> None:
    """Hold them against the manager's word."""
    told = kernel.inspected
    if told is None:
        return
    _containers(kernel, told, scene.expected, notes)
    _listeners(kernel, told, scene.expected, notes)
    node = scene.expected.node(kernel.node)
    if node is not None:
        _certificate(told, node, scene, notes)
    notes.findings = [symptoms.backed(one, told) for one in notes.findings]
    for text in symptoms.remarks(told):
        notes.remark(HOST, text)


def _containers(kernel: Kernel, told: Inspected, expected: Expected, notes: Notes) -> None:
    """Running containers of tasks that ended long ago, or that no manager knows.

    A manager keeps a task until the node said that its container ended, so none of them is on its way; what
    was made while the audit ran may have come and gone between the truths.
    """
    if told.why(CONTAINERS):
        notes.unknown(HOST, f"containers could not be read: {told.why(CONTAINERS)}")
        return
    late = expected.wall + expected.clocks.get(kernel.node, 0.0) - SETTLE
    networks = {one.id for one in expected.networks}
    for one in told.containers:
        notes.count("containers")
        if expected.tasks.get(one.task, Presence.GONE) is Presence.GONE and one.created < late:
            address = next((end.address for end in one.addresses if end.network in networks), "")
            notes.find(
                "orphan-container",
                HOST,
                service=one.service,
                address=address,
                expected="no running container of a task that is gone",
                seen=_shown(one, expected),
                command=f"docker inspect {one.id}",
            )


def _shown(one: Container, expected: Expected) -> str:
    state = "which ended" if one.task in expected.tasks else "which no manager knows"
    return f"container {one.name or one.id} of task {one.task}, {state}"


def _listeners(kernel: Kernel, told: Inspected, expected: Expected, notes: Notes) -> None:
    """Who has the ports that every node publishes, and the swarm's own.

    That nobody listens on a published port says nothing: newer engines need no listener there (moby#53118).
    """
    if told.why(LISTENERS):
        notes.unknown(HOST, f"listeners could not be read: {told.why(LISTENERS)}")
        return
    node = expected.node(kernel.node)
    wanted = {(port.protocol, port.published): pool.service for port, pool in expected.published()}
    wanted |= {(protocol, GOSSIP_PORT): "" for protocol in ("tcp", "udp")}
    if node is not None and node.role is Role.MANAGER:
        wanted["tcp", MANAGER_PORT] = ""
    low, high = _ephemeral(kernel)
    for one in told.listeners:
        service = wanted.get((one.protocol, one.port))
        if service is None or (one.protocol == "udp" and low <= one.port <= high):
            continue  # a client's socket may have such a port for a moment
        notes.count("listeners")
        place = f"{one.address}:{one.port}" if ":" not in one.address else f"[{one.address}]:{one.port}"
        if not one.owner:
            notes.unknown(HOST, f"nobody was seen to own the listener on {place} ({one.protocol})")
        elif one.owner not in _ENGINE:
            notes.find(
                "foreign-listener",
                HOST,
                service=service,
                address=place,
                expected=f"nobody but the engine on {one.port}/{one.protocol}",
                seen=f"{one.owner} listens on {place}",
                command=f"ss -lntup sport = :{one.port}",
            )
    if not any((one.protocol, one.port) == ("tcp", GOSSIP_PORT) for one in told.listeners):
        notes.find(
            "missing-gossip-listener",
            HOST,
            expected=f"dockerd on {GOSSIP_PORT}/tcp",
            seen="nobody listens",
            command=f"ss -lntup sport = :{GOSSIP_PORT}",
        )


def _ephemeral(kernel: Kernel) -> tuple[int, int]:
    host = kernel.the(Kind.HOST)
    words = (host.sysctl(_RANGE) or "").split() if host else []
    numbers = [int(word) for word in words if word.isdigit()]
    return (numbers[0], numbers[1]) if len(numbers) > 1 else (32768, 60999)


def _certificate(told: Inspected, node: Node, scene: Scene, notes: Notes) -> None:
    expected = scene.expected
    own = told.certificate
    if told.why(CERTIFICATE) or own is None:
        notes.unknown(HOST, f"the node's certificate could not be read: {told.why(CERTIFICATE)}")
        return
    notes.count("certificates")
    left = own.ends - expected.wall
    if left < _LEFT * (own.ends - own.begins):
        notes.find(
            "certificate-expires",
            HOST,
            expected="a certificate that was renewed in time",
            seen=f"{'it ended' if left < 0 else 'it ends'} {_date(own.ends)}",
            command="docker swarm ca --help; docker info; journalctl -u docker",
        )
    wrong = [*_wrong(own, node, expected), *_signer(own, scene, notes)]
    if wrong:
        notes.find(
            "wrong-certificate",
            HOST,
            expected=f"the certificate of {node.id} as {_UNITS[node.role]}, signed by the swarm's root",
            seen=listed(wrong),
            command="openssl x509 -noout -text -in /var/lib/docker/swarm/certificates/swarm-node.crt",
        )


def _wrong(own: Certificate, node: Node, expected: Expected) -> Iterator[str]:
    if own.name != node.id:
        yield f"it is node {own.name}'s"
    settled = 0.0 < node.updated < expected.wall - _ROLE_SETTLES
    if own.unit != _UNITS[node.role] and settled:
        yield f"its role is {own.unit}"


def _signer(own: Certificate, scene: Scene, notes: Notes) -> Iterator[str]:
    """Told only if other nodes' are signed by the root: with an external CA another key may sign all."""
    try:
        roots = certificates(scene.expected.roots)
    except Unreadable as error:
        notes.unknown("", f"the swarm's root certificates could not be read: {error}")
        return
    keys = {one.key for one in roots if one.key}
    told = [one.inspected.certificate for one in scene.kernels.values() if one.inspected]
    usual = any(one is not None and one.authority in keys for one in told)
    if own.authority and usual and own.authority not in keys:
        yield f"it is signed by another key than the root's ({own.issuer})"


def _date(at: float) -> str:
    return f"{dt.datetime.fromtimestamp(at, dt.UTC):%Y-%m-%d %H:%M} UTC"
