"""Ports that are cut: packets that were dropped are the proof, and nothing is left of a cut."""

from __future__ import annotations

import os
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest

from harness.errors import Unmeasurable
from harness.faults import network
from harness.faults.network import CHAIN, CutPort
from harness.lab.protocol import Lab
from harness.shell import Done

# rules in a file, a line each; ``-nvxL`` tells of as many packets as the file ``packets`` says
_IPTABLES = """#!/bin/sh
cd "$STATE"; touch rules
[ "$1" = -w ] && shift
case "$1" in
-N) [ ! -e chain ] && touch chain ;;
-A) echo "$*" >> drop ;;
-I) echo "${*#-I }" >> rules ;;
-D) grep -qxF -- "${*#-D }" rules && { grep -vxF -- "${*#-D }" rules > left; mv left rules; } ;;
-F) : > drop ;;
-X) [ ! -s rules ] && rm chain ;;
-nL) [ -e chain ] ;;
-nvxL) [ -s drop ] && echo "$(cat packets) 100 DROP" ;;
esac
"""


class Node:
    """Runs what is run on a node here, with an iptables that writes to a file."""

    def __init__(self, folder: Path, packets: int) -> None:
        self.folder = folder
        (folder / "bin").mkdir()
        tool = folder / "bin" / "iptables"
        tool.write_text(_IPTABLES)
        tool.chmod(0o755)
        (folder / "packets").write_text(str(packets))

    def exec(self, _node: str | None, argv: Sequence[str], **_: Any) -> Done:
        """Here."""
        env = {**os.environ, "STATE": str(self.folder), "PATH": f"{self.folder}/bin:{os.environ['PATH']}"}
        done = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
        return Done(tuple(argv), done.returncode, done.stdout, done.stderr)

    @property
    def rules(self) -> list[str]:
        """What is cut."""
        return (self.folder / "rules").read_text().splitlines()


def cut(node: Node) -> CutPort:
    """Gossip of a node."""
    return network.cut_gossip(cast("Lab", node), "swarm-worker2", 7946)


def test_what_was_dropped_is_the_proof(tmp_path: Path) -> None:
    """And the undo leaves no rule and no chain; a second one does nothing."""
    node = Node(tmp_path, packets=7)
    breakage = cut(node)

    assert breakage.begin() == "swarm-worker2 dropped 7 packets of port 7946"
    assert len(node.rules) == 4
    breakage.end()
    breakage.end()
    assert node.rules == []
    assert not (tmp_path / "chain").exists()


def test_a_cut_that_drops_nothing_has_no_proof(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It is waited for, and not for ever."""
    monkeypatch.setattr(network, "_PROOF", 0.3)

    assert cut(Node(tmp_path, packets=0)).begin() == ""


def test_a_rule_that_is_left_is_said(tmp_path: Path) -> None:
    """A chain that something leads to cannot be removed."""
    node = Node(tmp_path, packets=1)
    breakage = cut(node)
    breakage.begin()
    with (tmp_path / "rules").open("a") as rules:
        rules.write(f"FORWARD -j {CHAIN}\n")

    with pytest.raises(Unmeasurable, match="7946 of swarm-worker2 is still cut"):
        breakage.end()


def test_a_port_that_cannot_be_cut_is_said(tmp_path: Path) -> None:
    """The chain is there already: somebody else's cut, or one that was left."""
    (tmp_path / "chain").touch()

    with pytest.raises(Unmeasurable, match="could not be cut"):
        cut(Node(tmp_path, packets=1)).begin()


def test_each_port_is_cut_both_ways() -> None:
    """As far as a node's own firewall can; the API only from outside."""
    lab = cast("Lab", None)

    assert network.cut_data_path(lab, "n", 4789).rules == (
        "INPUT -p udp --dport 4789", "OUTPUT -p udp --dport 4789"
    )  # fmt: skip
    assert network.cut_management(lab, "n", 2377).rules == (
        "OUTPUT -p tcp --dport 2377", "INPUT -p tcp --sport 2377"
    )  # fmt: skip
    api = network.cut_api(lab, "n", 2376, "192.0.2.10")
    assert (api.kind, api.rules) == ("cut-2376", ("INPUT -p tcp --dport 2376",))
    assert "/dev/tcp/192.0.2.10/2376" in api.poke
