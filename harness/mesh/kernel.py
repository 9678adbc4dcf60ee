"""What one node's kernel holds of the mesh, as values; nothing here knows what should be there."""

from __future__ import annotations

import dataclasses
import enum

from harness.mesh.inspected import Inspected


class Backend(enum.StrEnum):
    """Which kind of tables the rules were read from."""

    LEGACY = "legacy"
    NFT = "nft"


class Kind(enum.StrEnum):
    """What a network namespace is for, told by its name and by what is in it."""

    HOST = "host"
    INGRESS = "ingress_sbox"
    BALANCER = "lb"  # lb_<first 9 of the network's id>
    OVERLAY = "overlay"  # <number>-<first 10 of the network's id>
    TASK = "task"  # a container's sandbox, named by 12 hexadecimal digits
    OTHER = "other"


@dataclasses.dataclass(frozen=True)
class Rule:
    """A rule of a chain; empty fields are not part of it, a leading ``!`` negates.

    Attributes:
        table: ``nat``, ``filter``, ``mangle``...
        place: number within its chain, from 0.
        sport: source port; ``dport``: destination port (None: any, or a range, which is in ``others``).
        src_type: of ``-m addrtype``, as ``dst_type``.
        states: of ``-m conntrack --ctstate``, sorted.
        ipvs: whether it has ``-m ipvs --ipvs``.
        target: where it jumps to: ``DNAT``, ``ACCEPT``, ``DOCKER-INGRESS``...; empty without one.
        to: argument of DNAT, SNAT (``address[:port]``) or REDIRECT (port).
        mark: what MARK sets, None for other targets.
        others: words that were not understood, in order: such a rule matches less than it seems to.
        packets: how often it matched, 0 where counters were not read.
        text: the rule as ``iptables-save`` prints it, without counters.
    """

    table: str
    chain: str
    place: int
    protocol: str = ""
    source: str = ""
    destination: str = ""
    in_interface: str = ""
    out_interface: str = ""
    sport: int | None = None
    dport: int | None = None
    src_type: str = ""
    dst_type: str = ""
    states: tuple[str, ...] = ()
    ipvs: bool = False
    target: str = ""
    to: str = ""
    mark: int | None = None
    others: tuple[str, ...] = ()
    packets: int = 0
    text: str = ""


@dataclasses.dataclass(frozen=True)
class Rules:
    """The rules of a namespace in one backend.

    Attributes:
        policies: (table, chain, policy) of the built-in chains; user chains have ``-``.
        unread: why nothing is known of them; empty if they were read.
    """

    backend: Backend
    rules: tuple[Rule, ...] = ()
    policies: tuple[tuple[str, str, str], ...] = ()
    unread: str = ""

    def chain(self, table: str, chain: str) -> tuple[Rule, ...]:
        """The rules of one chain, in order."""
        return tuple(rule for rule in self.rules if (rule.table, rule.chain) == (table, chain))


@dataclasses.dataclass(frozen=True)
class RealServerRow:
    """A real server.

    Attributes:
        forward: ``Masq`` or ``Route`` (DSR).
        active: connections; ``inactive``: those that are closing. They change all the time and make no
            difference between rows.
    """

    address: str
    weight: int
    forward: str = "Masq"
    active: int = dataclasses.field(default=0, compare=False)
    inactive: int = dataclasses.field(default=0, compare=False)


@dataclasses.dataclass(frozen=True)
class MarkService:
    """An IPVS service keyed by firewall mark."""

    mark: int
    scheduler: str
    servers: tuple[RealServerRow, ...]


@dataclasses.dataclass(frozen=True)
class Device:
    """An interface.

    Attributes:
        addresses: (address, prefix length) of IPv4 and IPv6.
        kind: ``veth``, ``vxlan``, ``bridge``... or empty.
        vni: of a vxlan device, as ``port`` (UDP, its destination port); 0 for others.
        qdisc: kind of its root queue, such as ``fq_codel``.
    """

    name: str
    up: bool
    mtu: int
    mac: str
    addresses: tuple[tuple[str, int], ...] = ()
    kind: str = ""
    master: str = ""
    vni: int = 0
    port: int = 0
    qdisc: str = ""


@dataclasses.dataclass(frozen=True)
class ForwardingEntry:
    """A row of a vxlan device's forwarding table that names a remote end; ``state`` may be ``permanent``."""

    mac: str
    device: str
    remote: str
    state: str = ""


@dataclasses.dataclass(frozen=True)
class Neighbour:
    """A row of the neighbour table."""

    address: str
    device: str
    mac: str
    states: tuple[str, ...] = ()


@dataclasses.dataclass(frozen=True)
class Route:
    """A route; ``destination`` is ``default`` or a network with its prefix length."""

    destination: str
    device: str
    gateway: str = ""
    source: str = ""


@dataclasses.dataclass(frozen=True)
class Xfrm:
    """A row of IPsec's tables, which encrypt overlay networks; nobody reads the keys themselves.

    Attributes:
        what: ``out``, ``in`` or ``fwd`` of a policy, or ``state`` (an association that has a key).
    """

    what: str
    source: str
    destination: str
    spi: int = 0


@dataclasses.dataclass(frozen=True)
class Namespace:
    """A network namespace of a node; parts that could not be read are in ``unread`` by their name.

    Attributes:
        rules: one or both backends; a backend that holds no table is left out.
        sysctls: (name, value).
        xfrm: of the host, where it was asked for.
        unread: (part, reason).
    """

    name: str
    kind: Kind
    rules: tuple[Rules, ...] = ()
    ipvs: tuple[MarkService, ...] = ()
    devices: tuple[Device, ...] = ()
    forwarding: tuple[ForwardingEntry, ...] = ()
    neighbours: tuple[Neighbour, ...] = ()
    routes: tuple[Route, ...] = ()
    sysctls: tuple[tuple[str, str], ...] = ()
    xfrm: tuple[Xfrm, ...] = ()
    unread: tuple[tuple[str, str], ...] = ()

    def all_of(self, table: str, chain: str) -> tuple[Rule, ...]:
        """The rules of one chain in whichever backends hold it."""
        return tuple(rule for rules in self.rules for rule in rules.chain(table, chain))

    def sysctl(self, name: str) -> str | None:
        """The value of a sysctl; None if it was not read or the kernel has none."""
        return dict(self.sysctls).get(name)

    def why(self, part: str) -> str:
        """Why a part was not read; empty if it was."""
        return dict(self.unread).get(part, "")

    @property
    def own(self) -> frozenset[str]:
        """Addresses of all its devices."""
        return frozenset(address for device in self.devices for address, _ in device.addresses)


@dataclasses.dataclass(frozen=True)
class Kernel:
    """A node's kernel.

    Attributes:
        facts: plain values such as ``release``, ``modules``, ``conntrack``.
        inspected: what its engine and processes told; None where that was not allowed.
    """

    node: str
    namespaces: tuple[Namespace, ...]
    facts: tuple[tuple[str, object], ...] = ()
    inspected: Inspected | None = None

    def the(self, kind: Kind) -> Namespace | None:
        """The only namespace of a kind (host, ingress), if it is there."""
        return next((one for one in self.namespaces if one.kind is kind), None)

    def named(self, name: str) -> Namespace | None:
        """The namespace of that name, if it is there."""
        return next((one for one in self.namespaces if one.name == name), None)
