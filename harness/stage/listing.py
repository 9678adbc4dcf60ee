"""Nodes, services and tasks as people list them by hand, with ``docker node ls`` and ``service ps``."""

from __future__ import annotations

from collections.abc import Sequence

from harness.model import Node, Service, Task

_NODES = ("NODE", "STATE", "AVAILABILITY", "ROLE", "ADDRESS", "ENGINE")
_SERVICES = ("SERVICE", "REPLICAS", "PUBLISHED", "IMAGE")
_TASKS = ("TASK", "ID", "NODE", "DESIRED", "STATE", "ERROR")
_ID = 12  # characters of a task's id that people use


def text(nodes: Sequence[Node], services: Sequence[Service], tasks: Sequence[Task]) -> str:
    """Three tables, aligned; the tasks of a slot in the order in which their states were told."""
    hostnames = {node.id: node.hostname for node in nodes}
    names = {service.id: service.name for service in services}
    ordered = sorted(tasks, key=lambda task: (names.get(task.service, ""), task.slot, task.since))
    return "\n".join(
        (
            _table(_NODES, [_node(node) for node in nodes]),
            _table(_SERVICES, [_service(service) for service in services]),
            _table(_TASKS, [_task(task, names, hostnames) for task in ordered]),
        )
    )


def _node(node: Node) -> tuple[str, ...]:
    role = f"{node.role}, leader" if node.leader else str(node.role)
    return node.hostname, node.state, node.availability, role, node.address, node.engine


def _service(service: Service) -> tuple[str, ...]:
    replicas = "global" if service.replicas is None else str(service.replicas)
    ports = " ".join(f"{port.published}->{port.target}/{port.protocol}" for port in service.ports)
    return service.name, replicas, ports, service.image


def _task(task: Task, names: dict[str, str], hostnames: dict[str, str]) -> tuple[str, ...]:
    return (
        f"{names.get(task.service, task.service)}.{task.slot}",
        task.id[:_ID],
        hostnames.get(task.node, task.node),
        task.desired,
        task.state,
        task.error or ("" if task.running else task.message),
    )


def _table(head: tuple[str, ...], rows: list[tuple[str, ...]]) -> str:
    every = [head, *rows]
    widths = [max(len(row[column]) for row in every) for column in range(len(head))]
    lines = ("  ".join(f"{word:<{width}}" for word, width in zip(row, widths, strict=True)) for row in every)
    return "".join(f"{line.rstrip()}\n" for line in lines)
