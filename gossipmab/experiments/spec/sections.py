"""The sections of the experiment file as pydantic models, and pydantic's errors in one line."""

from __future__ import annotations

import math
from difflib import get_close_matches
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError, field_validator

from gossipmab.utils.errors import InputError, unknown

UNSAID = {"protocol": "gossip", "measure": ()}  # of [experiment]: keys that are written out only where they say more
LARGEST = 2**53  # beyond it, counts could not be told apart as float64
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Section(BaseModel):
    """A table of the file: no unknown keys, no conversions other than int -> float, no nan."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ExperimentSection(Section):
    """[experiment]: what is played, how long, how often.

    `protocol` is who decides: the agents by gossip, a centre, or a centre that gives every agent an arm of its own.
    `welfare` is the NSW that the NSW regret is measured in; `measure`, with a centre, the other objectives whose regret is
    measured beside the learner's own.
    """

    name: Name
    description: str = ""
    protocol: Literal["gossip", "central", "assignment"] = "gossip"
    horizon: Annotated[int, Field(ge=1, le=LARGEST)]
    trials: Annotated[int, Field(ge=1, le=1_000_000)] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63)]
    record: Annotated[int, Field(ge=1, le=1_000_000)] = 200
    coupled: bool = True
    welfare: Literal["product", "geometric"] = "product"
    measure: tuple[str, ...] = ()

    @field_validator("measure", mode="before")
    @classmethod
    def _listed(cls, measure: Any) -> Any:
        return tuple(measure) if isinstance(measure, list) else measure

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        return printable(name)


class EnvironmentSection(Section):
    """[environment]: sampled, or the user's own means, preferences (inline or files) or table of rewards.

    rewards: the name of a model, or, of a plug-in's, a table with its name, `model`, and its parameters.
    """

    agents: Size | None = None
    arms: Size | None = None
    objectives: Size | None = None
    rewards: str | dict[str, Any] = "bernoulli"
    heterogeneity: Annotated[float, Field(ge=0.0, le=1e6)] = 0.2
    heterogeneity_distribution: Literal["normal", "uniform"] = "normal"
    beta_concentration: Annotated[float, Field(gt=0.0, le=1e6)] = 10.0
    reward_std: Annotated[float, Field(ge=0.0, le=1e12)] = 0.1
    means: Any = None
    preferences: Any = None
    logged_rewards: Name | None = None

    @field_validator("rewards", mode="before")
    @classmethod
    def _name_or_model(cls, value: Any) -> Any:
        if not isinstance(value, str | dict):
            raise ValueError('a name, or { model = "...", its parameters }')
        return value

    @field_validator("means", "preferences")
    @classmethod
    def _file_or_numbers(cls, value: Any) -> Any:
        if value is not None and not isinstance(value, str | list):
            raise ValueError("a file, or nested lists of numbers")
        return value


class NetworkSection(Section):
    """[network]: the base graph, which of its links are present in a round, the mixing weights.

    links: the name of a link process, or a table with its name, `process`, and its parameters; Erdos-Renyi by default.
    failures, communication: what goes wrong beside the links, and the rules for what is sent: tables of parameters.
    """

    base: Any = None
    link_probability: Annotated[float, Field(gt=0.0, le=1.0)] = 1.0
    links: Any = None
    weights: Literal["laplacian", "metropolis", "max_degree", "lazy_metropolis"] = "laplacian"
    failures: dict[str, Any] | None = None
    communication: dict[str, Any] | None = None

    @field_validator("links")
    @classmethod
    def _name_or_process(cls, value: Any) -> Any:
        if value is not None and not (isinstance(value, str) and value) and not isinstance(value, dict):
            raise ValueError('a name, or { process = "...", its parameters }')
        return value

    @field_validator("base")
    @classmethod
    def _name_or_generator(cls, value: Any) -> Any:
        if not (isinstance(value, str) and value) and not (
            isinstance(value, dict) and isinstance(value.get("generator"), str)
        ):
            raise ValueError('a name, a file, or { generator = "...", its parameters }')
        return value


class ProbingSection(Section):
    """[probing], with protocol = "assignment": what probing costs and assignments obey; see `gossipmab.objectives.probing.costs`.

    `overhead` is a name or the numbers alpha(0), ..., alpha(I); `samples` are draws of the rewards, used with a `capacity` only.
    """

    budget: Size | None = None
    overhead: str | tuple[float, ...] = "linear"
    capacity: Annotated[float, Field(gt=0.0, le=1e6)] | None = None
    samples: Annotated[int, Field(ge=1, le=1_000_000)] = 200

    @field_validator("overhead", mode="before")
    @classmethod
    def _name_or_numbers(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and all(type(v) in (int, float) for v in value):
            return tuple(map(float, value))
        if isinstance(value, str):
            return value
        raise ValueError("a name, or the numbers alpha(0), ..., alpha(budget)")


class AlgorithmSection(BaseModel):
    """One [[algorithms]]: a registered name, a label for the legend, and the algorithm's own hyperparameters."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    name: Name
    label: Name | None = None

    @field_validator("label")
    @classmethod
    def _printable(cls, label: str | None) -> str | None:
        return None if label is None else printable(label)

    @property
    def parameters(self) -> dict[str, Any]:
        """The hyperparameters as given."""
        return dict(self.__pydantic_extra__ or {})


class Document(Section):
    """The whole file."""

    experiment: ExperimentSection
    environment: EnvironmentSection
    network: NetworkSection | None = None
    probing: ProbingSection | None = None
    algorithms: Annotated[list[AlgorithmSection], Field(min_length=1)]
    sweep: dict[str, Any] = {}


SECTIONS: dict[str, type[Section]] = {
    "experiment": ExperimentSection,
    "environment": EnvironmentSection,
    "network": NetworkSection,
    "probing": ProbingSection,
}
M = TypeVar("M", bound=BaseModel)


def printable(text: str) -> str:
    """The text itself, if it can stand in a legend, a table and a file."""
    if not text.isprintable() or not text.strip():
        raise ValueError("printable characters on one line")
    return text


def validated(model: type[M], data: Any) -> M:
    """The model of `data`, or one InputError that names the key."""
    try:
        return model.model_validate(data)
    except ValidationError as error:
        raise translated(error, model) from None


def translated(error: ValidationError, model: type[BaseModel]) -> InputError:
    """Pydantic's errors as one line: a misspelt key first, since it often is why another one is missing."""
    errors = sorted(error.errors(include_url=False), key=lambda e: e["type"] != "extra_forbidden")
    first = errors[0]
    path = [str(part) for part in first["loc"]]
    key = ".".join(path) or "the experiment"
    more = f" (and {len(errors) - 1} more)" if len(errors) > 1 else ""
    if first["type"] == "extra_forbidden":
        return unknown_key(path, model)
    if first["type"] == "missing":
        return InputError(f"{key} is required and not given{more}")
    why = bounds(path) or first["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    near = ""
    if first["type"] == "literal_error" and isinstance(first["input"], str):
        match = get_close_matches(first["input"], first["ctx"]["expected"].replace("'", " ").split(), n=1)
        near = f"; did you mean {match[0]!r}?" if match else ""
    return InputError(f"{key}: got {shown(first['input'])}, allowed is {why}{near}{more}")


def bounds(path: list[str]) -> str:
    """What a number in a section may be, such as "a number > 0 and <= 1"; nothing for what is not a number."""
    field = SECTIONS[path[0]].model_fields.get(path[1]) if len(path) == 2 and path[0] in SECTIONS else None
    if field is None:
        return ""
    parts = [field.annotation, *field.metadata]
    for part in parts:  # into Annotated[...] | None; the list grows as it is read
        parts += [*getattr(part, "__args__", ()), *getattr(part, "__metadata__", ()), *getattr(part, "metadata", ())]
    kind = "a whole number" if int in parts else "a number" if float in parts else ""
    signs = {"gt": ">", "ge": ">=", "lt": "<", "le": "<="}
    limits = [f"{sign} {getattr(part, name)}" for name, sign in signs.items() for part in parts if hasattr(part, name)]
    return f"{kind} {' and '.join(dict.fromkeys(limits))}" if kind and limits else ""


def unknown_key(path: list[str], model: type[BaseModel]) -> InputError:
    """The error for a key that its section does not have."""
    owner: type[BaseModel] = SECTIONS.get(path[0], model) if len(path) > 1 else model
    where = f"[{path[0]}]" if len(path) > 1 else "the experiment"
    return unknown(f"key in {where}", path[-1], owner.model_fields)


def shown(value: Any) -> str:
    """A value short enough for one line."""
    text = ascii(value) if isinstance(value, str) else str(value)
    return text if len(text) <= 60 else text[:57] + "..."


def plain(value: Any, key: str = "", depth: int = 0) -> Any:
    """The value in TOML's own types; NumPy arrays and paths, which Python callers pass, become lists and strings.

    Raises InputError for anything that TOML could not hold.
    """
    if depth > 50:
        raise InputError(f"{key}: nested deeper than 50 levels")
    if hasattr(value, "tolist"):
        value = value.tolist()
    elif hasattr(value, "__fspath__"):
        value = str(value)
    if isinstance(value, dict):
        for name in value:
            if not isinstance(name, str):
                raise InputError(f"{key or 'the experiment'}: key {shown(name)} is not a string")
        return {
            plain(k, key): plain(v, f"{key}.{k}" if key else k, depth + 1) for k, v in value.items() if v is not None
        }
    if isinstance(value, list | tuple):
        return [plain(item, key, depth + 1) for item in value]
    if isinstance(value, str):
        if not value.isascii() and value.encode(errors="replace").decode() != value:
            raise InputError(f"{key}: got {shown(value)}, which UTF-8 cannot hold")
        return value
    if isinstance(value, bool):
        return value
    if isinstance(value, int):
        if not -(2**63) <= value < 2**63:
            raise InputError(f"{key}: an integer of more than 64 bits, which TOML cannot hold")
        return value
    if isinstance(value, float):
        if not math.isfinite(value):
            raise InputError(f"{key}: got {value}, allowed is a finite number")
        return value
    raise InputError(
        f"{key or 'the experiment'}: got {shown(value)}, allowed are TOML's strings, numbers, lists and tables"
    )
