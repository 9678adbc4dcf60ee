"""What travels: standard library only, run by the job image's Python (3.10 or newer) on a node.

These modules import nothing but the standard library and each other; `harness.inside.bundle` packs them under
the very same names, so here and there they are imported alike.
"""
