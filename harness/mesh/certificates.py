"""Certificates (X.509, RFC 5280) as far as the audit needs them: names, dates, identifiers of keys.

Nothing is verified: the engines do that with one another. A difference tells why they refuse.
"""

from __future__ import annotations

import base64
import binascii
import datetime as dt
import re
from collections.abc import Iterator

from harness.mesh.documents import Unreadable
from harness.mesh.inspected import Certificate

_BLOCK = re.compile("-----BEGIN CERTIFICATE-----(.*?)-----END CERTIFICATE-----", re.DOTALL)
_SEQUENCE, _OCTETS, _IDENTIFIER, _UTC, _GENERAL = 0x30, 0x04, 0x06, 0x17, 0x18
_VERSION, _EXTENSIONS, _KEY_ID = 0xA0, 0xA3, 0x80  # tagged by their place
_NAME, _ORGANISATION, _UNIT = (bytes.fromhex(one) for one in ("550403", "55040a", "55040b"))
_SUBJECT_KEY, _AUTHORITY_KEY = (bytes.fromhex(one) for one in ("551d0e", "551d23"))
_LONG, _MOST = 0x80, 4  # a length of more than 127 bytes, and in how many bytes it may stand
_FORMATS = {_UTC: "%y%m%d%H%M%SZ", _GENERAL: "%Y%m%d%H%M%SZ"}
_Value = tuple[int, bytes]  # tag and content


def certificates(text: str) -> tuple[Certificate, ...]:
    """The certificates of a PEM text, in order.

    Raises:
        Unreadable: one of them is none.
    """
    try:
        return tuple(_certificate(base64.b64decode(block)) for block in _BLOCK.findall(text))
    except (binascii.Error, ValueError, LookupError, UnicodeError, OverflowError) as error:
        raise Unreadable(f"no certificate: {error}") from None


def certificate(text: str) -> Certificate:
    """The first certificate of a PEM text.

    Raises:
        Unreadable: there is none.
    """
    found = certificates(text)
    if not found:
        raise Unreadable("no certificate")
    return found[0]


def _certificate(data: bytes) -> Certificate:
    (whole,) = _values(data)
    body = list(_values(next(_values(whole[1]))[1]))
    if body[0][0] == _VERSION:
        body = body[1:]
    _, _, issuer, validity, subject, *rest = body  # after the serial number and the kind of signature
    begins, ends = (_time(one) for one in _values(validity[1]))
    named = _names(subject[1])
    held = _extensions(rest)
    return Certificate(
        name=named.get(_NAME, ""),
        unit=named.get(_UNIT, ""),
        organisation=named.get(_ORGANISATION, ""),
        issuer=_names(issuer[1]).get(_NAME, ""),
        key=_octets(held.get(_SUBJECT_KEY, b"")),
        authority=_authority(held.get(_AUTHORITY_KEY, b"")),
        begins=begins,
        ends=ends,
    )


def _values(data: bytes) -> Iterator[_Value]:
    """The values that stand one after the other (DER)."""
    at = 0
    while at < len(data):
        tag, size, at = data[at], data[at + 1], at + 2
        if size >= _LONG:
            count = size - _LONG
            if not 0 < count <= _MOST:
                raise ValueError("a length that no certificate has")
            size, at = int.from_bytes(data[at : at + count]), at + count
        if at + size > len(data):
            raise ValueError("it is cut")
        yield tag, data[at : at + size]
        at += size


def _names(data: bytes) -> dict[bytes, str]:
    found = {}
    for _, group in _values(data):
        for _, pair in _values(group):
            (_, key), (_, value) = _values(pair)
            found[key] = value.decode()
    return found


def _time(value: _Value) -> float:
    tag, text = value
    return dt.datetime.strptime(text.decode(), _FORMATS[tag]).replace(tzinfo=dt.UTC).timestamp()


def _extensions(rest: list[_Value]) -> dict[bytes, bytes]:
    found = {}
    for tag, data in rest:
        for _, every in _values(data) if tag == _EXTENSIONS else ():
            for _, one in _values(every):
                (_, key), *_, (_, value) = _values(one)
                found[key] = value
    return found


def _octets(data: bytes) -> str:
    return next((value.hex() for tag, value in _values(data) if tag == _OCTETS), "")


def _authority(data: bytes) -> str:
    for tag, inner in _values(data):
        for place, value in _values(inner) if tag == _SEQUENCE else ():
            if place == _KEY_ID:
                return value.hex()
    return ""
