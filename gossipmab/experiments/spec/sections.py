"""The sections of the experiment file as pydantic models, the one definition of their keys."""

from __future__ import annotations

from typing import Annotated, Any, Literal, get_type_hints

from pydantic import BaseModel, ConfigDict, Field, field_validator, model_validator

from gossipmab.utils.errors import InputError, unknown
from gossipmab.utils.parameters import fit

OMIT_IF_DEFAULT = {"protocol": "gossip", "extra_objectives": ()}  # of [experiment]: written out only if they differ
REWARD_PARAMETERS = {"gaussian": ("std", "reward_std"), "beta": ("concentration", "beta_concentration")}
LARGEST = 2**53  # beyond it, counts are not exact as float64
Size = Annotated[int, Field(ge=1, le=1_000_000)]
Name = Annotated[str, Field(min_length=1, max_length=100)]


class Section(BaseModel):
    """A table of the file: no unknown keys, no conversions other than int -> float, no nan."""

    model_config = ConfigDict(extra="forbid", strict=True, frozen=True, allow_inf_nan=False)


class ExperimentSection(Section):
    """What is played, how long, how often."""

    name: Annotated[Name, Field(description="Of the experiment; the run folder is runs/NAME")]
    description: Annotated[str, Field(description="What it asks, in a line")] = ""
    protocol: Annotated[
        Literal["gossip", "central", "assignment"],
        Field(
            description="Who decides: the agents by gossip, a centre for all, or a centre that assigns arms to agents"
        ),
    ] = "gossip"
    horizon: Annotated[int, Field(ge=1, le=LARGEST, description="T: rounds of a trial")]
    trials: Annotated[int, Field(ge=1, le=1_000_000, description="How many environments are drawn and played")] = 1
    seed: Annotated[int, Field(ge=0, lt=2**63, description="Fixes every bit of the results")]
    recorded_rounds: Annotated[
        int, Field(ge=1, le=1_000_000, description="How many rounds are recorded; the last is always among them")
    ] = 200
    common_random_numbers: Annotated[
        bool, Field(description="Whether all algorithms of a trial have the same links and reward numbers")
    ] = True
    welfare: Annotated[
        Literal["product", "geometric"],
        Field(description="The Nash social welfare that NSW regret is measured in: the product, or its N-th root"),
    ] = "product"
    extra_objectives: Annotated[
        tuple[str, ...],
        Field(description="With a centre: the other objectives whose regret is measured beside the learner's own"),
    ] = ()

    @field_validator("extra_objectives", mode="before")
    @classmethod
    def _listed(cls, names: Any) -> Any:
        return tuple(names) if isinstance(names, list) else names

    @field_validator("name")
    @classmethod
    def _printable(cls, name: str) -> str:
        return printable(name)


class EnvironmentSection(Section):
    """Agents, arms and their rewards: sampled, or your own."""

    agents: Annotated[
        Size | None, Field(description="N; may be left out if the base graph, means or logged rewards fix it")
    ] = None
    arms: Annotated[Size | None, Field(description="K")] = None
    objectives: Annotated[Size | None, Field(description="D: the length of a reward vector")] = None
    rewards: Annotated[
        str | dict[str, Any],
        Field(
            description="The law of rewards around their means: a name, or a table with the name as `model` and its "
            'parameters; "table": drawn from a log of your own'
        ),
    ] = "bernoulli"
    heterogeneity: Annotated[
        float,
        Field(ge=0.0, le=1e6, description="How far agents' means lie from the arms' own; 0: all agents are alike"),
    ] = 0.2
    heterogeneity_distribution: Annotated[
        Literal["normal", "uniform"], Field(description="The law of agents' differences")
    ] = "normal"
    beta_concentration: Annotated[float, Field(gt=0.0, le=1e6, description="Of beta rewards")] = 10.0
    reward_std: Annotated[float, Field(ge=0.0, le=1e12, description="Standard deviation of gaussian rewards")] = 0.1
    means: Annotated[
        Any, Field(description="Your own means (N, K, D): a file (.npy, .csv, .parquet, .json) or nested lists")
    ] = None
    preferences: Annotated[
        Any, Field(description="Your own preferences (N, D), rows on the simplex: a file or nested lists")
    ] = None
    logged_rewards: Annotated[
        Name | None,
        Field(description='With rewards = "table": a file with columns agent, arm, reward_1, reward_2, ...'),
    ] = None

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
                hint = get_type_hints(EnvironmentSection, include_extras=True)[key]
                fit(f"environment.rewards.{parameter}", hint, self.rewards[parameter])
        return self

    def dump(self) -> dict[str, Any]:
        """The section as in the file, every default written out."""
        data = self.model_dump(exclude_none=True)
        if self._short is not None:
            del data[self._short[1]]
        return data

    def arguments(self) -> dict[str, Any]:
        """The section as arguments of `Environment.sample`."""
        data = self.model_dump(exclude_none=True)
        if self._short is not None and isinstance(self.rewards, dict):
            parameter, key = self._short
            data |= {"rewards": self.rewards["model"], key: float(self.rewards.get(parameter, data[key]))}
        return data


class NetworkSection(Section):
    """The base graph, which of its links are up in a round, the mixing weights; with protocol = "gossip"."""

    base: Annotated[
        Any, Field(description="A shipped base graph, a file (.toml, .edges, .graphml), or a generator of networkx")
    ] = None
    link_probability: Annotated[
        float, Field(gt=0.0, le=1.0, description="p: every link is up in a round with this probability")
    ] = 1.0
    links: Annotated[
        Any,
        Field(
            description="The link process, which decides what links are up: a name, or { process = ..., parameters }"
        ),
    ] = None
    weights: Annotated[
        Literal["laplacian", "metropolis", "max_degree", "lazy_metropolis"],
        Field(description="The rule of the mixing weights"),
    ] = "laplacian"
    failures: Annotated[dict[str, Any] | None, Field(description="What goes wrong beside the links")] = None
    communication: Annotated[dict[str, Any] | None, Field(description="A budget for what is sent")] = None

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
    """What probing costs, and what assignments obey; with protocol = "assignment"."""

    budget: Annotated[
        Size | None, Field(description="I: the most arms that may be probed in a round; all by default")
    ] = None
    overhead: Annotated[
        str | tuple[float, ...],
        Field(description="The share of welfare that probing costs: a name, or the numbers alpha(0), ..., alpha(I)"),
    ] = "linear"
    capacity: Annotated[
        Annotated[float, Field(gt=0.0, le=1e6)] | None,
        Field(description="The most agents that an arm is given, in expectation; no limit by default"),
    ] = None
    samples: Annotated[
        int,
        Field(
            ge=1, le=1_000_000, description="Draws of the rewards by which a value is found; used with a capacity only"
        ),
    ] = 200

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
    algorithms: Annotated[
        list[AlgorithmSection],
        Field(
            min_length=1, description="One [[algorithms]] for each curve: a name, perhaps a label, and hyperparameters"
        ),
    ]
    sweep: Annotated[
        dict[str, Any],
        Field(
            description="Dotted keys and lists of values: the cross product is played; [[sweep.points]] lists points in "
            "place of it"
        ),
    ] = {}


SECTIONS: dict[str, type[Section]] = {
    "experiment": ExperimentSection,
    "environment": EnvironmentSection,
    "network": NetworkSection,
    "probing": ProbingSection,
}


def printable(text: str) -> str:
    """The text itself, if it can stand in a legend, a table and a file."""
    if not text.isprintable() or not text.strip():
        raise ValueError("printable characters on one line")
    return text
