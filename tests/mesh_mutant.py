"""What a mutant of a healthy swarm's kernels is, and the changes that several of them need."""

from __future__ import annotations

import dataclasses
from collections.abc import Callable

from harness.mesh.kernel import Backend, ForwardingEntry, MarkService, Namespace, Neighbour
from tests.mesh_changes import new_rule
from tests.mesh_rules import rules
from tests.mesh_spec import API, APP, BACK, INGRESS, W1, WEB, balancer_name, mac, overlay_name, sandbox_name

Change = Callable[[Namespace], Namespace]
Found = tuple[str, str, str, str, str]
HOST, SBOX = "", "ingress_sbox"
LB, LB_BACK, OV = balancer_name(APP), balancer_name(BACK), overlay_name(APP)
VIP, APP_VIP = WEB.vip(INGRESS), WEB.vip(APP)
WEB0, WEB1, WEB2 = (WEB.address(INGRESS, number) for number in range(3))
APP0, APP1, APP2 = (WEB.address(APP, number) for number in range(3))
API0 = API.address(APP, 0)
SANDBOX1 = sandbox_name(WEB, 1)
MARK = WEB.mark(INGRESS, W1)


@dataclasses.dataclass(frozen=True)
class Mutant:
    """A change of one namespace of a node, and the one finding that it must give there."""

    name: str
    node: str
    space: str
    change: Change
    service: str = ""
    address: str = ""
    place: str | None = None  # where the finding is, if not where the change is
    words: tuple[str, ...] = ()  # that its sentence must hold

    @property
    def found(self) -> Found:
        """What must be found."""
        place = (self.space or "host") if self.place is None else self.place
        return self.name, self.node, place, self.service, self.address

    def __str__(self) -> str:
        return f"{self.name}-{self.node}-{self.space or 'host'}-{self.address}"


def both(*changes: Change) -> Change:
    """One change after the other."""

    def change(space: Namespace) -> Namespace:
        for one in changes:
            space = one(space)
        return space

    return change


def rows(**changed: object) -> Change:
    """With fields of a namespace replaced by what a function makes of them."""

    def change(space: Namespace) -> Namespace:
        return dataclasses.replace(
            space,
            **{name: make(getattr(space, name)) for name, make in changed.items()},  # type: ignore[operator]
        )

    return change


def fdb(address: str, remote: str | None, state: str = "permanent", *, keep: bool = False) -> Change:
    """The forwarding entry of an address led elsewhere, or taken away, or added."""

    def change(held: tuple[ForwardingEntry, ...]) -> tuple[ForwardingEntry, ...]:
        rest = held if keep else tuple(row for row in held if row.mac != mac(address))
        made = () if remote is None else (ForwardingEntry(mac(address), "vxlan0", remote, state),)
        return rest + made

    return rows(forwarding=change)


def neighbour(address: str, told: str | None) -> Change:
    """The neighbour of an address with another MAC, or taken away, or added."""

    def change(held: tuple[Neighbour, ...]) -> tuple[Neighbour, ...]:
        rest = tuple(row for row in held if row.address != address)
        return rest if told is None else (*rest, Neighbour(address, "vxlan0", told, ("PERMANENT",)))

    return rows(neighbours=change)


def scheduled(mark: int, scheduler: str) -> Change:
    """An IPVS service with another scheduler."""

    def change(held: tuple[MarkService, ...]) -> tuple[MarkService, ...]:
        return tuple(
            dataclasses.replace(one, scheduler=scheduler) if one.mark == mark else one for one in held
        )

    return rows(ipvs=change)


def second_tables(*texts: str) -> Change:
    """Rules in the other kind of tables as well."""
    made = rules({"filter": list(texts)}, backend=Backend.NFT)
    return rows(rules=lambda held: (*held, made))


def set_mark(chain: str, match: str, value: int) -> Change:
    """A MARK rule."""
    return new_rule("mangle", f"-A {chain} {match} -j MARK --set-xmark {value:#x}/0xffffffff", last=True)
