"""A real engine owes what the fake owes."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from harness.clock import SYSTEM, Clock
from harness.config import Tls
from harness.engine.connect import connect
from harness.engine.protocol import Engine
from harness.lab.uml.lab import UmlLab
from tests.contract.engine_contract import EngineContract

pytestmark = pytest.mark.in_the_lab


@pytest.fixture(scope="module")
def engine(the_lab: UmlLab) -> Iterator[Engine]:
    """The first manager of the lab."""
    endpoint = the_lab.endpoint
    engine = connect(endpoint.url, Tls(ca=endpoint.ca, cert=endpoint.cert, key=endpoint.key))
    yield engine
    engine.close()


class TestLab(EngineContract):
    """The shared cases, on the lab's first manager."""

    @pytest.fixture
    def clock(self) -> Clock:
        """Real time."""
        return SYSTEM
