"""Shared cases and fakes."""
