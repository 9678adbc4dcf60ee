"""Mutants of addresses that only a manager can make: planted with the docker command on the manager."""

from harness.mutants.mutant import Mutant, Wanted

_MANAGER = "THIRD_NODE"

MUTANTS = (
    Mutant(
        "F2",
        "F2",
        "a network has no address left for a service's tasks",
        """docker network create -d overlay --subnet 10.99.0.0/29 mutant-tiny
        docker service create -qd --name mutant-crowd --replicas 10 --network mutant-tiny \\
            traefik/whoami:v1.10.3""",
        """gone docker service rm mutant-crowd
        for _ in $(seq 40); do gone docker network rm mutant-tiny
            docker network inspect mutant-tiny > /dev/null 2>&1 || break; sleep 0.5; done""",
        (Wanted("network-full", "", "mutant-crowd", "", ""),),
        settle=15.0,
        elsewhere=_MANAGER,
    ),
    Mutant(
        "F3",
        "F3",
        "an overlay network has the subnet of the nodes' own network",
        "docker network create -d overlay --subnet 192.168.200.0/24 mutant-lan",
        "gone docker network rm mutant-lan",
        tuple(Wanted("subnet-overlap", at=at) for at in ("NODE", "PEER_NODE", "THIRD_NODE")),
        elsewhere=_MANAGER,
    ),
)
