"""The third witness: every node's kernel tables against what the manager says must be there."""

import pytest

from harness.mesh.verdict import tables_agree


@pytest.mark.check("mesh.tables")
def test_every_kernel_holds_what_the_manager_says(kernels, whoami, promise):
    """moby/moby#26351: "surface the IPVS state of each node" - held against the manager, both ways."""
    promise("mesh.tables", tables_agree(kernels.look, kernels.before, kernels.after, settled=[whoami.name]))
