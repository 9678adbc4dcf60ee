"""Throughput by Locust, always as a process of its own: importing it patches whoever imports it."""

from harness.load.runner import run

__all__ = ["run"]
