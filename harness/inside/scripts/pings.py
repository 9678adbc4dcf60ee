"""ICMP echoes to many addresses at once, from the network of the calling task."""

from __future__ import annotations

import select
import socket
import time

from harness.inside.scripts.datapath import echo_of, echo_request

_EVERY = 0.3  # seconds between rounds


def ping(addresses: list[str], patience: float, every: float = _EVERY) -> list[list[object]]:
    """Ask each address until it has answered, or ``patience`` (seconds) is over.

    Args:
        addresses: who is asked.
        patience: seconds for all of it.
        every: seconds between two packets to the same address.

    Returns:
        Rows of address, whether it answered, rounds until then, milliseconds of the last round.

    Raises:
        OSError: no raw socket is to be had.
    """
    left = dict.fromkeys(addresses, 0)
    rows: list[list[object]] = []
    until = time.monotonic() + patience
    poll = select.poll()
    with socket.socket(socket.AF_INET, socket.SOCK_RAW, socket.IPPROTO_ICMP) as link:
        link.setblocking(False)
        poll.register(link, select.POLLIN)
        while left and time.monotonic() < until:
            began = time.monotonic()
            for number, address in enumerate(left):
                left[address] += 1
                try:
                    link.sendto(echo_request(number), (address, 0))
                except (
                    OSError
                ):  # a full queue or a missing route costs this packet; the next round asks again
                    continue
            while left and time.monotonic() < min(until, began + every):
                if poll.poll(20):
                    told = echo_of(link.recv(256))
                    if told and told[1] and told[0] in left:
                        took = (time.monotonic() - began) * 1000
                        rows.append([told[0], True, left.pop(told[0]), round(took, 2)])
    return rows + [[address, False, rounds, 0.0] for address, rounds in left.items()]
