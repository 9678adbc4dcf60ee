"""The outside witness: fresh TCP connections to every node on the published port, and what came of them.

``target`` says whom to ask, ``http1`` asks once, ``sampler`` asks in the ways a claim needs (``burst``,
``steady``, ``kept``, ``closed``) and writes every sample to the journal as it comes.
"""
