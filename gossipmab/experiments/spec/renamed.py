"""The words of version 0.1 that version 0.2 renamed: one table, for error messages and for reading old run folders."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from gossipmab.utils.errors import InputError

# Keys of experiment files: section or table -> old word -> new word.
KEYS: dict[str, dict[str, str]] = {
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
}


def check_renamed(data: Mapping[str, Any]) -> None:
    """Raise InputError naming the new word if an experiment's dictionary has a key or value of version 0.1."""
    _walk(data, "", refuse=True)


def with_new_words(data: Mapping[str, Any]) -> dict[str, Any]:
    """The same experiment of version 0.1 in the words of 0.2."""
    found: dict[str, Any] = _walk(data, "", refuse=False)
    return found


def _walk(value: Any, path: str, refuse: bool) -> Any:
    if isinstance(value, Mapping):
        return {
            (new := _new_key(key, path, refuse)): _walk(one, _below(path, new), refuse) for key, one in value.items()
        }
    if isinstance(value, list):
        if path == "sweep_order":
            return [_new_key(one, "", refuse) for one in value]
        return [_walk(one, path, refuse) for one in value]
    new = VALUES.get(path, {}).get(value) if isinstance(value, str) else None
    if new is not None and refuse:
        raise InputError(f"{path}: {value!r} is {new!r} since version 0.2")
    return value if new is None else new


def _below(path: str, key: str) -> str:
    """The dotted path of a key; those of [sweep] are written out there already."""
    return f"{path}.{key}" if path and path != "sweep" and not path.startswith("sweep.") else key


def _new_key(key: Any, path: str, refuse: bool) -> Any:
    section, _, word = _below(path, key).rpartition(".") if isinstance(key, str) else ("", "", "")
    new = KEYS.get(section, {}).get(word)
    if new is None:
        return key
    if refuse:
        raise InputError(f"{section}.{word}: is called {section}.{new} since version 0.2")
    return f"{section}.{new}" if "." in key else new
