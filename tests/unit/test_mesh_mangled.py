"""Recordings that were mangled on their way: a value of everything, and never an exception."""

from __future__ import annotations

import dataclasses

from hypothesis import given, settings
from hypothesis import strategies as st

from harness.evidence import Dump, KernelLook
from harness.mesh.observed import kernels
from tests.recorded import recorded

_DUMPS = tuple(
    dump for name in ("healthy", "healthy-nft", "deploying") for dump in recorded(name).dumps if dump.text
)


@st.composite
def _mangled(draw: st.DrawFn) -> Dump:
    """A recorded dump of which a part was cut out, doubled, or replaced, or which is told to be another."""
    dump = draw(st.sampled_from(_DUMPS))
    start = draw(st.integers(0, len(dump.text)))
    end = draw(st.integers(start, min(len(dump.text), start + 200)))
    middle = draw(st.sampled_from(["", dump.text[start:end] * 2, "0", '"', "{", "\n", "\x00", "٣"]))
    what = draw(
        st.sampled_from([dump.what, dump.what, "ipvs", "addr", "route", "sysctl", "facts", "rules-nft"])
    )
    return dataclasses.replace(dump, what=what, text=dump.text[:start] + middle + dump.text[end:])


@settings(deadline=None)
@given(st.lists(_mangled(), min_size=1, max_size=4))
def test_mangled_recordings_never_raise(dumps: list[Dump]) -> None:
    """Whatever a node prints, there is a value for it, and it can be a key: nothing in it changes."""
    for kernel in kernels(KernelLook("k", 0.0, 1.0, tuple(dumps))):
        assert isinstance(hash(kernel), int)
        for space in kernel.namespaces:
            assert all(why for _, why in space.unread)
            assert not any(rules.rules for rules in space.rules if rules.unread)
