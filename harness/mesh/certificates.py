"""Certificates (X.509) as far as the audit needs them: names, dates, identifiers of keys.

The audit verifies nothing: the engines do that with one another. A difference tells why they refuse.
"""

from __future__ import annotations

import warnings

from cryptography import x509
from cryptography.exceptions import InvalidSignature
from cryptography.hazmat.primitives import hashes
from cryptography.x509.oid import NameOID

from harness.mesh.documents import Unreadable
from harness.mesh.inspected import Certificate

_BEGIN = "-----BEGIN CERTIFICATE-----"
_MALFORMED = (  # what the library raises over bytes that were mangled at random
    ValueError,
    TypeError,
    OverflowError,
    x509.DuplicateExtension,
    x509.InvalidVersion,
    x509.UnsupportedGeneralNameType,
)


def certificates(text: str) -> tuple[Certificate, ...]:
    """The certificates of a PEM text, in order.

    Raises:
        Unreadable: one of them is none.
    """
    if _BEGIN not in text:
        return ()
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # what is odd about a certificate is no matter of a run's output
            return tuple(_certificate(one) for one in x509.load_pem_x509_certificates(text.encode()))
    except _MALFORMED as error:
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


def digest(one: x509.Certificate) -> str:
    """What tells certificates apart: the start of their SHA-256, in hex."""
    return one.fingerprint(hashes.SHA256()).hex()[:16]


def loaded(text: str) -> tuple[x509.Certificate, ...]:
    """The certificates of a PEM text as the library has them, to hold signatures against keys.

    Raises:
        Unreadable: one of them is none.
    """
    try:
        return tuple(x509.load_pem_x509_certificates(text.encode())) if _BEGIN in text else ()
    except _MALFORMED as error:
        raise Unreadable(f"no certificate: {error}") from None


def signer(text: str, roots: str) -> str:
    """The digest of the root whose key signed the first certificate of ``text``; empty if none did.

    Raises:
        Unreadable: there is no certificate, or one of the roots is none.
    """
    found = loaded(text)
    if not found:
        raise Unreadable("no certificate")
    for root in loaded(roots):
        try:
            found[0].verify_directly_issued_by(root)
        except (ValueError, TypeError, InvalidSignature):
            continue
        return digest(root)
    return ""


def _certificate(one: x509.Certificate) -> Certificate:
    return Certificate(
        name=_named(one.subject, NameOID.COMMON_NAME),
        unit=_named(one.subject, NameOID.ORGANIZATIONAL_UNIT_NAME),
        organisation=_named(one.subject, NameOID.ORGANIZATION_NAME),
        issuer=_named(one.issuer, NameOID.COMMON_NAME),
        key=_key(one),
        authority=_authority(one),
        begins=one.not_valid_before_utc.timestamp(),
        ends=one.not_valid_after_utc.timestamp(),
    )


def _named(name: x509.Name, attribute: x509.ObjectIdentifier) -> str:
    return next((str(one.value) for one in name.get_attributes_for_oid(attribute)), "")


def _key(one: x509.Certificate) -> str:
    try:
        return one.extensions.get_extension_for_class(x509.SubjectKeyIdentifier).value.digest.hex()
    except x509.ExtensionNotFound:
        return ""


def _authority(one: x509.Certificate) -> str:
    try:
        told = one.extensions.get_extension_for_class(x509.AuthorityKeyIdentifier).value
    except x509.ExtensionNotFound:
        return ""
    return (told.key_identifier or b"").hex()
