"""A centre that probes arms, then gives every agent an arm of its own."""
