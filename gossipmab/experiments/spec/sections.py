"""The sections of the experiment file as pydantic models, the one definition of their keys."""

from __future__ import annotations

from collections.abc import Callable
from functools import cached_property
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, field_validator, model_validator

from gossipmab.environments.datasets import DATASETS
from gossipmab.environments.given import RANGE, is_range
from gossipmab.environments.logs import Log
from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.parameters import coerce, fit

OMIT_IF_DEFAULT = {"protocol": "gossip", "extra_objectives": ()}  # of [experiment]: written out only if they differ
EVALUATIONS = 20  # recorded_rounds of a game, each of which takes whole episodes
BANDITS = ("gossip", "central", "assignment")
SECTIONS_OF: dict[str, tuple[tuple[str, ...], tuple[str, ...]]] = {  # section -> the protocols that have it, that require it
    "environment": (BANDITS, BANDITS),
    "game": (("marl",), ("marl",)),
    "network": (("gossip", "marl"), ("gossip",)),
    "probing": (("assignment",), ()),
}
REWARD_PARAMETERS = {"gaussian": ("std", "reward_std"), "beta": ("concentration", "beta_concentration")}
LARGEST = 2**53  # beyond it, counts are not exact as float64
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


def printable(text: str) -> str:
    """The text itself, if it can stand in a legend, a table and a file."""
    if not text.isprintable() or not text.strip():
        raise ValueError("printable characters on one line")
    return text


def allow(good: Callable[[Any], bool], words: str) -> BeforeValidator:
    """Values for which `good` holds, which the error describes by `words`."""

    def checked(value: Any) -> Any:
        if not good(value):
            raise ValueError(words)
        return value

    return BeforeValidator(checked)


Label = Annotated[Name, AfterValidator(printable)]
OwnNumbers = Annotated[Any, allow(lambda value: isinstance(value, str | list), "a file, or nested lists of numbers")]


class Section(BaseModel):
    """A table of the file: no unknown keys, no conversions other than int -> float, no nan."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ExperimentSection(Section):
    """What is played, how long, how often."""

    name: Label = Field(description="Of the experiment; the run folder is runs/NAME")
    description: str = Field("", description="Its question, in a line")
    protocol: Literal["gossip", "central", "assignment", "marl"] = Field(
        "gossip",
        description="Who decides: agents by gossip, a centre for all, a centre that assigns arms to agents, or learners in a game",
    )
    horizon: int = Field(
        ge=1, le=LARGEST, description="T: rounds of a trial; in a game, environment steps, of all environments together"
    )
    trials: int = Field(1, ge=1, le=1_000_000, description="How many environments are drawn and played")
    seed: int = Field(ge=0, lt=2**63, description="Fixes every bit of the results")
    recorded_rounds: int = Field(
        200,
        ge=1,
        le=1_000_000,
        description=f"How many rounds are recorded, the last among them; in a game, evaluations, {EVALUATIONS} by default",
    )
    common_random_numbers: bool = Field(
        True, description="Whether all algorithms of a trial have the same links and reward numbers"
    )
    welfare: Literal["product", "geometric"] = Field(
        "product", description="The Nash social welfare that NSW regret is measured in: the product, or its N-th root"
    )
    extra_objectives: tuple[str, ...] = Field(
        (), description="With a centre: the other objectives whose regret is measured beside the learner's own"
    )

    @model_validator(mode="before")
    @classmethod
    def _of_a_game(cls, data: Any) -> Any:
        return {"recorded_rounds": EVALUATIONS, **data} if isinstance(data, dict) and data.get("protocol") == "marl" else data

    @field_validator("extra_objectives", mode="before")
    @classmethod
    def _listed(cls, names: Any) -> Any:
        return tuple(names) if isinstance(names, list) else names


class EnvironmentSection(Section):
    """Agents, arms and their rewards: sampled, or your own."""

    agents: Size | None = Field(None, description="N; may be left out if the base graph, means or logged rewards fix it")
    arms: Size | None = Field(None, description="K")
    objectives: Size | None = Field(None, description="D: the length of a reward vector")
    mean_range: Annotated[list[float], allow(is_range, RANGE)] | None = Field(
        None, description="Least and largest of the drawn means, within [0, 1]; unset: [0, 1], with discrete rewards [0.3, 0.8]"
    )
    rewards: Annotated[
        str | dict[str, Any], allow(lambda value: isinstance(value, str | dict), 'a name, or { model = "...", its parameters }')
    ] = Field(
        "bernoulli",
        description="The law of rewards around their means: a name, or a table with the name as `model` and its "
        'parameters; "table": drawn from a log of your own',
    )
    heterogeneity: float = Field(
        0.2, ge=0.0, le=1e6, description="How far agents' means lie from the arms' own; 0: all agents are alike"
    )
    heterogeneity_distribution: Literal["normal", "uniform"] = Field("normal", description="The law of agents' differences")
    beta_concentration: float = Field(10.0, gt=0.0, le=1e6, description="Of beta rewards")
    reward_std: float = Field(0.1, ge=0.0, le=1e12, description="Standard deviation of gaussian rewards")
    means: OwnNumbers = Field(None, description="Your own means (N, K, D): a file (.npy, .csv, .parquet, .json) or nested lists")
    preferences: OwnNumbers = Field(None, description="Your own preferences (N, D), rows on the simplex: a file or nested lists")
    logged_rewards: Name | None = Field(
        None, description='With rewards = "table": a file with columns agent, arm, reward_1, reward_2, ...'
    )
    log: Annotated[
        str | dict[str, Any] | None,
        allow(lambda value: isinstance(value, str | dict | None), 'a file, or { file = "...", the names of its columns }'),
    ] = Field(
        None,
        description="A log of pulls, resampled: a file, or { file = ..., agent = ..., arm = ..., rewards = [...], least = ... }",
    )
    dataset: Annotated[
        dict[str, Any] | None,
        allow(lambda value: isinstance(value, dict | None), '{ name = "ridesharing", file = "...", its parameters }'),
    ] = Field(None, description="A public data set: { name = ..., file = ..., its parameters }")

    @model_validator(mode="before")
    @classmethod
    def _drawn_from_data(cls, data: Any) -> Any:
        return {"rewards": "table", **data} if isinstance(data, dict) and {"log", "dataset"} & set(data) else data

    @model_validator(mode="after")
    def _one_source(self) -> EnvironmentSection:
        given = [name for name in ("means", "logged_rewards", "log", "dataset") if getattr(self, name) is not None]
        if len(given) > 1 and (self.data is not None or "means" not in given):
            raise InputError(f"environment.{given[1]}: given beside {given[0]}, allowed is one of them")
        if self.data is not None and self.rewards != "table":
            raise InputError(f"environment.rewards: got {self.rewards}, allowed beside {given[0]} is 'table', or nothing")
        return self

    @cached_property
    def data(self) -> Log | Any:
        """The `log` or the `dataset` as its class, checked; None if there is neither."""
        if self.log is not None:
            return Log(**coerce(Log, {"file": self.log} if isinstance(self.log, str) else self.log, "environment.log"))
        if self.dataset is None:
            return None
        given = dict(self.dataset)
        if (name := str(given.pop("name", ""))) not in DATASETS:
            raise unknown("environment.dataset.name", name, DATASETS)
        return DATASETS[name](**coerce(DATASETS[name], given, "environment.dataset"))

    @property
    def _short(self) -> tuple[str, str] | None:
        """(parameter, key of this section) of a table of rewards that is written as another key, too."""
        model = self.rewards.get("model") if isinstance(self.rewards, dict) else None
        return REWARD_PARAMETERS.get(model) if isinstance(model, str) else None

    @model_validator(mode="after")
    def _parameters_of_rewards(self) -> EnvironmentSection:
        if self._short is not None and isinstance(self.rewards, dict):
            parameter, key = self._short
            odd = sorted(set(self.rewards) - {"model", parameter})
            if odd:
                raise unknown("environment.rewards: parameter", odd[0], [parameter])
            if parameter in self.rewards and key in self.model_fields_set:
                raise InputError(f"environment.{key}: is given beside rewards.{parameter}, allowed is one of them")
            if parameter in self.rewards:
                fit(f"environment.rewards.{parameter}", hint_of(EnvironmentSection, key), self.rewards[parameter])
        return self

    def dump(self) -> dict[str, Any]:
        """The section as in the file, every default written out."""
        data = self.model_dump(exclude_none=True)
        if self._short is not None:
            del data[self._short[1]]
        return data

    def arguments(self) -> dict[str, Any]:
        """The section as arguments of `Environment.sample`."""
        data = self.model_dump(exclude_none=True, exclude={"log", "dataset"})
        if self._short is not None and isinstance(self.rewards, dict):
            parameter, key = self._short
            data |= {"rewards": self.rewards["model"], key: float(self.rewards.get(parameter, data[key]))}
        return data


class NetworkSection(Section):
    """The base graph, which of its links are up in a round, the mixing weights; with protocol = "gossip", or for fen in a game."""

    base: Annotated[
        Any,
        allow(
            lambda value: isinstance(value.get("generator") if isinstance(value, dict) else value or None, str),
            'a name, a file, or { generator = "...", its parameters }',
        ),
    ] = Field(None, description="A shipped base graph, a file (.toml, .edges, .graphml), or a generator of networkx")
    link_probability: float = Field(1.0, gt=0.0, le=1.0, description="p: every link is up in a round with this probability")
    links: Annotated[
        Any, allow(lambda value: value != "" and isinstance(value, str | dict), 'a name, or { process = "...", its parameters }')
    ] = Field(None, description="The link process, which decides what links are up: a name, or { process = ..., parameters }")
    weights: Literal["laplacian", "metropolis", "max_degree", "lazy_metropolis"] = Field(
        "laplacian", description="The rule of the mixing weights"
    )
    failures: dict[str, Any] | None = Field(None, description="What goes wrong beside the links")
    communication: dict[str, Any] | None = Field(None, description="A budget for what is sent")


class ProbingSection(Section):
    """What probing costs, and what assignments obey; with protocol = "assignment"."""

    budget: Size | None = Field(None, description="I: the most arms that may be probed in a round; all by default")
    overhead: str | tuple[float, ...] = Field(
        "linear", description="The share of welfare that probing costs: a name, or the numbers alpha(0), ..., alpha(I)"
    )
    capacity: Annotated[float, Field(gt=0.0, le=1e6)] | None = Field(
        None, description="The most agents that an arm is given, in expectation; no limit by default"
    )
    samples: int = Field(
        200, ge=1, le=1_000_000, description="Draws of the rewards by which a value is found; used with a capacity only"
    )

    @field_validator("overhead", mode="before")
    @classmethod
    def _name_or_numbers(cls, value: Any) -> Any:
        if isinstance(value, list | tuple) and all(type(v) in (int, float) for v in value):
            return tuple(map(float, value))
        if isinstance(value, str):
            return value
        raise ValueError("a name, or the numbers alpha(0), ..., alpha(budget)")


class GameSection(BaseModel):
    """The game that agents learn to play: a registered name, and its own settings; with protocol = "marl"."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True, allow_inf_nan=False)
    name: Name = Field(description="As registered")
    tau: float = Field(0.5, ge=0.0, le=1e6, description="The band of the recorded measures: outcomes within it count as equal")

    @property
    def settings(self) -> dict[str, Any]:
        """The game's own settings."""
        return dict(self.__pydantic_extra__ or {})


class AlgorithmSection(BaseModel):
    """One [[algorithms]]: a registered name, a label for the legend, and the algorithm's own hyperparameters."""

    model_config = ConfigDict(extra="allow", strict=True, frozen=True)
    name: Name
    label: Label | None = None

    @property
    def parameters(self) -> dict[str, Any]:
        """The hyperparameters as given."""
        return dict(self.__pydantic_extra__ or {})


class Document(Section):
    """The whole file."""

    experiment: ExperimentSection
    environment: EnvironmentSection | None = None
    game: GameSection | None = None
    network: NetworkSection | None = None
    probing: ProbingSection | None = None
    algorithms: list[AlgorithmSection] = Field(
        min_length=1, description="One [[algorithms]] for each curve: a name, perhaps a label, and hyperparameters"
    )
    sweep: dict[str, Any] = Field(
        {}, description="Dotted keys and lists of values: the cross product is played; [[sweep.points]] lists points in place of it"
    )


def hint_of(section: type[BaseModel], key: str) -> Any:
    """The annotated type of a key."""
    field = section.model_fields.get(key)
    return None if field is None else field.rebuild_annotation()


SECTIONS: dict[str, type[BaseModel]] = {
    "experiment": ExperimentSection,
    "environment": EnvironmentSection,
    "game": GameSection,
    "network": NetworkSection,
    "probing": ProbingSection,
}
