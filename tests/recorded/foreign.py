"""Makes ``foreign.json``: what a kernel answers of tables that are not those of iptables, byte for byte.

    unshare -n env PYTHONPATH=. python -m tests.recorded.foreign tests/recorded/foreign.nft tests/recorded/foreign.json

``foreign.nft`` holds a table as firewalld makes it for its zone ``public``, written by hand after one of its
(shortened), and five more of the kinds that make a difference. Recorded on Linux 6.18 with nftables 1.0.6.
"""  # noqa: E501  a command line

from __future__ import annotations

import json
import struct
import subprocess
import sys
from pathlib import Path

from harness.inside.scripts import netlink, nft

_GET_CHAIN, _GET_RULE = nft.SUBSYSTEM | 4, nft.SUBSYSTEM | 7
_EVERY = struct.pack("=4x")


def main(source: str, target: str) -> None:
    """Write the tables into this namespace, and down what the kernel says of them."""
    subprocess.run(["ip", "link", "set", "lo", "up"], check=True)
    subprocess.run(["nft", "-f", source], check=True)
    told = {
        what: [[kind, body.hex()] for kind, body in netlink.dump(nft.NETFILTER, request, _EVERY)]
        for what, request in (("chains", _GET_CHAIN), ("rules", _GET_RULE))
    }
    Path(target).write_text(json.dumps(told, indent=0) + "\n")


if __name__ == "__main__":
    main(*sys.argv[1:])
