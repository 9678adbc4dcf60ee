"""Which ways between nodes were open, by what their jobs told; what nobody told of is skipped."""

from __future__ import annotations

import dataclasses
import itertools
from collections.abc import Sequence

from harness.evidence import Link
from harness.inside.parse import JobAnswers, rows, text

_STATES = frozenset({"open", "closed", "silent"})
CONTROL = 2377
GOSSIP = 7946


def links(job: JobAnswers, managers: Sequence[str], nodes: Sequence[str], data_port: int) -> tuple[Link, ...]:
    """Every link that had to be open between two of ``nodes``.

    A connect over TCP is proven by its source, a datagram counts behind the target's firewall only: gossip's
    acknowledgement proves that, for the data path an echo through the ingress network. Where no node shows
    such proof (an engine that speaks differently), arrival at the interface has to do. Links of which nobody
    told are ``skipped`` with the reason.
    """
    tcp = {
        (answer.node, name, port): (state, text(proof))
        for answer in job.answers
        for name, port, state, proof in rows(answer, "tcp", (str, int, str, str))
        if state in _STATES
    }
    udp = _datagrams(job, data_port)
    reasons = dict(job.missing + job.skipped)
    found = []
    for source, target in itertools.permutations(nodes, 2):
        wanted = [(GOSSIP, "tcp"), (GOSSIP, "udp"), (data_port, "udp")]
        wanted += [(CONTROL, "tcp")] if target in managers else []
        for port, protocol in wanted:
            witness = source if protocol == "tcp" else target
            why = reasons.get(witness, f"{witness} told nothing of it")
            told = (tcp if protocol == "tcp" else udp).get((source, target, port), ("skipped", why))
            found.append(Link(source, target, port, protocol, told[0], text(told[1])))
    return tuple(found)


def _datagrams(job: JobAnswers, data_port: int) -> dict[tuple[str, str, int], tuple[str, str]]:
    """State and proof of the way of datagrams by source, target and port, as far as somebody told."""
    proven = _proofs(job, data_port)
    shown = {port for _, _, port in proven}
    found: dict[tuple[str, str, int], tuple[str, str]] = {}
    for answer in job.answers:
        for port in (GOSSIP, data_port):
            for peer, came, others in rows(answer, "heard", (str, bool, str), port=port):
                told = "seen at the interface, but not behind its firewall" if came else "nothing arrived"
                if others and not came:
                    told += f"; from other addresses: {others}"
                only = came and port not in shown
                found[peer, answer.node, port] = (
                    ("open", "seen at the interface") if only else ("silent", told)
                )
    return found | {link: ("open", proof) for link, proof in proven.items()}


def _proofs(job: JobAnswers, data_port: int) -> dict[tuple[str, str, int], str]:
    """Ways of datagrams that were proven up to the process, by source, target and port."""
    proven: dict[tuple[str, str, int], str] = {}
    for answer in job.answers:
        node = answer.node
        for peer, there, here in rows(answer, "acks", (str, bool, bool)):
            proven |= {(node, peer, GOSSIP): f"{peer} acknowledged a probe"} if there else {}
            proven |= {(peer, node, GOSSIP): f"{node} acknowledged a probe"} if here else {}
        for peer, came, replied, _ in rows(answer, "echoes", (str, bool, bool, int)):
            proven |= {(peer, node, data_port): f"an echo reached {node}"} if came or replied else {}
            proven |= {(node, peer, data_port): f"{peer} returned an echo"} if replied else {}
    return proven


def mesh(job: JobAnswers, nodes: Sequence[str]) -> tuple[Link, ...]:
    """What the overlay job's tasks said of each other over their own addresses; port 0 stands for the echo.

    Peers that never answered are known by the address that they told of themselves.
    """
    owners = {
        text(record.get("address")): answer.node for answer in job.answers for record in answer.of("self")
    }
    told: dict[tuple[str, str, str], tuple[str, str]] = {}
    for answer in job.answers:
        for address, name, protocol, state, proof in rows(answer, "mesh", (str, str, str, str, str)):
            target = name or owners.get(address, "")
            if target in nodes and state in _STATES and protocol in {"tcp", "udp"}:
                told[answer.node, target, protocol] = (state, f"{text(address)}: {text(proof)}")
    reasons = dict(job.missing + job.skipped)
    found = []
    for source, target in itertools.permutations(nodes, 2):
        why = reasons.get(source) or reasons.get(target) or f"{source} did not find the task of {target}"
        for protocol in ("tcp", "udp"):
            state, proof = told.get((source, target, protocol), ("skipped", why))
            found.append(Link(source, target, 0, protocol, state, proof))
    return tuple(found)


def with_mesh(found: Sequence[Link], overlay: Sequence[Link], data_port: int) -> tuple[Link, ...]:
    """``found`` with silent or skipped data paths opened where an echo came back over the overlay.

    An echo crosses the data path in both directions, so one in either direction proves both.
    """
    proven = {
        pair: link.proof
        for link in overlay
        if link.state == "open"
        for pair in ((link.source, link.target), (link.target, link.source))
    }
    return tuple(
        dataclasses.replace(link, state="open", proof=f"overlay echo {proven[link.source, link.target]}")
        if (link.port, link.protocol) == (data_port, "udp")
        and link.state in {"silent", "skipped"}
        and (link.source, link.target) in proven
        else link
        for link in found
    )
