"""What the nodes printed becomes values of their kernels; nothing here knows what should be there.

No evidence is no absence: whatever was not told, or cannot be understood, is ``unread`` with its reason.
"""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping
from typing import Any, TypeVar

from harness.evidence.mesh import HOST, Dump, KernelLook
from harness.inside.allowed import NODE_INSPECT
from harness.mesh import iproute
from harness.mesh.documents import Unreadable, document
from harness.mesh.inspecting import inspected
from harness.mesh.ipvs import mark_services
from harness.mesh.kernel import Backend, Kernel, Kind, Namespace, Rules
from harness.mesh.rules import read_rules

T = TypeVar("T")
_KINDS = (
    (Kind.HOST, re.compile(re.escape(HOST))),
    (Kind.INGRESS, re.compile("ingress_sbox")),
    (Kind.BALANCER, re.compile(r"lb_.+")),
    (Kind.OVERLAY, re.compile(r"[0-9]+-[0-9a-z]{10}")),
    (Kind.TASK, re.compile(r"[0-9a-f]{12}")),
)
_SYSCTL = re.compile(r"([^\s=]+)\s*=\s*(.*?)\s*")
_SILENT = "the node told nothing of it"


def kernels(look: KernelLook) -> tuple[Kernel, ...]:
    """The kernels of the nodes that told something, by hostname; their namespaces by name, the host's first.

    ``Namespace.unread`` names parts as its fields are named: ``rules`` (one backend at least; which one says
    ``Rules.unread``), ``ipvs``, ``devices``, ``forwarding``, ``neighbours``, ``routes``, ``sysctls``; in the
    host's namespace also ``facts`` and ``xfrm``.
    """
    told: dict[str, dict[str, dict[str, Dump]]] = defaultdict(lambda: defaultdict(dict))
    for dump in look.dumps:
        told[dump.node][dump.namespace][dump.what] = dump
    reasons = dict(look.missing)
    deep = NODE_INSPECT in look.allowed
    return tuple(_kernel(node, told[node], reasons.get(node, _SILENT), deep=deep) for node in sorted(told))


def kind_of(namespace: str) -> Kind:
    """What a namespace is for, by its name under ``/var/run/docker/netns``."""
    return next((kind for kind, pattern in _KINDS if pattern.fullmatch(namespace)), Kind.OTHER)


def _kernel(node: str, told: Mapping[str, Mapping[str, Dump]], silent: str, *, deep: bool) -> Kernel:
    host = _Parts(told.get(HOST, {}), silent)
    facts = host.read("facts", "facts", _facts)
    return Kernel(
        node,
        tuple(
            _namespace(name, host if name == HOST else _Parts(told[name], silent)) for name in sorted(told)
        ),
        facts,
        inspected(told.get(HOST, {}), silent) if deep else None,
    )


def _namespace(name: str, parts: _Parts) -> Namespace:
    return Namespace(
        name,
        kind_of(name),
        rules=parts.rules(),
        ipvs=parts.read("ipvs", "ipvs", mark_services),
        devices=parts.read("devices", "addr", iproute.devices),
        forwarding=parts.read("forwarding", "fdb", iproute.forwarding),
        neighbours=parts.read("neighbours", "neigh", iproute.neighbours),
        routes=parts.read("routes", "route", iproute.routes),
        sysctls=parts.read("sysctls", "sysctl", _sysctls),
        xfrm=parts.read("xfrm", "xfrm", iproute.xfrm) if name == HOST else (),
        unread=tuple(parts.unread),  # last: the parts above fill it
    )


class _Parts:
    """The dumps of a namespace while they are read; ``unread`` grows with them."""

    def __init__(self, dumps: Mapping[str, Dump], silent: str) -> None:
        self._dumps = dumps
        self._silent = silent
        self.unread: list[tuple[str, str]] = []

    def read(self, part: str, what: str, parse: Callable[[str], tuple[T, ...]]) -> tuple[T, ...]:
        """What a dump tells; nothing, and the reason in ``unread``, if it cannot be read."""
        why = self._trouble(what)
        if not why:
            try:
                return parse(self._dumps[what].text)
            except Unreadable as error:
                why = str(error)
        self.unread.append((part, why))
        return ()

    def rules(self) -> tuple[Rules, ...]:
        """The rules of the backends that hold a table or could not be read."""
        found = []
        for backend in Backend:
            what = f"rules-{backend}"
            why = self._trouble(what)
            rules = Rules(backend, unread=why) if why else read_rules(backend, self._dumps[what].text)
            found += [rules] if rules else []
        reasons = [f"{rules.backend}: {rules.unread}" for rules in found if rules.unread]
        self.unread += [("rules", "; ".join(reasons))] if reasons else []
        return tuple(found)

    def _trouble(self, what: str) -> str:
        dump = self._dumps.get(what)
        return self._silent if dump is None else dump.trouble


def _sysctls(text: str) -> tuple[tuple[str, str], ...]:
    found = []
    for line in text.split("\n"):
        pair = _SYSCTL.fullmatch(line.strip())
        if pair:
            found.append((pair[1], pair[2]))
        elif line.strip():
            raise Unreadable(f"no sysctl and its value: {line[:80]!r}")
    return tuple(found)


def _facts(text: str) -> tuple[tuple[str, object], ...]:
    told = document(text) if text.strip() else {}
    if not isinstance(told, dict):
        raise Unreadable("facts are no JSON object")
    try:
        return tuple((name, _frozen(told[name])) for name in sorted(told))
    except RecursionError:
        raise Unreadable("facts are nested too deeply") from None


def _frozen(value: Any) -> object:
    """A JSON value that nobody can change: lists become tuples, objects sorted tuples of pairs."""
    if isinstance(value, list):
        return tuple(map(_frozen, value))
    if isinstance(value, dict):
        return tuple((name, _frozen(value[name])) for name in sorted(value))
    return value
