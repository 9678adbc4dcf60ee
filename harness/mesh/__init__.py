"""The third witness: what every node's kernel holds, against what the manager says must be there."""
