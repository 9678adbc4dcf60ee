"""What the kernels of a healthy swarm hold, after recordings of engine 26.1.5 in the lab."""

from __future__ import annotations

from harness.mesh.kernel import (
    Device,
    ForwardingEntry,
    Kernel,
    Kind,
    MarkService,
    Namespace,
    Neighbour,
    RealServerRow,
    Route,
    Rules,
    Xfrm,
)
from harness.model import Network, Port
from tests.mesh_rules import rules
from tests.mesh_spec import (
    ADDRESSES,
    GATEWAY,
    INGRESS,
    NETWORKS,
    NODES,
    SANDBOX,
    Spec,
    address_in,
    balancer_address,
    balancer_name,
    mac,
    overlay_name,
    sandbox_name,
)


def _reached(name: str, specs: tuple[Spec, ...]) -> list[Network]:
    here = {
        net.id for spec in specs for number in spec.held if spec.on[number] == name for net in spec.networks
    }
    return [net for net in NETWORKS if net.ingress or net.id in here]


def kernel_of(name: str, specs: tuple[Spec, ...], engine: str) -> Kernel:
    """What a node's kernel holds when all is well."""
    spaces = [_host(name, specs, engine)]
    for net in _reached(name, specs):
        spaces += [_balancer(name, net, specs), _overlay(name, net, specs)]
    for spec in specs:
        spaces += [_sandbox(spec, number) for number in spec.held if spec.on[number] == name]
    facts = (
        ("ipvs", True),
        ("kernel", "6.12.57"),
        ("modules", (("ip_vs", "built-in"), ("vxlan", "built-in"))),
        ("routes", tuple((peer, ADDRESSES[peer], ADDRESSES[name], "") for peer in NODES if peer != name)),
    )
    return Kernel(name, tuple(spaces), facts)


def _published(specs: tuple[Spec, ...]) -> list[Port]:
    return [port for spec in specs if spec.held for port in spec.ports if port.mode == "ingress"]


def _host(name: str, specs: tuple[Spec, ...], engine: str) -> Namespace:
    own = ADDRESSES[name]
    return Namespace(
        "",
        Kind.HOST,
        (host_rules(_published(specs), engine),),
        devices=(
            Device("lo", up=True, mtu=65536, mac="00:00:00:00:00:00", addresses=(("127.0.0.1", 8),)),
            Device("eth0", up=True, mtu=1500, mac="02:00:c0:a8:c8:0a", addresses=((own, 24),)),
            Device("docker0", True, 1500, "02:42:ed:92:e0:a3", (("172.17.0.1", 16),), "bridge"),
            Device("docker_gwbridge", True, 1500, "02:42:97:89:ca:14", ((GATEWAY, 16),), "bridge"),
        ),
        routes=(
            Route("default", "eth0", "192.168.200.1"),
            Route("172.18.0.0/16", "docker_gwbridge", source=GATEWAY),
            Route("192.168.200.0/24", "eth0", source=own),
        ),
        sysctls=(
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv4.conf.docker_gwbridge.route_localnet", "1"),
            ("net.ipv4.neigh.default.gc_thresh3", "1024"),
            ("net.ipv4.vs.conntrack", "0"),
            ("net.ipv4.vs.conn_reuse_mode", "0"),
            ("net.ipv4.vs.expire_nodest_conn", "1"),
            ("net.netfilter.nf_conntrack_count", "30"),
            ("net.netfilter.nf_conntrack_max", "4096"),
        ),
        xfrm=tuple(row for peer in NODES if peer != name for row in ipsec(own, ADDRESSES[peer])),
    )


def ipsec(own: str, peer: str) -> tuple[Xfrm, ...]:
    """What an engine sets up towards a peer: three keys for what comes, one of them for what leaves."""
    spi = int(own.rpartition(".")[2]) * 1000 + int(peer.rpartition(".")[2])
    states = (Xfrm("state", own, peer, spi), *(Xfrm("state", peer, own, spi + at) for at in range(100, 103)))
    return (Xfrm("out", own, peer, spi), *states)


def host_rules(ports: list[Port], engine: str) -> Rules:
    """The tables of a host, before and after the engine had chains of its own in FORWARD (28.0.1)."""
    nat = [
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
        "-A PREROUTING -m addrtype --dst-type LOCAL -j DOCKER",
        "-A OUTPUT -m addrtype --dst-type LOCAL -j DOCKER-INGRESS",
        "-A OUTPUT ! -d 127.0.0.0/8 -m addrtype --dst-type LOCAL -j DOCKER",
        "-A POSTROUTING -o docker_gwbridge -m addrtype --src-type LOCAL -j MASQUERADE",
        "-A POSTROUTING -s 172.18.0.0/16 ! -o docker_gwbridge -j MASQUERADE",
        "-A DOCKER -i docker_gwbridge -j RETURN",
        *(_dnat(port) for port in ports),
        "-A DOCKER-INGRESS -j RETURN",
    ]
    accepts = [text for port in ports for text in _accepts(port)]
    ingress = [*accepts, "-A DOCKER-INGRESS -j RETURN", "-A DOCKER-USER -j RETURN"]
    old = [
        "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -j DOCKER-INGRESS",
        "-A FORWARD -j DOCKER-ISOLATION-STAGE-1",
        "-A FORWARD -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A FORWARD -o docker_gwbridge -j DOCKER",
        "-A FORWARD -i docker_gwbridge ! -o docker_gwbridge -j ACCEPT",
        "-A FORWARD -i docker_gwbridge -o docker_gwbridge -j DROP",
        "-A DOCKER-ISOLATION-STAGE-1 -i docker_gwbridge ! -o docker_gwbridge -j DOCKER-ISOLATION-STAGE-2",
        "-A DOCKER-ISOLATION-STAGE-1 -j RETURN",
        "-A DOCKER-ISOLATION-STAGE-2 -o docker_gwbridge -j DROP",
        "-A DOCKER-ISOLATION-STAGE-2 -j RETURN",
    ]
    new = [
        "-A FORWARD -j DOCKER-USER",
        "-A FORWARD -j DOCKER-FORWARD",
        "-A DOCKER-FORWARD -j DOCKER-INGRESS",
        "-A DOCKER-FORWARD -j DOCKER-CT",
        "-A DOCKER-CT -o docker_gwbridge -m conntrack --ctstate RELATED,ESTABLISHED -j ACCEPT",
        "-A DOCKER-FORWARD -i docker_gwbridge -j ACCEPT",
        "-A DOCKER-FORWARD -o docker_gwbridge -j DROP",
    ]
    forward = new if engine.startswith(("28", "29")) else old
    return rules(
        {"nat": nat, "filter": forward + ingress, "mangle": []}, policies={("filter", "FORWARD"): "DROP"}
    )


def _dnat(port: Port) -> str:
    way = f"-p {port.protocol} -m {port.protocol} --dport {port.published}"
    return f"-A DOCKER-INGRESS {way} -j DNAT --to-destination {SANDBOX}:{port.published}"


def _accepts(port: Port) -> tuple[str, str]:
    kind = f"-A DOCKER-INGRESS -p {port.protocol} -m {port.protocol}"
    back = "-m conntrack --ctstate RELATED,ESTABLISHED"
    return (
        f"{kind} --dport {port.published} -j ACCEPT",
        f"{kind} --sport {port.published} {back} -j ACCEPT",
    )


def _balancer(name: str, net: Network, specs: tuple[Spec, ...]) -> Namespace:
    own = balancer_address(net, name)
    here = [spec for spec in specs if net in spec.balanced and spec.held]
    mangle = []
    for spec in here:
        mark = f"-j MARK --set-xmark {spec.mark(net, name):#x}/0xffffffff"
        ports = [port for port in spec.ports if net.ingress and port.mode == "ingress"]
        mangle += [
            f"-A PREROUTING -p {port.protocol} -m {port.protocol} --dport {port.published} {mark}"
            for port in ports
        ]
        mangle.append(f"-A INPUT -d {spec.vip(net)}/32 {mark}")
    nat = [
        "-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT",
        f"-A POSTROUTING -d {net.subnets[0]} -m ipvs --ipvs -j SNAT --to-source {own}",
        "-A DOCKER_OUTPUT -d 127.0.0.11/32 -p udp --dport 53 -j DNAT --to-destination 127.0.0.11:56069",
    ]
    addresses = ((own, 24), *((spec.vip(net), 32) for spec in here))
    gate = (Device("eth1", up=True, mtu=1500, mac=mac(SANDBOX), addresses=((SANDBOX, 16),), kind="veth"),)
    return Namespace(
        balancer_name(net),
        Kind.INGRESS if net.ingress else Kind.BALANCER,
        (rules({"nat": nat, "mangle": mangle}),),
        tuple(
            MarkService(
                spec.mark(net, name),
                "rr",
                tuple(
                    RealServerRow(spec.address(net, number), spec.weights.get(number, 1))
                    for number in spec.held
                ),
            )
            for spec in here
        ),
        (
            Device("lo", up=True, mtu=65536, mac="00:00:00:00:00:00", addresses=(("127.0.0.1", 8),)),
            Device("eth0", up=True, mtu=1450, mac=mac(own), addresses=addresses, kind="veth"),
            *(gate if net.ingress else ()),
        ),
        sysctls=(
            ("net.ipv4.ip_forward", "1"),
            ("net.ipv4.vs.conntrack", "1"),
            ("net.ipv4.vs.conn_reuse_mode", "0"),
            ("net.ipv4.vs.expire_nodest_conn", "1"),
        ),
    )


def _overlay(name: str, net: Network, specs: tuple[Spec, ...]) -> Namespace:
    ends = [
        (spec.address(net, number), spec.on[number])
        for spec in specs
        if net in spec.networks or net in spec.balanced
        for number in spec.held
        if spec.on[number] != name
    ]
    ends += [
        (balancer_address(net, peer), peer) for peer in NODES if peer != name and net in _reached(peer, specs)
    ]
    return Namespace(
        overlay_name(net),
        Kind.OVERLAY,
        devices=(
            Device(
                "br0",
                up=True,
                mtu=1450,
                mac="22:92:17:9e:91:a2",
                addresses=((address_in(net, 1), 24),),
                kind="bridge",
            ),
            Device("vxlan0", True, 1450, "4e:24:3e:3e:28:7d", (), "vxlan", "br0", net.vnis[0], 4789),
        ),
        forwarding=tuple(
            ForwardingEntry(mac(address), "vxlan0", ADDRESSES[peer], "permanent") for address, peer in ends
        ),
        neighbours=tuple(Neighbour(address, "vxlan0", mac(address), ("PERMANENT",)) for address, _ in ends),
    )


def _sandbox(spec: Spec, number: int) -> Namespace:
    nets = [*spec.networks, *((INGRESS,) if INGRESS in spec.balanced else ())]
    own = spec.address(INGRESS, number)
    nat, inward = [], []
    for port in spec.ports if INGRESS in spec.balanced else ():
        kind = f"-p {port.protocol} -m {port.protocol}"
        if port.mode == "ingress":
            nat.append(
                f"-A PREROUTING -d {own}/32 {kind} --dport {port.published} "
                f"-j REDIRECT --to-ports {port.target}"
            )
            inward.append(
                f"-A INPUT -d {own}/32 {kind} --dport {port.target} -m conntrack "
                "--ctstate NEW,ESTABLISHED -j ACCEPT"
            )
    drops = [f"-A INPUT -d {own}/32 -p {kind} -j DROP" for kind in ("sctp", "udp", "tcp")] if inward else []
    nat.append("-A OUTPUT -d 127.0.0.11/32 -j DOCKER_OUTPUT")
    return Namespace(
        sandbox_name(spec, number),
        Kind.TASK,
        (rules({"nat": nat, "filter": inward + drops}),),
        devices=(
            Device("lo", up=True, mtu=65536, mac="00:00:00:00:00:00", addresses=(("127.0.0.1", 8),)),
            *(
                Device(
                    f"eth{at}",
                    up=True,
                    mtu=1450,
                    mac=mac(spec.address(net, number)),
                    addresses=((spec.address(net, number), 24),),
                    kind="veth",
                )
                for at, net in enumerate(nets)
            ),
        ),
    )
