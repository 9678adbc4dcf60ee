"""Mutants of settings: what sysctls of ingress_sbox and of the node change, and modes that are by design."""

from harness.mutants.mutant import KERNEL, OUTSIDE, Mutant, Wanted

_BOTH = frozenset({OUTSIDE, KERNEL})
_SPACE = "ingress_sbox"


def _sysctl(ident: str, title: str, name: str, wrong: int, finding: str, *, seen: bool = False) -> Mutant:
    return Mutant(
        ident,
        ident.rstrip("ab"),
        title,
        f"ns $ING sysctl -qw {name}={wrong}",
        f"ns $ING sysctl -qw {name}={1 - wrong}",
        (Wanted(finding, _SPACE),),
        _BOTH if seen else frozenset({KERNEL}),
        "plain" if seen else "",
    )


MUTANTS = (
    _sysctl(
        "B7b",
        "IPVS keeps no connection tracking",
        "net.ipv4.vs.conntrack",
        0,
        "ipvs-conntrack-off",
        seen=True,
    ),
    Mutant(
        "B12",
        "B12",
        "an idle connection is forgotten",
        "ns $ING ipvsadm --set 3 3 3",
        "ns $ING ipvsadm --set 900 120 300",
        witnesses=frozenset(),
        by_design="idle",
    ),
    Mutant(
        "B13",
        "B13",
        "a half-closed connection is forgotten",
        "true",
        "true",
        witnesses=frozenset(),
        by_design="half-closed",
    ),
    _sysctl(
        "B14",
        "IPVS reschedules ports that are used again",
        "net.ipv4.vs.conn_reuse_mode",
        1,
        "ipvs-reuse-mode",
    ),
    _sysctl(
        "B15",
        "IPVS keeps connections to real servers that are gone",
        "net.ipv4.vs.expire_nodest_conn",
        0,
        "ipvs-nodest-expiry-off",
    ),
    Mutant(
        "B17a",
        "B17",
        "the table of tracked connections is tiny",
        "tune net.netfilter.nf_conntrack_max 64",
        "untune net.netfilter.nf_conntrack_max",
        (Wanted("conntrack-table-small"),),
    ),
    Mutant(
        "B17b",
        "B17",
        "the table of neighbours is tiny",
        "tune net.ipv4.neigh.default.gc_thresh3 8",
        "untune net.ipv4.neigh.default.gc_thresh3",
        (Wanted("neighbour-table-small"),),
    ),
    Mutant(
        "B18",
        "B18",
        "kept connections are not balanced",
        "true",
        "true",
        witnesses=frozenset(),
        by_design="keep-alive",
    ),
)
