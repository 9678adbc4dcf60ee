"""What stands behind the suites: the run's session, the promises it collects, the words that suites speak."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from harness.stage.session import Stage

STAGE: pytest.StashKey[Stage] = pytest.StashKey()  # where pytest's configuration keeps the run's stage
