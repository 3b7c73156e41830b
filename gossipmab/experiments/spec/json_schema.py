"""The JSON schema of the experiment file, with which editors complete and check its keys.

It comes from the definitions that check the file itself: the pydantic models, and the annotated fields of algorithms, link
processes, failures and communication. It is written in what draft 7 shares with draft 4, besides limits, since TOML editors know
little more. Installed plug-ins are in it by name, with any parameters, and are not loaded.

Departure from what the file may hold: a required key may stand in [sweep] alone, of which the schema knows nothing.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import is_dataclass
from importlib.metadata import entry_points
from typing import Annotated, Any, get_args, get_origin

from gossipmab.algorithms import PROTOCOLS
from gossipmab.environments.datasets import DATASETS
from gossipmab.environments.logs import Log
from gossipmab.environments.registry import GAMES, MODELS
from gossipmab.experiments.spec.sections import REWARD_PARAMETERS, SECTIONS, SECTIONS_OF, Document
from gossipmab.experiments.spec.sweep import FIXED
from gossipmab.networks.communication_budget import CommunicationBudget
from gossipmab.networks.failures import Failures
from gossipmab.networks.graphs.base_graph import SUFFIXES
from gossipmab.networks.links.registry import PROCESSES
from gossipmab.objectives import OBJECTIVES
from gossipmab.objectives.probing.costs import OVERHEADS
from gossipmab.utils.parameters import MISSING, parameters_of, schema_of
from gossipmab.utils.resources import shipped_files

Schema = dict[str, Any]
PLAYED = {"gossip": "algorithms", "central": "algorithms.central", "assignment": "algorithms.assignment", "marl": "algorithms.marl"}
GROUPS = (*PLAYED.values(), "links", "rewards", "objectives", "marl.games")  # of entry points, each "gossipmab." and this
CLASS: Schema = {"type": "string", "pattern": r"[.\w]:[A-Za-z_]\w*$"}  # "eps.py:MyClass", "package.module:MyClass"
# Keys of [sweep] that lead into tables.
DEEPER = r"^(environment\.(log|dataset)|game|network\.(base|links|failures|communication)|algorithms)\..+"


def experiment_schema(plugins: bool = True) -> Schema:
    """The schema as a dictionary, with the names of installed plug-ins or without."""
    foreign = {group: plugged(group) if plugins else [] for group in GROUPS}
    sections = {key: tidied(model.model_json_schema()) for key, model in SECTIONS.items()}
    definitions = {
        "base": _base(),
        "links": _links(foreign["links"]),
        "failures": of_fields(Failures),
        "communication": of_fields(CommunicationBudget),
    }
    objectives = [*sorted(OBJECTIVES), *foreign["objectives"]]
    inside: dict[str, Schema] = {
        "experiment.extra_objectives": {"type": "array", "items": {"anyOf": [{"enum": objectives}, CLASS]}},
        "environment.rewards": {**_rewards(foreign["rewards"]), "default": "bernoulli"},
        "environment.means": {"anyOf": [{"type": "string"}, {"type": "array"}]},
        "environment.preferences": {"anyOf": [{"type": "string"}, {"type": "array"}]},
        "environment.log": {"anyOf": [{"type": "string"}, of_fields(Log)]},
        "environment.dataset": {"anyOf": [of_fields(kind, name={"enum": [name]}) for name, kind in DATASETS.items()]},
        "probing.overhead": {"anyOf": [{"enum": list(OVERHEADS)}, {"type": "array", "items": {"type": "number"}}]},
        **{f"network.{name}": {"$ref": f"#/definitions/{name}"} for name in definitions},
    }
    for key, schema in inside.items():
        section, _, name = key.partition(".")
        text = sections[section]["properties"][name]["description"]
        sections[section]["properties"][name] = dict(schema, description=text)
        if name in definitions:
            definitions[name]["description"] = text
    properties: dict[str, Schema] = dict(sections) | {"game": _game(sections["game"], foreign["marl.games"])}
    names = {protocol: foreign[PLAYED[protocol]] for protocol in PROTOCOLS}
    label = {"type": "string", "minLength": 1, "maxLength": 100, "description": "In legends"}
    algorithms = [
        of_fields(kind, name={"enum": [name]}, label=label) for own in PROTOCOLS.values() for name, kind in own.shipped.items()
    ]
    algorithms.append(_open("name", [name for mine in names.values() for name in mine]))
    properties["algorithms"] = {
        "description": Document.model_fields["algorithms"].description,
        "type": "array",
        "minItems": 1,
        "items": {"anyOf": algorithms},
    }
    properties["sweep"] = _sweep(sections)
    return {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "An experiment of gossipmab",
        "type": "object",
        "required": ["experiment", "algorithms"],
        "properties": properties,
        "additionalProperties": False,
        "anyOf": [_protocol(protocol, [*own.shipped, *names[protocol]]) for protocol, own in PROTOCOLS.items()],
        "definitions": definitions,
    }


def schema_text(plugins: bool = True) -> str:
    """The schema as a file."""
    return json.dumps(experiment_schema(plugins), indent=1) + "\n"


def plugged(group: str) -> list[str]:
    """The names of a group that other distributions add, such as "algorithms", by entry points."""
    return sorted({one.name for one in entry_points(group=f"gossipmab.{group}")})


def tidied(node: Any) -> Any:
    """Pydantic's schema without titles, and without null, which TOML does not have."""
    if isinstance(node, list):
        return [tidied(one) for one in node]
    if not isinstance(node, dict):
        return node
    clean = {
        key: {name: tidied(one) for name, one in value.items()} if key == "properties" else tidied(value)
        for key, value in node.items()
        if key not in ("title", "anyOf") and not (key == "default" and value in (None, []))
    }
    choices = [tidied(one) for one in node.get("anyOf", []) if one != {"type": "null"}]
    return {**clean, **choices[0]} if len(choices) == 1 else {**clean, "anyOf": choices} if choices else clean


def of_fields(kind: Any, **first: Schema) -> Schema:
    """A table of the first keys, of which the very first is required, and the parameters of a class."""
    parameters = parameters_of(kind)
    properties = dict(first)
    for name, (hint, default, description) in parameters.items():
        small = isinstance(default, str) or (isinstance(default, int | float) and abs(default) < 2**53)
        more = {"description": description} if description else {}
        properties[name] = {**of_hint(hint), **more, **({"default": default} if small else {})}
    required = [*list(first)[:1], *(name for name, one in parameters.items() if one.default is MISSING)]
    line = (kind.__doc__ or "").strip().partition("\n")[0]
    table = {"type": "object", "description": line, "properties": properties, "additionalProperties": False}
    return {**table, "required": required} if required else table


def of_hint(hint: Any) -> Schema:
    """The schema of a type; {}, which allows anything, if JSON has no word for it."""
    if is_dataclass(hint):
        return of_fields(hint)
    if get_origin(hint) is Annotated and not schema_of(hint):
        return of_hint(hint.__origin__)
    if get_origin(hint) is Sequence:
        return {"type": "array", "items": of_hint(get_args(hint)[0])}
    found: Schema = tidied(schema_of(hint))
    return found


def _base() -> Schema:
    generator = {"type": "string", "description": "A function of networkx.generators, such as watts_strogatz_graph"}
    ending = "|".join(suffix.removeprefix(".") for suffix in (*SUFFIXES, *map(str.upper, SUFFIXES)))
    made = {"type": "object", "required": ["generator"], "properties": {"generator": generator}}
    return {
        "anyOf": [{"enum": list(shipped_files("topologies", SUFFIXES))}, {"type": "string", "pattern": rf"\.({ending})$"}, made]
    }


def _links(foreign: list[str]) -> Schema:
    tables = {name: of_fields(kind, process={"enum": [name]}) for name, kind in PROCESSES.shipped.items()}
    alone = [name for name, table in tables.items() if table["required"] == ["process"]]
    return {"anyOf": [*tables.values(), *_named("process", alone, foreign)["anyOf"]]}


def _game(section: Schema, foreign: list[str]) -> Schema:
    own = section["properties"]
    words = {"description": own["name"]["description"]}
    tables = [of_fields(kind, name={"enum": [name], **words}, tau=own["tau"]) for name, kind in GAMES.shipped.items()]
    return {"description": section["description"], "anyOf": [*tables, _open("name", foreign)]}


def _named(key: str, shipped: Sequence[str], foreign: Sequence[str]) -> Schema:
    """One of these names; of a foreign one, also a table with the name at the key and its parameters."""
    names = {"enum": [*shipped, *foreign]}
    return {"anyOf": [names, CLASS, _open(key, foreign)]}


def _rewards(foreign: list[str]) -> Schema:
    tables = []
    for name, (parameter, key) in REWARD_PARAMETERS.items():
        one = tidied(SECTIONS["environment"].model_json_schema())["properties"][key]
        properties = {"model": {"enum": [name]}, parameter: one}
        tables.append({"type": "object", "required": ["model"], "properties": properties, "additionalProperties": False})
    return {"anyOf": [{"enum": [*MODELS.shipped, *foreign]}, CLASS, *tables, _open("model", foreign)]}


def _open(key: str, names: Sequence[str]) -> Schema:
    """A table with one of the names at the key, and anything besides."""
    return {"type": "object", "required": [key], "properties": {key: {"anyOf": [{"enum": list(names)}, CLASS]} if names else CLASS}}


def _protocol(protocol: str, names: list[str]) -> Schema:
    """The schema of a protocol: its algorithms, and the sections that it has."""
    implied = protocol == "gossip"
    one: Schema = {"properties": {"protocol": {"enum": [protocol]}}, **({} if implied else {"required": ["protocol"]})}
    items = {"items": {"properties": {"name": {"anyOf": [{"enum": names}, CLASS]}}}}
    properties: Schema = {"experiment": one, "algorithms": items}
    foreign = [key for key, (owners, _) in SECTIONS_OF.items() if protocol not in owners]
    required = [key for key, (_, owners) in SECTIONS_OF.items() if protocol in owners]
    return {"properties": properties, "required": required, "not": {"anyOf": [{"required": [key]} for key in foreign]}}


def _sweep(sections: Mapping[str, Schema]) -> Schema:
    keys = {
        f"{section}.{name}": {key: value for key, value in one.items() if key not in ("default", "description")}
        for section, schema in sections.items()
        for name, one in schema["properties"].items()
        if f"{section}.{name}" not in FIXED
    }
    point = {"type": "object", "minProperties": 1, "properties": keys}
    return {
        "description": Document.model_fields["sweep"].description,
        "type": "object",
        "properties": {
            **{key: {"type": "array", "minItems": 1, "items": one} for key, one in keys.items()},
            **{section: {"type": "object"} for section in (*sections, "algorithms")},
            "points": {"type": "array", "minItems": 1, "items": point},
        },
        "patternProperties": {DEEPER: {"type": "array", "minItems": 1}},
        "additionalProperties": False,
    }
