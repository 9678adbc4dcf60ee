"""Who may be in the swarm: the nodes' certificates, the root that signs them, the tokens to join.

Sources: swarmkit ``ca/certificates.go`` (names, roles, a certificate begins an hour before it is issued),
``ca/server.go`` (tokens), ``docker swarm ca --rotate``.
"""

from __future__ import annotations

from harness.evidence import Credential, Credentials, JoinTries, JoinTry, Traffic
from harness.judge import losses
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, seconds

_BACKDATED = 3600.0  # seconds before its issue at which a certificate begins
_SLACK = 300.0  # seconds: whole minutes, and clocks
_UNITS = {"manager": "swarm-manager", "worker": "swarm-worker"}
_ON_NODES = ("nodes",)
_LOOK = "openssl x509 -noout -text -in /var/lib/docker/swarm/certificates/swarm-node.crt"
_TOKEN_WORDS = {
    "wrong": "join token is necessary",
    "rotated": "join token is necessary",
    "foreign": "does not match fingerprint",
}


@judge
def certified(seen: Credentials) -> Verdict:
    """Every node has a valid certificate of the swarm's root, for its own id, swarm and role.

    Args:
        seen: the certificates.
    """
    parts = [_certificate(seen, one) for one in seen.nodes]
    parts += [blind(f"{node}: {why}") for node, why in seen.missing]
    if not seen.roots:
        return unknown("the swarm tells of no root certificate: is it being rotated?")
    ends = min((one.ends - one.now for one in seen.nodes), default=0.0)
    return conclude(
        parts,
        f"{count(len(seen.nodes), 'certificate')} of the swarm's root, each with its node's id and role, "
        f"valid for {ends // 86400:.0f} days or more",
        subject=Subject(),
        witnesses=_ON_NODES,
        numbers={"nodes": len(seen.nodes), "validity": seen.validity, "left": round(ends)},
    )


def _certificate(seen: Credentials, one: Credential) -> Part:
    wrong = []
    if one.root not in seen.roots:
        wrong.append("it is not signed by the swarm's root")
    if one.name != one.ident:
        wrong.append(f"it is node {one.name}'s, not {one.ident}'s")
    if one.organisation != seen.cluster:
        wrong.append(f"it is of swarm {one.organisation}, not {seen.cluster}")
    if one.unit != _UNITS[one.role]:
        wrong.append(f"its role is {one.unit}, the node is a {one.role}")
    if wrong:
        return _bad("wrong-certificate", one, f"{one.node}: {'; '.join(wrong)}", "docker swarm ca --rotate")
    if not one.begins <= one.now < one.ends:
        sentence = f"{one.node}: its certificate is not valid now"
        return _bad("certificate-expires", one, sentence, "compare the nodes' clocks; restart its engine")
    length = one.ends - one.begins - _BACKDATED
    if abs(length - seen.validity) > _SLACK:
        sentence = f"{one.node}: its certificate was issued for {seconds(round(length))}, "
        sentence += f"configured are {seconds(round(seen.validity))}"
        return _bad("wrong-validity", one, sentence, "docker swarm ca --rotate issues all anew")
    return GOOD


def _bad(name: str, one: Credential, sentence: str, remedy: str) -> Part:
    return bad(sentence, Finding(name, Subject(node=one.node), sentence, ("G9",), remedy, command=_LOOK))


@judge
def rotated_root(before: Credentials, after: Credentials, traffic: Traffic, *, lost_share: float) -> Verdict:
    """Another root signs every node's certificate, for as long as was asked, and hardly a request is lost.

    Args:
        before: the certificates before; ``after``: once the rotation was over.
        after: see above.
        traffic: steady requests while it went on.
        lost_share: of the requests through an entry node, what may be lost.
    """
    parts: list[Part] = []
    if not after.roots or not before.roots:
        return unknown("the swarm tells of no root certificate: is it still being rotated?")
    if set(before.roots) & set(after.roots):
        sentence = "the root certificate is the one of before"
        remedy = "docker swarm ca --rotate: how did it end?"
        parts.append(bad(sentence, Finding("root-not-rotated", Subject(), sentence, ("G9",), remedy)))
    old = {one.node: one for one in before.nodes}
    for one in after.nodes:
        if one.node in old and (one.begins, one.ends) == (old[one.node].begins, old[one.node].ends):
            sentence = f"{one.node} has the certificate of before"
            parts.append(_bad("certificate-not-renewed", one, sentence, "does its engine reach a manager?"))
        else:
            parts.append(_certificate(after, one))
    parts += [blind(f"{node}: {why}") for node, why in after.missing]
    parts += losses.within(traffic, lost_share, "the root was rotated", "no request needs a certificate")
    return conclude(
        parts,
        f"another root signs {count(len(after.nodes), 'certificate')}, issued for "
        f"{after.validity / 3600:.0f} h: {losses.told(traffic)} in {seconds(round(after.at - before.at, 1))}",
        subject=Subject(),
        witnesses=_ON_NODES,
        numbers={
            "nodes": len(after.nodes),
            "validity": [before.validity, after.validity],
            "sent": len(traffic.samples),
            "lost": sum(not one.ok for one in traffic.samples),
        },
    )


@judge
def refuses(seen: JoinTries) -> Verdict:
    """A wrong token, one of another swarm and one that was rotated let nobody in, and are what is refused.

    Args:
        seen: the tries.
    """
    if not seen.tries:
        return unknown("nobody tried to join")
    parts = [_refused(seen, one) for one in seen.tries]
    if not seen.changed:
        sentence = f"{seen.manager}: the token is the same after its rotation"
        parts.append(_let_in("token-not-rotated", Subject(seen.manager), sentence))
    new = sorted(set(seen.after) - set(seen.before))
    if new:
        sentence = f"{count(len(new), 'node')} joined: {', '.join(new)}"
        parts.append(_let_in("joined-without-token", Subject(seen.manager), sentence))
    kinds = ", ".join(sorted({one.token for one in seen.tries}))
    return conclude(
        parts,
        f"{seen.manager} refused {count(len(seen.tries), 'token')} by name ({kinds})",
        subject=Subject(node=seen.manager),
        witnesses=_ON_NODES,
        numbers={"refusals": {one.token: one.refusal for one in seen.tries}},
    )


def _refused(seen: JoinTries, one: JoinTry) -> Part:
    if not one.refusal:
        sentence = f"{seen.manager} let an engine in with a {one.token} token"
        return _let_in("joined-without-token", Subject(seen.manager), sentence)
    if _TOKEN_WORDS[one.token] not in one.refusal:
        return blind(f"the {one.token} token: it was not the token that was refused ({one.refusal[:200]})")
    return GOOD


def _let_in(name: str, subject: Subject, sentence: str) -> Part:
    remedy = "docker swarm join-token --rotate worker; docker node ls: who is in?"
    return bad(sentence, Finding(name, subject, sentence, ("G9",), remedy))


__all__ = ["certified", "refuses", "rotated_root"]
