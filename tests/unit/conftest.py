"""What all unit tests share."""

import gc

import pytest
from hypothesis import settings

# a busy machine makes an example slow, which says nothing about the code
settings.register_profile("harness", deadline=None, max_examples=60)
settings.load_profile("harness")


def pytest_collection_finish(session: pytest.Session) -> None:
    """What was collected lives until the end: garbage need not be looked for among it again and again."""
    gc.collect()
    gc.freeze()
