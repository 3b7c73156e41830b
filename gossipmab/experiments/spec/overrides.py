"""KEY=VALUE of the command line: keys of an experiment's data that are set before it is checked."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from gossipmab.experiments.spec import sweep
from gossipmab.experiments.spec.sections import plain, shown
from gossipmab.utils.errors import InputError
from gossipmab.utils.safe_read import parsed_toml


def overridden(data: dict[str, Any], overrides: Iterable[str]) -> dict[str, Any]:
    """The data with every "dotted.key=value" set."""
    content: dict[str, Any] = plain(data)
    for text in overrides:
        key, equals, value = text.partition("=")
        key = key.strip()
        if not equals or "." not in key:
            raise InputError(f"--set {shown(text)}: allowed is KEY=VALUE, such as network.link_probability=0.3")
        swept = content.get("sweep")
        flat = sweep.flattened(swept) if isinstance(swept, dict) else {}
        together = sweep.listed(flat["points"])[0] if flat.get("points") else {}
        if key.startswith("sweep."):
            content["sweep"] = {**flat, key.removeprefix("sweep."): toml_value(value)}
        elif key in together:
            raise InputError(f"--set {key}: it stands in [[sweep.points]]; set sweep.points=[{{...}}, ...] instead")
        elif key in flat:
            raise InputError(f"--set {key}: it is swept; set sweep.{key}=[...] instead")
        else:
            content = sweep.with_values(content, {key: toml_value(value)}, "--set")
    return content


def toml_value(text: str) -> Any:
    """The text as a TOML value, or as the string it is."""
    try:
        parsed = parsed_toml(f"value = {text}")
    except ValueError:
        return text.strip()
    return plain(parsed["value"]) if set(parsed) == {"value"} else text.strip()
