"""What an engine's refusal means: its own words in, one of our errors out."""

from __future__ import annotations

from harness.engine.protocol import ConflictError, InUseError, NotFoundError
from harness.errors import HarnessError, RequestError, Unmeasurable

_FLICKERS = (
    "update out of sequence",
    "does not have a leader",
    "code = unavailable",
    "deadline exceeded",
    "transport is closing",
    "raft",
)
_CLIENT_ERRORS = range(400, 500)


class FlickerError(Unmeasurable):
    """The engine could not do it now and says so; nothing was changed, so it may be asked again."""


class AbsentError(FlickerError):
    """The transport failed: it may answer again, but a change that was asked for may have been made."""


def refusal(status: int, message: str, target: str) -> HarnessError:
    """The error for an answer other than 2xx.

    Args:
        status: of the HTTP answer.
        message: the engine's own words.
        target: how the person named the engine.
    """
    words = message.strip().removeprefix("rpc error: ")
    low = words.lower()
    found = _about_target(low, target) or _about_objects(status, low, words)
    if found:
        return found
    if any(sign in low for sign in _FLICKERS):
        return FlickerError(f"the engine at {target} could not answer: {words}", remedy="is there a leader?")
    if status in _CLIENT_ERRORS:
        return RequestError(f"the engine refuses: {words or status}")
    return Unmeasurable(f"the engine at {target} failed: {words or status}", remedy="see the engine's log")


def not_in_swarm(target: str) -> RequestError:
    """The engine is well, but belongs to no swarm."""
    return RequestError(
        f"the engine at {target} is not in a swarm",
        remedy="run 'docker swarm init' there, or name a manager of a swarm",
    )


def a_worker(target: str, managers: tuple[str, ...] = ()) -> RequestError:
    """The engine is a worker: it cannot be asked about the swarm."""
    known = ", ".join(managers)
    return RequestError(
        f"the engine at {target} is a worker of its swarm",
        remedy=f"name a manager's endpoint{f' (managers: {known})' if known else ''}",
    )


def tls_refused(target: str, words: str) -> Unmeasurable:
    """The two sides do not trust, or do not understand each other."""
    return Unmeasurable(
        f"TLS to the engine at {target} was refused ({words})",
        remedy="check ca, cert and key in [tls], and that the endpoint serves TLS",
    )


def _about_target(low: str, target: str) -> HarnessError | None:
    if "not a swarm manager" in low:
        return a_worker(target) if "worker nodes" in low else not_in_swarm(target)
    if "needs to be unlocked" in low:
        return RequestError(f"the swarm of {target} is locked", remedy="run 'docker swarm unlock' there")
    if "http request to an https server" in low:
        return tls_refused(target, "it serves TLS and was asked without")
    if "client version" in low and ("too new" in low or "too old" in low):
        return RequestError(f"the engine at {target} refuses our API version: {low}")
    return None


def _about_objects(status: int, low: str, words: str) -> HarnessError | None:
    if "already in use by service" in low:
        return RequestError(words.partition("desc = ")[2] or words, remedy="set another published_port")
    if "name conflicts" in low or "already exists" in low:
        return ConflictError(f"the engine refuses: {words}", remedy="run 'harness sweep' if a run left it")
    if "is in use by" in low or "active endpoints" in low or "currently in use" in low:
        return InUseError(f"the engine refuses: {words}")
    # a swarm network that went while a task of this node still ends: 500, but with these words
    if status == 404 or low.endswith(" not found"):  # noqa: PLR2004  the HTTP status is its own name
        return NotFoundError(f"the engine refuses: {words}")
    return None
