"""Faults planted on purpose, one at a time, on a real node: does the harness see each, and name it?"""
