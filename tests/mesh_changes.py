"""Changes of a namespace: what a fault leaves behind in a kernel's tables."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable
from typing import Any

from harness.mesh.kernel import Namespace, RealServerRow
from tests.mesh_rules import rule


def no_rule(text: str) -> Callable[[Namespace], Namespace]:
    """Without the rules that contain a text; there must be some."""

    def change(space: Namespace) -> Namespace:
        assert any(text in one.text for held in space.rules for one in held.rules), text
        return dataclasses.replace(
            space,
            rules=tuple(
                dataclasses.replace(held, rules=tuple(one for one in held.rules if text not in one.text))
                for held in space.rules
            ),
        )

    return change


def new_rule(table: str, text: str, *, last: bool = False) -> Callable[[Namespace], Namespace]:
    """With one more rule, before all others of its chain, or after them."""

    def change(space: Namespace) -> Namespace:
        held, *more = space.rules
        made = rule(table, text)
        every = (*held.rules, made) if last else (made, *held.rules)
        return dataclasses.replace(space, rules=(dataclasses.replace(held, rules=every), *more))

    return change


def other_rule(old: str, new: str) -> Callable[[Namespace], Namespace]:
    """With a part of a rule's text replaced."""

    def change(space: Namespace) -> Namespace:
        held, *more = space.rules
        assert any(old in one.text for one in held.rules), old
        every = tuple(
            rule(one.table, one.text.replace(old, new)) if old in one.text else one for one in held.rules
        )
        return dataclasses.replace(space, rules=(dataclasses.replace(held, rules=every), *more))

    return change


def sysctl(name: str, value: str | None) -> Callable[[Namespace], Namespace]:
    """With another value of a sysctl, or without it."""

    def change(space: Namespace) -> Namespace:
        assert name in dict(space.sysctls)
        every = {**dict(space.sysctls), name: value}
        return dataclasses.replace(
            space, sysctls=tuple((key, one) for key, one in every.items() if one is not None)
        )

    return change


def device(name: str, **changed: Any) -> Callable[[Namespace], Namespace]:
    """With a device changed."""

    def change(space: Namespace) -> Namespace:
        assert any(one.name == name for one in space.devices)
        every = tuple(
            dataclasses.replace(one, **changed) if one.name == name else one for one in space.devices
        )
        return dataclasses.replace(space, devices=every)

    return change


def more_address(name: str, address: str, prefix: int = 24) -> Callable[[Namespace], Namespace]:
    """With one more address on a device."""

    def change(space: Namespace) -> Namespace:
        [one] = [one for one in space.devices if one.name == name]
        return device(name, addresses=(*one.addresses, (address, prefix)))(space)

    return change


def fewer_address(name: str, address: str) -> Callable[[Namespace], Namespace]:
    """Without an address of a device."""

    def change(space: Namespace) -> Namespace:
        [one] = [one for one in space.devices if one.name == name]
        return device(name, addresses=tuple(at for at in one.addresses if at[0] != address))(space)

    return change


def backends(mark: int, edit: Callable[[dict[str, int]], object]) -> Callable[[Namespace], Namespace]:
    """With the real servers of an IPVS service edited: address -> weight."""

    def change(space: Namespace) -> Namespace:
        assert mark in {one.mark for one in space.ipvs}
        every = []
        for one in space.ipvs:
            rows = {row.address: row.weight for row in one.servers}
            if one.mark == mark:
                edit(rows)
            servers = tuple(RealServerRow(address, weight) for address, weight in rows.items())
            every.append(dataclasses.replace(one, servers=servers))
        return dataclasses.replace(space, ipvs=tuple(every))

    return change


def no_service(mark: int) -> Callable[[Namespace], Namespace]:
    """Without an IPVS service."""

    def change(space: Namespace) -> Namespace:
        assert mark in {one.mark for one in space.ipvs}
        return dataclasses.replace(space, ipvs=tuple(one for one in space.ipvs if one.mark != mark))

    return change
