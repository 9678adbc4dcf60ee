"""A database whose password is a secret: it takes that one, and no other."""

from __future__ import annotations

from harness.evidence import Logins
from harness.judge.verdict import Finding, Subject, Verdict, judge
from harness.judge.words import GOOD, Part, bad, blind, conclude


@judge
def takes_its_secret(logins: Logins, *, answer: str = "42") -> Verdict:
    """The secret's password logs in; another is refused.

    Args:
        logins: what a client was told.
        answer: what one that may ask is told.
    """
    told = dict(logins.told)
    parts: list[Part] = []
    right, wrong = told.get("right"), told.get("wrong")
    if right is None or wrong is None:
        parts.append(blind(f"{logins.service}: no client told of both passwords"))
    elif right != answer and "denied" not in right:
        parts.append(blind(f"{logins.service} could not be asked: {right or 'no word'}"))
    else:
        if right != answer:
            parts.append(_found(logins, "secret-not-taken", f"the secret's password is refused: {right}"))
        if "denied" not in wrong:
            parts.append(_found(logins, "password-not-asked", f"another password is not refused: {wrong}"))
    return conclude(
        parts or [GOOD],
        f"{logins.service} takes the password of its secret, from {logins.node}, and refuses another",
        subject=Subject(service=logins.service),
        witnesses=("inside",),
        numbers={"told": [list(one) for one in logins.told]},
    )


def _found(logins: Logins, name: str, what: str) -> Part:
    sentence = f"{logins.service}: {what}"
    remedy = "does its *_FILE variable name the secret's path, and was its data folder empty when it began?"
    return bad(sentence, Finding(name, Subject(service=logins.service), sentence, (), remedy))


__all__ = ["takes_its_secret"]
