"""The fake engine owes what a real one owes."""

from __future__ import annotations

import pytest

from harness.clock import Clock
from harness.engine.fake import FakeEngine
from harness.engine.protocol import Engine
from tests.contract.engine_contract import EngineContract
from tests.contract.fakes import FakeClock


class TestFake(EngineContract):
    """The shared cases, in memory and on a clock that jumps."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Time passes by sleeping only."""
        return FakeClock()

    @pytest.fixture
    def engine(self, clock: Clock) -> Engine:
        """Three nodes."""
        return FakeEngine(clock)
