"""The words of version 0.1 that version 0.2 renamed: one table, for one-line errors and for reading old run folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gossipmab.utils.errors import InputError

# Keys of experiment files: section or table -> old word -> new word.
KEYS: dict[str, dict[str, str]] = {
    "experiment": {"record": "recorded_rounds", "coupled": "common_random_numbers", "measure": "extra_objectives"},
    "environment": {
        "noise": "heterogeneity_distribution",
        "sigma": "reward_std",
        "concentration": "beta_concentration",
        "table": "logged_rewards",
    },
    "network.communication": {
        "every": "period",
        "threshold": "trigger_threshold",
        "bits": "quantization_bits",
        "top": "top_k",
        "gain": "consensus_step_size",
    },
    "network.failures": {
        "loss": "message_loss",
        "acknowledged": "symmetric_loss",
        "spread": "random_delay",
        "crash": "crash_probability",
        "rejoin": "recovery_probability",
        "absences": "outages",
    },
}
# Values of keys.
VALUES: dict[str, dict[str, str]] = {
    "network.links": {"one_pair": "randomized_gossip", "trace": "contact_trace"},
    "network.links.process": {"one_pair": "randomized_gossip", "trace": "contact_trace"},
    "algorithms.name": {"ucb_bonus": "hossain_ucb", "ucb_inside": "jones_ucb"},
}
# Hyperparameters: new name of the algorithm -> old word -> new word.
PARAMETERS: dict[str, dict[str, str]] = {
    "explore_first": {"each": "rounds_per_arm"},
    "eld": {"step": "dual_step_size", "period": "dual_period", "cap": "max_multiplier", "budget": "inequality_budget"},
}
# Columns of tables, and arrays of traces.
COLUMNS: dict[str, str] = {
    "drift": "mean_drift",
    "floats": "scalars_sent",
    "value": "cumulative_welfare",
    "probed": "cumulative_probes",
    "expected": "mean_policy_utility",
    "others": "other_regrets",
    "asked": "other_objectives",
    "measures": "policy_measures",
    "measured": "policy_measure_names",
}
OPTIONS: dict[str, str] = {"--task": "--resources", "--guide": "--bound"}  # of the command line


def now_called(key: str, new: str) -> InputError:
    """The error for an old word."""
    return InputError(f"{key} is now called {new}")


def check_renamed(data: Mapping[str, Any]) -> None:
    """Raise InputError naming the new word if an experiment's dictionary has a key or value of version 0.1."""
    _walk(data, "", refuse=True, names=_names(data))


def with_new_words(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same experiment of version 0.1 in the words of 0.2."""
    found: dict[str, Any] = _walk(data, "", refuse=False, names=_names(data))
    for table in found.get("algorithms", []):
        near = table.pop("neighbourhood", None) if isinstance(table, dict) else None
        if near is not None:
            table["hops"] = table.get("hops", 1) if near else 0
    return found


def _names(data: Mapping[str, Any]) -> dict[str, str]:
    """Label -> new name of the algorithms; "*" -> "" for those of all."""
    tables = data.get("algorithms")
    tables = [one for one in tables if isinstance(one, Mapping)] if isinstance(tables, list) else []
    known = {str(one.get("label", one.get("name"))): str(one.get("name")) for one in tables}
    return {label: VALUES["algorithms.name"].get(name, name) for label, name in known.items()} | {"*": ""}


def _walk(value: Any, path: str, refuse: bool, names: Mapping[str, str]) -> Any:
    if isinstance(value, Mapping):
        inside = path
        if path == "algorithms":
            name = str(value.get("name"))
            inside = f"algorithms.{VALUES['algorithms.name'].get(name, name)}"
        found = {}
        for key, one in value.items():
            new = _new_key(key, inside, refuse, names)
            found[new] = _walk(one, _below(path, new), refuse, names)
        return found
    if isinstance(value, list):
        if path == "sweep_order":
            return [_new_key(one, "", refuse, names) for one in value]
        return [_walk(one, path, refuse, names) for one in value]
    new = VALUES.get(path, {}).get(value) if isinstance(value, str) else None
    if new is not None and refuse:
        raise now_called(f"{path}: {value!r}", repr(new))
    return value if new is None else new


def _below(path: str, key: str) -> str:
    """The dotted path of a key; those of [sweep] are written out there already."""
    return f"{path}.{key}" if path and path != "sweep" and not path.startswith("sweep.") else key


def _new_key(key: Any, path: str, refuse: bool, names: Mapping[str, str]) -> Any:
    if not isinstance(key, str):
        return key
    section, _, word = _below(path, key).rpartition(".")
    if section.startswith("algorithms."):
        label = section.removeprefix("algorithms.")
        owner = label if path.startswith("algorithms.") else names.get(label, "")
        known = [owner] if owner else PARAMETERS if label == "*" else []
        new = next((PARAMETERS[one][word] for one in known if word in PARAMETERS.get(one, {})), None)
        if word == "neighbourhood" and refuse:
            raise InputError(f"{section}.{word} is now hops = 1 or more, and hops = 0 if it was false")
    else:
        new = KEYS.get(section, {}).get(word)
    if new is None:
        return key
    if refuse:
        raise now_called(f"{section}.{word}", f"{section}.{new}")
    return f"{section}.{new}" if "." in key else new
