"""A run's tables as arrays with named dimensions; see `Results.dataset`."""

from __future__ import annotations

from typing import Any

import pandas as pd
import xarray as xr

from gossipmab.experiments.spec.spec import Spec
from gossipmab.experiments.spec.sweep import columns, scalar
from gossipmab.metrics.columns import attributes


def dataset_of(spec: Spec, kind: Any, table: pd.DataFrame, agents: pd.DataFrame) -> xr.Dataset:
    """The arrays of a run whose traces are of this kind, with their titles and units."""
    names = {point.labels.agents for point in spec.points}
    agents = agents.drop(columns="agent_name", errors="ignore")
    arrays = _arrays(spec, table, "round")
    arrays |= {f"agent_{name}": a for name, a in _arrays(spec, agents, "agent").items()}
    described = {"name": spec.experiment.name, "spec_hash": spec.hash, "spec": spec.to_toml()}
    data = xr.Dataset(arrays, attrs=described)
    swept = {name: key for key, name in columns(list(spec.sweep)).items()}
    for name in data.variables:
        data[name].attrs.update(attributes(str(name), swept, kind))
    if len(names) == 1 and (given := names.pop()):
        data = data.assign_coords(agent_name=("agent", list(given), {"long_name": "name of the agent"}))
    return data


def _arrays(spec: Spec, table: pd.DataFrame, last: str) -> dict[str, Any]:
    """Column -> array with dimensions (sweep keys..., algorithm, trial, last)."""
    names = columns(list(spec.sweep))
    dims = [*names.values(), "algorithm", "trial", last]
    axes: dict[str, list[Any]] = {}
    for key, values in spec.sweep.items():
        text = not pd.api.types.is_numeric_dtype(table[names[key]])
        axes[names[key]] = [str(scalar(v)) if text else v for v in values]
    axes["algorithm"] = [one.label for one in spec.algorithms]
    axes["trial"] = list(range(spec.experiment.trials))
    axes[last] = sorted(table[last].unique())
    index = pd.MultiIndex.from_product(list(axes.values()), names=dims)
    full = table.set_index(dims).reindex(index)
    shape = [len(values) for values in axes.values()]
    return {name: xr.DataArray(full[name].to_numpy().reshape(shape), axes, dims) for name in full.columns}
