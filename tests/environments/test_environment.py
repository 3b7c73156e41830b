"""Environments: drawn, given, and from a logged table; everything wrong is refused in one line that names its key."""

import json
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
from scipy import stats

import gossipmab as gm
from tests.tiny import refusal

SIZES: dict[str, Any] = {"agents": 3, "arms": 4, "objectives": 2}
MEANS = np.round(np.random.default_rng(0).random((3, 4, 2)), 3)
WEIGHTS = np.array([[1.0, 0.0], [0.25, 0.75], [0.5, 0.5]])


refused = partial(refusal, gm.Environment.sample)


def same(a: gm.Environment, b: gm.Environment) -> bool:
    return bool(np.array_equal(a.means, b.means) and np.array_equal(a.preferences, b.preferences))


def test_what_is_drawn() -> None:
    environment = gm.Environment.sample(5, 7, 3, heterogeneity=2.0, seed=1)
    assert (environment.agents, environment.arms, environment.objectives) == (5, 7, 3)
    assert environment.means.shape == (5, 7, 3) and environment.preferences.shape == (5, 3)
    assert environment.means.min() == 0.0 and environment.means.max() == 1.0  # heterogeneity 2 runs into the clip
    np.testing.assert_allclose(environment.preferences.sum(axis=1), 1.0, rtol=1e-14)
    assert (environment.preferences >= 0).all()
    # a trial is a function of its seed
    once = gm.Environment.sample(**SIZES, seed=4, trial=2)
    assert same(once, gm.Environment.sample(**SIZES, seed=4, trial=2))
    assert not same(once, gm.Environment.sample(**SIZES, seed=4, trial=3))
    assert not same(once, gm.Environment.sample(**SIZES, seed=5, trial=2))
    # without heterogeneity all agents are alike
    means = gm.Environment.sample(**SIZES, heterogeneity=0.0, seed=1).means
    np.testing.assert_array_equal(means, np.broadcast_to(means[0], means.shape))
    # the reward model does not change what is drawn
    plain = gm.Environment.sample(**SIZES, seed=3)
    for name in ("bernoulli", "beta", "gaussian", "deterministic", "discrete"):
        environment = gm.Environment.sample(**SIZES, seed=3, rewards=name)
        assert same(plain, environment) == (name != "discrete") and type(environment.rewards).__name__.lower() == name
        np.testing.assert_array_equal(environment.rewards.means, environment.means)
    np.testing.assert_allclose(environment.means, 0.3 + 0.5 * plain.means, rtol=1e-15)


def test_derived_quantities_are_those_of_their_definitions() -> None:
    environment = gm.Environment.sample(means=MEANS, preferences=WEIGHTS)
    for k in range(4):
        for d in range(2):
            assert environment.centred_means[k, d] == pytest.approx(sum(MEANS[i, k, d] for i in range(3)) / 3, rel=1e-14)
        for j in range(3):
            assert environment.utilities[j, k] == pytest.approx(sum(WEIGHTS[j] * environment.centred_means[k]), rel=1e-14)
            assert environment.own_utilities[j, k] == pytest.approx(sum(WEIGHTS[j] * MEANS[j, k]), rel=1e-14)


@pytest.mark.parametrize("noise", ["normal", "uniform"])
def test_differences_between_agents_follow_the_noise(noise: str) -> None:
    """mu - b over heterogeneity, far from the clip: N(0,1) or U(-1,1) by Kolmogorov-Smirnov; b: U(0,1).

    p > 1e-3 at fixed seeds: over other seeds 0.4 % false alarms for the four tests.
    """
    heterogeneity = 1e-3
    means = gm.Environment.sample(400, 20, 2, heterogeneity=heterogeneity, heterogeneity_distribution=noise, seed=2).means
    base = gm.Environment.sample(400, 20, 2, heterogeneity=0.0, heterogeneity_distribution=noise, seed=2).means
    inside = (base > 0.01) & (base < 0.99)
    law = stats.norm() if noise == "normal" else stats.uniform(-1, 2)
    assert stats.kstest(((means - base) / heterogeneity)[inside], law.cdf).pvalue > 1e-3
    wide = gm.Environment.sample(1, 1000, 2, heterogeneity=0.0, heterogeneity_distribution=noise, seed=2).means
    assert stats.kstest(wide.ravel(), "uniform").pvalue > 1e-3


def test_preferences_are_uniform_on_the_simplex() -> None:
    """Dirichlet(1,1,1): each weight is Beta(1,2). False alarm 0.1 % a weight over other seeds."""
    weights = gm.Environment.sample(3000, 1, 3, seed=1).preferences
    for d in range(3):
        assert stats.kstest(weights[:, d], stats.beta(1, 2).cdf).pvalue > 1e-3


def tidy(array: np.ndarray, index: list[str], prefix: str) -> pd.DataFrame:
    """One row for each combination of the leading axes, shuffled, columns in another order."""
    places = np.stack(np.meshgrid(*map(np.arange, array.shape[:-1]), indexing="ij"), axis=-1).reshape(-1, len(index))
    frame = pd.DataFrame(places, columns=index)
    for d in range(array.shape[-1]):
        frame[f"{prefix}_{d + 1}"] = array[..., d].ravel()
    return frame.sample(frac=1, random_state=1)[[*frame.columns[::-1]]]


def write(path: Path, array: np.ndarray, index: list[str], prefix: str) -> Path:
    if path.suffix == ".npy":
        np.save(path, array)
    elif path.suffix == ".json":
        path.write_text(json.dumps(array.tolist()), encoding="utf-8")
    elif path.suffix == ".csv":
        tidy(array, index, prefix).to_csv(path, index=False)
    else:
        tidy(array, index, prefix).to_parquet(path, index=False)
    return path


@pytest.mark.parametrize("suffix", [".npy", ".json", ".csv", ".parquet"])
def test_means_and_preferences_from_files(tmp_path: Path, suffix: str) -> None:
    means = write(tmp_path / f"means{suffix}", MEANS, ["agent", "arm"], "mean")
    weights = write(tmp_path / f"weights{suffix}", WEIGHTS, ["agent"], "weight")
    for path in (means, str(means)):
        environment = gm.Environment.sample(means=path, preferences=weights)
        np.testing.assert_array_equal(environment.means, MEANS)
        np.testing.assert_array_equal(environment.preferences, WEIGHTS)


def test_means_and_preferences_inline_are_copied() -> None:
    inline = gm.Environment.sample(means=MEANS.tolist(), preferences=WEIGHTS.tolist())
    np.testing.assert_array_equal(inline.means, MEANS)
    np.testing.assert_array_equal(inline.preferences, WEIGHTS)
    drawn = gm.Environment.sample(means=MEANS, seed=9)
    np.testing.assert_array_equal(drawn.preferences, gm.Environment.sample(3, 4, 2, seed=9).preferences)
    # what is given is copied
    mine = MEANS.copy()
    environment = gm.Environment.sample(means=mine)
    mine[:] = 0.0
    np.testing.assert_array_equal(environment.means, MEANS)
    # means outside the unit interval are fine where rewards are not bounded
    environment = gm.Environment.sample(means=3 * MEANS - 1, rewards="gaussian")
    np.testing.assert_array_equal(environment.means, 3 * MEANS - 1)


def log(folder: Path, suffix: str = ".csv") -> tuple[Path, pd.DataFrame]:
    generator = np.random.default_rng(6)
    rows = [(i, k, *generator.random(2)) for i in range(2) for k in range(3) for _ in range(2 + i + k)]
    frame = pd.DataFrame(rows, columns=["agent", "arm", "reward_1", "reward_2"]).sample(frac=1, random_state=2)
    path = folder / f"log{suffix}"
    frame.to_csv(path, index=False) if suffix == ".csv" else frame.to_parquet(path, index=False)
    return path, frame


@pytest.mark.parametrize("suffix", [".csv", ".parquet"])
def test_a_table_gives_means_and_is_resampled(tmp_path: Path, suffix: str) -> None:
    """Frequencies: a row of n is drawn 1/n of the time, within 4.5 standard deviations, 27 rows: 0.02 % false alarms."""
    path, frame = log(tmp_path, suffix)
    environment = gm.Environment.sample(rewards="table", logged_rewards=path, seed=1)
    assert (environment.agents, environment.arms, environment.objectives) == (2, 3, 2)
    u = np.random.default_rng(1).random((3000, 2))
    x = np.empty(2)
    for (i, k), group in frame.groupby(["agent", "arm"]):
        rows = group[["reward_1", "reward_2"]].to_numpy()
        np.testing.assert_allclose(environment.means[i, k], rows.mean(axis=0), rtol=1e-14)
        counts = np.zeros(len(rows))
        for numbers in u:
            environment.rewards.draw(i, k, numbers, x)
            hit = (rows == x).all(axis=1)
            assert hit.sum() == 1
            counts += hit
        share = 1 / len(rows)
        assert np.abs(counts / 3000 - share).max() <= 4.5 * np.sqrt(share * (1 - share) / 3000)


def test_tables_that_are_refused(tmp_path: Path) -> None:
    whole = tidy(MEANS, ["agent", "arm"], "mean")
    for rows, words in ((whole.head(11), "has 11 rows"), (pd.concat([whole.head(11), whole.head(1)]), "twice")):
        rows.to_csv(tmp_path / "means.csv", index=False)
        assert words in refused(means=tmp_path / "means.csv")
    path, frame = log(tmp_path)
    assert "environment.logged_rewards" in refused(rewards="table")
    assert "there is no file" in refused(rewards="table", logged_rewards=tmp_path / "nothing.csv")
    assert ".txt" in refused(rewards="table", logged_rewards=tmp_path / "log.txt")
    assert "contradicts agents = 5" in refused(rewards="table", logged_rewards=path, agents=5)

    for edited, words in (
        (frame[(frame.agent == 0) | (frame.arm < 2)], "agent 1 has no row for arm 2"),
        (frame.assign(agent=frame.agent + 1), "; indices begin at 0"), (frame.drop(columns="arm"), "'arm'"),
        (frame.drop(columns="reward_1"), "reward_1"), (frame.drop(columns=["reward_1", "reward_2"]), "reward_1"),
        (frame.assign(agent=frame.agent - 1), "'agent'"), (frame.assign(arm=frame.arm + 0.5), "'arm'"),
        (frame.assign(reward_2=np.nan), "reward_2"), (frame.assign(reward_2="much"), "environment.logged_rewards"),
        (frame.head(0), "environment.logged_rewards"),
    ):  # fmt: skip
        edited.to_csv(tmp_path / "edited.csv", index=False)
        assert words in refused(rewards="table", logged_rewards=tmp_path / "edited.csv")
    for name, content in (("torn.parquet", b"PAR1 and then nothing"), ("empty.csv", b"")):
        (tmp_path / name).write_bytes(content)
        assert name in refused(rewards="table", logged_rewards=tmp_path / name)


@pytest.mark.parametrize(("wrong", "words"), [
    ({"agents": 0}, "environment.agents: got 0"), ({"arms": -1}, "environment.arms"),
    ({"objectives": 1.5}, "environment.objectives"), ({"agents": True}, "environment.agents"),
    ({"arms": None}, "environment.arms: got None"),
    ({"heterogeneity": -0.1}, "environment.heterogeneity: got -0.1"),
    ({"heterogeneity": float("nan")}, "environment.heterogeneity"),
    ({"reward_std": -1.0}, "environment.reward_std"),
    ({"beta_concentration": 0.0}, "environment.beta_concentration"),
    ({"beta_concentration": 1e8}, "environment.beta_concentration"),
    ({"agents": "three"}, "environment.agents"), ({"agents": float("nan")}, "environment.agents"),
    ({"arms": float("inf")}, "environment.arms"), ({"heterogeneity": "much"}, "environment.heterogeneity"),
    ({"heterogeneity": None}, "environment.heterogeneity"), ({"seed": -1}, "seed"), ({"seed": 1.5}, "seed"),
    ({"trial": -1}, "trial"),
    ({"logged_rewards": "log.csv"}, "environment.logged_rewards"),
    ({"means": MEANS, "rewards": "table"}, "environment."),
    ({"heterogeneity_distribution": "normall"}, "did you mean 'normal'"),
    ({"rewards": "bernouli"}, "did you mean 'bernoulli'"),
    ({"means": MEANS[:2]}, "environment.means: has shape (2, 4, 2), which contradicts agents = 3"),
    ({"means": MEANS[0]}, "environment.means: has shape (4, 2)"),
    ({"means": 2 * MEANS}, "allowed with rewards = 'bernoulli' is [0, 1]"),
    ({"means": -MEANS, "rewards": "beta"}, "[0, 1]"), ({"means": MEANS, "rewards": "discrete"}, "[0.3, 0.8]"),
    ({"means": [[[0.1, 0.2], [0.3]]]}, "environment.means: not a rectangular array"),
    ({"means": np.full((3, 4, 2), np.nan)}, "environment.means: has values that are not finite"),
    ({"means": "no such file.npy"}, "environment.means: there is no file 'no such file.npy'"),
    ({"means": "means.xlsx"}, "suffix '.xlsx', allowed are .npy, .csv, .parquet, .json"),
    ({"means": {"a": 1}}, "environment.means"),
    ({"preferences": WEIGHTS[:2]}, "environment.preferences: has shape (2, 2)"),
    ({"preferences": WEIGHTS * 0.9}, "environment.preferences: the vector of agent 0 sums to 0.9, allowed is 1"),
    ({"preferences": [[1.5, -0.5]] * 3}, "environment.preferences: has -0.5"),
    ({"preferences": "weights.npy"}, "environment.preferences: there is no file"),
])  # fmt: skip
def test_wrong_input_is_one_line_that_names_its_key(wrong: dict[str, Any], words: str) -> None:
    assert words in refused(**(SIZES | wrong))


def test_drawn_means_are_mapped_to_their_range() -> None:
    plain = gm.Environment.sample(4, 3, 2, seed=1).means
    for bounds in ((0.3, 0.8), [0, 1], np.array([0.5, 0.6])):
        low, high = bounds
        mapped = gm.Environment.sample(4, 3, 2, seed=1, mean_range=bounds).means
        np.testing.assert_array_equal(mapped, low + (high - low) * plain)
    discrete = gm.Environment.sample(4, 3, 2, seed=1, rewards="discrete").means
    np.testing.assert_array_equal(discrete, 0.3 + 0.5 * plain)
    for bounds in ((0.8, 0.3), (0.1, 2), "x", 3, (0.2, "a"), (0.5,), (float("nan"), 1)):
        line = refused(agents=4, arms=3, objectives=2, seed=1, mean_range=bounds)
        assert line.startswith("environment.mean_range: got ") and line.endswith(", allowed is two numbers 0 <= low < high <= 1")
