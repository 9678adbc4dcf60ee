"""What IPsec holds between a node and its peers, for encrypted overlay networks: never a key.

Read by netlink (``linux/xfrm.h``) instead of ``ip xfrm``, which prints the keys: they are left where the
kernel put them, only whether there is one is looked at.
"""

from __future__ import annotations

import json
import socket
import struct

from harness.inside.scripts import netlink

_NETLINK_XFRM = 6
_NEW_STATE, _GET_STATE, _NEW_POLICY, _GET_POLICY = 0x10, 0x12, 0x13, 0x15  # XFRM_MSG_...
_STATE, _POLICY = 224, 168  # bytes of struct xfrm_usersa_info, xfrm_userpolicy_info
_ID, _SOURCE, _FAMILY = 56, 80, 212  # offsets in the first: struct xfrm_id, saddr, family
_DIRECTION = 160  # offset in the second
_DIRECTIONS = ("in", "out", "fwd")
_TEMPLATES = 5  # XFRMA_TMPL
_TEMPLATE_FAMILY, _TEMPLATE_SOURCE, _TEMPLATE = 24, 28, 64  # offsets in struct xfrm_user_tmpl, and its bytes
_KEYS = frozenset({1, 2, 18, 20})  # XFRMA_ALG_AUTH, _CRYPT, _AEAD, _AUTH_TRUNC
Row = dict[str, object]


def save() -> tuple[str, str]:
    """A JSON list: ``what`` (``in``, ``out``, ``fwd`` of a policy, or ``state``), ``src``, ``dst``, ``spi``.

    A state without a key is none: the kernel makes such while it waits for one.

    Raises:
        OSError: not permitted, or the kernel does not answer.
        ValueError: its answer cannot be read.
    """
    try:
        found = policies(netlink.dump(_NETLINK_XFRM, _GET_POLICY))
        found += states(netlink.dump(_NETLINK_XFRM, _GET_STATE))
    except OSError as error:
        if error.errno in netlink.ABSENT:
            return "[]", ""
        raise
    return json.dumps(found, separators=(",", ":")), ""


def policies(messages: list[netlink.Message]) -> list[Row]:
    """A row for each policy that asks for IPsec between two addresses.

    Raises:
        ValueError: the bytes are not what the kernel's header files say.
    """
    found: list[Row] = []
    for kind, body in messages:
        if kind != _NEW_POLICY:
            continue
        _require(body, _POLICY)
        number = body[_DIRECTION]
        template = dict(netlink.attributes(body[_POLICY:])).get(_TEMPLATES, b"")
        if number < len(_DIRECTIONS) and template:
            _require(template, _TEMPLATE)
            family = struct.unpack_from("=H", template, _TEMPLATE_FAMILY)[0]
            found.append(_row(_DIRECTIONS[number], template, 0, _TEMPLATE_SOURCE, family))
    return found


def states(messages: list[netlink.Message]) -> list[Row]:
    """A row for each security association that has a key.

    Raises:
        ValueError: the bytes are not what the kernel's header files say.
    """
    found: list[Row] = []
    for kind, body in messages:
        if kind != _NEW_STATE:
            continue
        _require(body, _STATE)
        if any(one in _KEYS for one, _ in netlink.attributes(body[_STATE:])):
            family = struct.unpack_from("=H", body, _FAMILY)[0]
            found.append(_row("state", body, _ID, _SOURCE, family))
    return found


def _require(data: bytes, size: int) -> None:
    if len(data) < size:
        raise ValueError("a message of xfrm is malformed")


def _row(what: str, data: bytes, ident: int, source: int, family: int) -> Row:
    """What stands in a struct xfrm_id and in the source address beside it."""
    size = 4 if family == socket.AF_INET else 16
    ends = (data[at : at + size] for at in (source, ident))
    spi = struct.unpack_from("!I", data, ident + 16)[0]
    known = socket.AF_INET if size == 4 else socket.AF_INET6  # noqa: PLR2004  bytes of an IPv4 address
    first, second = (socket.inet_ntop(known, end) for end in ends)
    return {"what": what, "src": first, "dst": second, "spi": spi}
