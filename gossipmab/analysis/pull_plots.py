"""The figure of pulls by agent and arm, of runs whose agents or arms have names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, cast

import numpy as np
from matplotlib.figure import Figure

from gossipmab.analysis.plot_style import in_brief, legible

if TYPE_CHECKING:
    from gossipmab.experiments.results import Results

MOST = 40  # agents, and arms, that are drawn
NOTE = "The share of an agent's pulls that went to each arm, mean over trials. A centre that plays one arm for all has one row."


def pulls(results: Results) -> Figure | None:
    """Shares of pulls, agents by arms, a panel for every algorithm; None without names, with a sweep, or too large to read."""
    labels, spec = results.spec.points[0].labels, results.spec
    if results.keys or not (labels.agents or labels.arms):
        return None
    shares, traces = {}, cast("Mapping[str, Any]", results.traces)
    for one in spec.algorithms:
        counts = [np.atleast_2d(traces[c.id].pulls) for c in spec.cells() if c.label == one.label and c.id in traces]
        if counts:
            shares[one.label] = np.mean([rows / np.maximum(rows.sum(axis=1, keepdims=True), 1) for rows in counts], axis=0)
    N, K = next(iter(shares.values())).shape
    if max(N, K) > MOST:
        return None
    rows = [legible(in_brief(name)) for name in labels.agents or map(str, range(N))] if N > 1 else ["all"]
    arms = [legible(in_brief(name)) for name in labels.arms or map(str, range(K))]
    wide = 0.07 * max(map(len, rows)) + 0.17 * K + 0.9
    across = min(len(shares), max(1, int(7.0 // wide)))
    down = -(-len(shares) // across)
    tall = 0.17 * N + 0.07 * max(map(len, arms)) + 0.6
    figure = Figure(figsize=(max(3.5, wide * across), tall * down), layout="constrained")
    grid = figure.subplots(down, across, squeeze=False).ravel()
    most = max(share.max() for share in shares.values())
    for ax, (label, share) in zip(grid, shares.items(), strict=False):
        image = ax.imshow(share, vmin=0.0, vmax=most, cmap="Blues", aspect="auto")
        ax.set_title(legible(label), fontsize=7)
        ax.set_xticks(range(K), arms, rotation=90, fontsize=6)
        ax.set_yticks(range(N), rows, fontsize=6)
        ax.grid(visible=False)
    for spare in grid[len(shares) :]:
        spare.set_visible(False)
    figure.colorbar(image, ax=list(grid[: len(shares)]), label="share of pulls", shrink=0.8)
    return figure
