"""Did the swarm carry the load that it must?"""

from __future__ import annotations

from harness.evidence import Load
from harness.judge.verdict import Finding, Subject, Verdict, judge, unknown
from harness.judge.words import GOOD, Part, bad, blind, conclude, count, seconds, tally

_ROUNDING = 0.02  # share of the planned time that a run may end early


@judge
def throughput(
    load: Load, *, seconds: float, requests: int, rate: float, failures: float, p99: float
) -> Verdict:
    """A load run reaches its rate within the limits of failures and latency.

    A run that was too short or too small to say so, or whose generator was the limit, is *unknown*; what it
    did measure can still refute.

    Args:
        load: the Locust run.
        seconds: least length of the run.
        requests: least number of requests.
        rate: least requests per second.
        failures: greatest share of failed requests.
        p99: greatest 99th percentile of latency, seconds.
    """
    if not load.requests:
        return unknown("the load run made no request", seconds=load.seconds, requests=0)
    share = load.failures / load.requests
    ways = "kept-alive" if load.kept_alive else "fresh"
    parts = [
        _failed(load, share, failures),
        _slow(load, p99),
        _rate(load, rate),
        _enough(load, seconds, requests),
    ]
    return conclude(
        parts,
        f"{load.rate:.0f} requests/s over {ways} connections (bound {rate:.0f}), p99 {_time(load.p99)} "
        f"(bound {_time(p99)}), {load.failures} of {count(load.requests, 'request')} failed in "
        f"{_time(load.seconds)}",
        subject=Subject(service=load.service),
        witnesses=("outside",),
        numbers={
            "seconds": load.seconds,
            "requests": load.requests,
            "failures": load.failures,
            "failed_share": share,
            "rate": load.rate,
            "p50": load.p50,
            "p95": load.p95,
            "p99": load.p99,
            "kept_alive": load.kept_alive,
            "nodes": {cell.name: cell.requests for cell in load.nodes},
            "replicas": {cell.name: cell.requests for cell in load.replicas},
            "errors": dict(load.errors),
            "generator": load.generator,
            "bounds": {
                "seconds": seconds,
                "requests": requests,
                "rate": rate,
                "failures": failures,
                "p99": p99,
            },
        },
    )


def _failed(load: Load, share: float, bound: float) -> Part:
    if share <= bound:
        return GOOD
    told = f"{load.failures} of {load.requests} requests failed ({share:.2%}, bound {bound:.2%})"
    kinds = tally(dict(load.errors))
    worst = max(load.nodes, key=lambda cell: cell.failures, default=None)
    node = worst.name if worst is not None and worst.failures == load.failures else ""
    sentence = told + (f": {kinds}" if kinds else "") + (f"; all through {node}" if node else "")
    subject = Subject(node=node, service=load.service)
    return bad(sentence, Finding("load-failures", subject, sentence, ("B16", "B17"), _look(node)))


def _slow(load: Load, bound: float) -> Part:
    if load.p99 <= bound:
        return GOOD
    if load.generator:
        return blind(f"p99 {_time(load.p99)} (bound {_time(bound)}), but {load.generator}")
    told = f"p99 {_time(load.p99)} (bound {_time(bound)}), median {_time(load.p50)}"
    subject = Subject(service=load.service)
    return bad(told, Finding("load-slow", subject, told, ("B14", "B17"), _look("")))


def _rate(load: Load, bound: float) -> Part:
    if load.rate >= bound:
        return GOOD
    if load.generator:
        return blind(f"{load.rate:.0f} requests/s (bound {bound:.0f}), but {load.generator}")
    told = f"{load.rate:.0f} requests/s, {bound:.0f} promised"
    return bad(told, Finding("load-rate-low", Subject(service=load.service), told, ("B14",), _look("")))


def _enough(load: Load, length: float, least: int) -> Part:
    if load.seconds < length * (1 - _ROUNDING):
        return blind(f"the run lasted {_time(load.seconds)}, {_time(length)} needed")
    if load.requests < least:
        return blind(f"{count(load.requests, 'request')} made, {least} needed")
    return GOOD


def _look(node: str) -> str:
    where = f"on {node}, " if node else ""
    return (
        f"{where}look at conntrack and neighbour tables, conn_reuse_mode, and the CPU of nodes and replicas"
    )


def _time(value: float) -> str:
    return seconds(value)


__all__ = ["throughput"]
