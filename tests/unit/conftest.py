"""What all unit tests share."""

from hypothesis import settings

# a busy machine makes an example slow, which says nothing about the code
settings.register_profile("harness", deadline=None)
settings.load_profile("harness")
