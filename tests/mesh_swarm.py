"""A three-node swarm between two looks at its manager: all is well, then one thing or another is changed."""

from __future__ import annotations

import dataclasses
import functools
from collections.abc import Callable, Mapping
from typing import Any

from harness.evidence.mesh import Truth
from harness.judge.verdict import Finding
from harness.mesh.audit import audit
from harness.mesh.expected import expect
from harness.mesh.findings import Audit
from harness.mesh.kernel import Kernel, Namespace
from tests.mesh_kernels import kernel_of
from tests.mesh_spec import API, NODES, WEB, Spec, node, truth


def found(one: Finding) -> tuple[str, str, str, str, str]:
    """Name, node, namespace, service and address of a finding."""
    return one.name, one.subject.node, one.subject.namespace, one.subject.service, one.subject.address


@dataclasses.dataclass(frozen=True)
class World:
    """Two truths and the kernels between them."""

    before: Truth
    after: Truth
    kernels: Mapping[str, Kernel]
    specs: tuple[Spec, ...] = ()

    def audit(self, **options: Any) -> Audit:
        """Hold one against the other."""
        return audit(self.kernels.values(), expect(self.before, self.after), **options)

    def found(self, **options: Any) -> list[tuple[str, str, str, str, str]]:
        """Name, node, namespace, service and address of every finding."""
        return [found(one) for one in self.audit(**options).findings]

    def on(self, hostname: str, namespace: str, change: Callable[[Namespace], Namespace]) -> World:
        """The world with one namespace changed."""
        kernel = self.kernels[hostname]
        assert kernel.named(namespace) is not None
        spaces = tuple(change(one) if one.name == namespace else one for one in kernel.namespaces)
        return self.with_kernel(dataclasses.replace(kernel, namespaces=spaces))

    def without(self, hostname: str, *namespaces: str) -> World:
        """The world without some namespaces of a node."""
        kernel = self.kernels[hostname]
        spaces = tuple(one for one in kernel.namespaces if one.name not in namespaces)
        return self.with_kernel(dataclasses.replace(kernel, namespaces=spaces))

    def with_kernel(self, kernel: Kernel) -> World:
        """The world with a node's kernel replaced."""
        return dataclasses.replace(self, kernels={**self.kernels, kernel.node: kernel})

    def told(self, **changed: Any) -> World:
        """The world in which both truths have these fields."""
        return dataclasses.replace(
            self,
            before=dataclasses.replace(self.before, **changed),
            after=dataclasses.replace(self.after, **changed),
        )


def world(*specs: Spec, engine: str = "26.1.5+dfsg1") -> World:
    """All is well with these services (``WEB`` and ``API`` without any)."""
    return _made(specs, engine) if specs else _usual(engine)


@functools.cache
def _usual(engine: str) -> World:
    return _made((WEB, API), engine)


def _made(specs: tuple[Spec, ...], engine: str) -> World:
    nodes = tuple(node(one, engine=engine) for one in NODES)
    return World(
        truth(*specs, nodes=nodes),
        truth(*specs, name="after", nodes=nodes),
        {name: kernel_of(name, specs, engine) for name in NODES},
        specs,
    )
