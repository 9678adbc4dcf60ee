"""The suites' vocabulary is a pytest plugin; it stays asleep unless suites are run."""

pytest_plugins = ["harness.pytest_plugin"]
