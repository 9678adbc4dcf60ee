"""The balancers' tables as jobs told them: IPVS services by mark, rules that set marks, what was not read."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Iterator
from typing import Any

from harness.evidence import RealServer, VirtualServer
from harness.inside.parse import JobAnswers, fits, is_address, rows, text, troubles


def servers(job: JobAnswers) -> tuple[VirtualServer, ...]:
    """The IPVS services of every node and namespace, keyed by mark."""
    parts: dict[tuple[str, str, int], tuple[str, list[RealServer]]] = {}
    for answer in job.answers:
        for record in answer.of("ipvs"):
            namespace = record.get("ns")
            if not isinstance(namespace, str):
                continue
            one = dataclasses.replace(answer, records=(record,))
            for mark, scheduler, told in rows(one, "ipvs", (int, str, list)):
                _, known = parts.setdefault((answer.node, text(namespace), mark), (text(scheduler), []))
                known.extend(_real_servers(told))
    return tuple(
        VirtualServer(node, namespace, mark, scheduler, tuple(known))
        for (node, namespace, mark), (scheduler, known) in sorted(parts.items())
    )


def _real_servers(told: Iterable[Any]) -> Iterator[RealServer]:
    for row in told:
        if isinstance(row, list) and len(row) >= 4 and all(map(fits, row, (str, int, int, int))):  # noqa: PLR2004  columns
            address, weight, active, inactive = row[:4]
            if is_address(address):
                yield RealServer(address, weight, active, inactive)


def marks(job: JobAnswers) -> tuple[tuple[str, str, str, str, int], ...]:
    """(node, namespace, ``port`` or ``vip``, key, mark) of the rules that set firewall marks."""
    found = set()
    for answer in job.answers:
        for record in answer.of("marks"):
            one = dataclasses.replace(answer, records=(record,))
            for kind, key, mark in rows(one, "marks", (str, str, int)):
                if kind in {"port", "vip"} and isinstance(record.get("ns"), str):
                    found.add((answer.node, text(record["ns"]), kind, text(key), mark))
    return tuple(sorted(found))


def unread_tables(job: JobAnswers) -> tuple[tuple[str, str], ...]:
    """(hostname, reason) of nodes whose tables or marks could not be read, or only in part."""
    found = [*job.missing, *troubles(job.answers, "tables")]
    told = {answer.node for answer in job.answers if answer.of("namespaces")}
    silent = [answer.node for answer in job.whole if answer.node not in told]
    found += [(node, "it told nothing of its namespaces") for node in silent if node not in dict(found)]
    found += [
        (answer.node, f"marks in {text(record.get('ns'))}: {text(record.get('why'))}")
        for answer in job.answers
        for record in answer.of("marks")
        if record.get("why")
    ]
    return tuple(found)
