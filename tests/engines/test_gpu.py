"""The GPU engine without a GPU: its rounds compiled for this processor, and all that the host does. tests/gpu has the rest."""

from __future__ import annotations

from importlib import import_module
from importlib.util import find_spec
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

import gossipmab as gm
from gossipmab.cli import call
from gossipmab.engines.gpu import compiling, memory, pcg64, pool
from gossipmab.engines.gpu.arrays import ALWAYS, DRAWN, GIVEN
from gossipmab.engines.gpu.batch import batch_of, source_of
from gossipmab.engines.gpu.playing import Played
from gossipmab.engines.gpu.refusals import check_supported
from gossipmab.engines.gpu.sharing import shared_bytes
from gossipmab.environments.reward_models import Rounds, Table
from gossipmab.utils.errors import InputError
from tests.broken import Sound
from tests.gpu.gpu_rounds import differing, play_here, trial_of, worlds

HAS_GPU = find_spec("numba_cuda") is not None and import_module("numba.cuda").is_available()
SETTINGS: dict[str, Any] = {"horizon": 300, "seed": 3, "recorded_rounds": 20}


def words(numbers: list[int]) -> np.ndarray:
    return np.array(numbers, np.uint64)


@pytest.mark.parametrize("numbers", [0, 1, 2, 7, 12_345, 10**9, 2**70])
def test_steps_and_jumps_are_those_of_numpy(numbers: int) -> None:
    generator = np.random.Generator(np.random.PCG64(5))
    state, increment = pcg64.start_of(generator)
    jumped = pcg64.stepped(*words(pcg64.words(state)), words(pcg64.jump(increment, numbers)))
    generator.bit_generator.advance(numbers)  # type: ignore[attr-defined]
    assert [int(word) for word in jumped] == pcg64.words(pcg64.start_of(generator)[0])


def test_numbers_are_those_of_numpy() -> None:
    generator = np.random.Generator(np.random.PCG64(11))
    state, increment = pcg64.start_of(generator)
    states = np.zeros((501, 2), np.uint64)
    pcg64.along(words(pcg64.words(state)), words(pcg64.jump(increment, 1)), states)
    assert [pcg64.uniform_of(*one) for one in states[1:]] == generator.random(500).tolist()


def logged(kind: str, N: int = 6, K: int = 4, D: int = 2) -> gm.Environment:
    """An environment with a log of rewards, by agent and arm or by round."""
    rows = np.random.default_rng(0).random((N, 5, K, D))
    preferences, means = np.full((N, D), 1 / D), rows.mean(axis=1)
    if kind == "rounds":
        return gm.Environment(means, preferences, Rounds(means, rows))
    by_arm = np.ascontiguousarray(rows.transpose(0, 2, 1, 3)).reshape(-1, D)
    return gm.Environment(means, preferences, Table(means, by_arm, np.arange(N * K + 1) * 5))


@pytest.mark.parametrize(
    ("algorithms", "rewards"),
    [
        ([gm.ParetoUCBGossip(), gm.ParetoUCBGossip(pooled=True, consensus=0.1)], "bernoulli"),
        ([gm.ParetoUCBGossip()], "gaussian"),
        ([gm.ParetoUCBGossip()], "rounds"),
        ([gm.ParetoGossip(burn_in=0.1), gm.ParetoGossip(mixing=0.1, burn_in=0.0)], "bernoulli"),
        ([gm.SimulatedNSWUCBGossip(solver="local"), gm.SimulatedNSWUCBGossip(solver="local", no_sim=True, rescale=True)], "beta"),
        pytest.param([gm.SimulatedNSWUCBGossip(), gm.SimulatedNSWUCBGossip(alpha=0.1)], "bernoulli", marks=pytest.mark.slow),
        pytest.param([gm.SimulatedNSWUCBGossip(welfare="geometric", hops=1)], "bernoulli", marks=pytest.mark.slow),
        pytest.param([gm.CentralizedNSW(), gm.CentralizedNSW(pooled=True)], "bernoulli", marks=pytest.mark.slow),
        pytest.param([gm.CentralizedNSW(solver="local")], "bernoulli", marks=pytest.mark.slow),
        pytest.param([gm.ParetoUCB()], "bernoulli", marks=pytest.mark.slow),
        pytest.param([gm.ParetoUCBGossip()], "table", marks=pytest.mark.slow),
        pytest.param([gm.ParetoUCBGossip()], "discrete", marks=pytest.mark.slow),
        pytest.param([gm.ParetoUCBGossip()], "deterministic", marks=pytest.mark.slow),
    ],
)
def test_trials_side_by_side_have_the_bits_of_simulate(algorithms: list[Any], rewards: str) -> None:
    """Four networks with four weights, and several hyperparameters, in one batch; agents in another order than in `simulate`."""
    found = worlds("bernoulli" if rewards in ("rounds", "table") else rewards)
    if rewards in ("rounds", "table"):
        found = [(logged(rewards), network) for _, network in found]
    within_hops = bool(getattr(algorithms[0], "hops", 0))  # balls of one size
    settings = {**SETTINGS, "welfare": "geometric" if rewards == "beta" else "product"}
    cases = [(algorithm, world, k) for algorithm in algorithms for k, world in enumerate(found[1:2] if within_hops else found)]
    trials = [trial_of(algorithm, world, trial=k, **settings) for algorithm, world, k in cases]
    assert within_hops or {source_of(trial.network) for trial in trials} == {ALWAYS, DRAWN, GIVEN}
    assert len({trial.key for trial in trials}) == 1
    for trace, (algorithm, world, k) in zip(play_here(trials, 37), cases, strict=True):
        assert not differing(trace, gm.simulate(algorithm, *world, trial=k, **settings))


def test_few_links_of_many_are_sampled_on_the_host() -> None:
    network = gm.Network("complete", agents=150, link_probability=0.05)
    assert source_of(network) == GIVEN
    assert source_of(gm.Network("complete", agents=150, link_probability=0.2)) == DRAWN


ENVIRONMENT = gm.Environment.sample(4, 3, 2, seed=0)
RING = gm.Network("ring", agents=4)
REFUSED = {
    "algorithms: got Sound on a GPU, a class from outside": {"algorithm": Sound()},
    "network.failures: not on a GPU": {"network": gm.Network("ring", agents=4, failures={"message_loss": 0.1})},
    "network.communication: not on a GPU": {"network": gm.Network("ring", agents=4, communication={"period": 2})},
}


@pytest.mark.parametrize("line", REFUSED)
def test_what_is_not_played_is_refused_with_the_engines_that_do(line: str) -> None:
    world: dict[str, Any] = {"algorithm": gm.ParetoUCB(), "environment": ENVIRONMENT, "network": RING}
    with pytest.raises(InputError) as error:
        check_supported(**world | REFUSED[line])
    assert str(error.value).startswith(line) and "--engine threads" in str(error.value)


def arrays(value: Any) -> list[np.ndarray]:
    return (
        [value]
        if isinstance(value, np.ndarray)
        else [one for item in value for one in arrays(item)]
        if isinstance(value, tuple)
        else []
    )


@pytest.mark.parametrize(
    "algorithm", [gm.ParetoUCBGossip(), gm.ParetoUCB(), gm.ParetoGossip(), gm.SimulatedNSWUCBGossip(), gm.CentralizedNSW()]
)
def test_a_trial_takes_the_memory_that_was_estimated(algorithm: Any) -> None:
    environment, network = gm.Environment.sample(200, 10, 3, seed=0), gm.Network("complete", agents=200, link_probability=0.5)
    trial = trial_of(algorithm, (environment, network), **SETTINGS)
    taken = sum(one.nbytes for one in arrays(batch_of([trial])._replace(flat=())))
    assert abs(memory.trial_bytes(algorithm, network, 10, 3, 20) / taken - 1) < 0.05


def test_what_does_not_fit_is_refused_with_advice() -> None:
    with pytest.raises(
        InputError, match=r"^environment.agents: 4 agents, 3 arms and 2 objectives need about .* fewer agents or arms"
    ):
        memory.check(gm.ParetoUCB(), RING, 3, 2, 20, free=1_000)
    assert memory.most_trials(100, 1_000, 4_096) == 9
    assert memory.most_trials(100, 10, 4_096) == 1


class Player:
    """What stands for the runner of cells: a cell is (trial, arms)."""

    def arguments(self, cell: Any) -> tuple[list[Any], dict[str, Any]]:
        if cell.arms == 0:
            raise RuntimeError("no arms")
        environment = gm.Environment.sample(4, cell.arms, 2, seed=0, trial=cell.trial)
        return [gm.ParetoUCBGossip(), environment, RING], {**SETTINGS, "trial": cell.trial, "welfare": "product"}

    def finished(self, trace: Any, seconds: float) -> Any:
        return trace


def cells_of(*arms: int) -> list[Any]:
    return [SimpleNamespace(trial=trial, arms=K) for trial, K in enumerate(arms)]


def test_cells_that_are_alike_are_played_together(monkeypatch: pytest.MonkeyPatch) -> None:
    groups: list[list[int]] = []

    def play(trials: Any, progress: Any) -> list[Played]:
        groups.append([trial.environment.arms for trial in trials])
        progress(sum(trial.environment.agents * trial.settings.horizon for trial in trials))
        return [Played(None, ValueError("odd")) if t.settings.trial == 3 else Played(t.settings.trial, None) for t in trials]  # type: ignore[arg-type]

    monkeypatch.setattr(pool, "check_device", lambda: None)
    monkeypatch.setattr(pool, "free_bytes", lambda: 1e9)
    monkeypatch.setattr(pool, "available_mib", lambda: 1e4)
    monkeypatch.setattr(pool, "play_trials", play)
    steps: list[int] = []
    outcomes = {cell.trial: outcome for cell, outcome in pool.run_cells(cells_of(3, 4, 0, 3, 4), Player(), steps=steps.append)}
    assert groups == [[3, 3], [4, 4]]
    assert steps == [2 * 4 * 300] * 2
    assert str(outcomes.pop(2)) == "no arms" and str(outcomes.pop(3)) == "odd"
    assert outcomes == {0: 0, 1: 1, 4: 4}
    one = memory.trial_bytes(gm.ParetoUCBGossip(), RING, 3, 2, 20)
    monkeypatch.setattr(pool, "free_bytes", lambda: 1.5 * one)
    list(pool.run_cells(cells_of(3, 3), Player()))
    assert groups[2:] == [[3], [3]]


def test_no_gpu_is_one_line(monkeypatch: pytest.MonkeyPatch) -> None:
    def missing() -> None:
        raise InputError("engine: gpu needs numba-cuda")

    monkeypatch.setattr(compiling, "numba_cuda", missing)
    with pytest.raises(InputError, match="needs numba-cuda"):
        list(pool.run_cells(cells_of(3), Player()))


@pytest.mark.skipif(HAS_GPU, reason="there is a GPU")
@pytest.mark.parametrize("changed", [[], ["--set", "experiment.protocol=central"], ["--engine", "ray", "--resources", "GPU=1"]])
def test_a_run_without_a_gpu_ends_with_one_line_and_no_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], changed: list[str]
) -> None:
    out = tmp_path / "run"
    assert call(["run", "quickstart", "--engine", "gpu", "--out", str(out), *changed]) == 2
    error = capsys.readouterr().err
    assert error.startswith("error: ") and error.count("\n") == 1
    assert changed or error.startswith("error: engine: gpu ")
    assert not out.exists()


@pytest.mark.parametrize(("warps", "kib"), [(1, 27.5), (2, 48)])
def test_states_in_shared_memory_leave_room_for_as_many_blocks(monkeypatch: pytest.MonkeyPatch, warps: int, kib: float) -> None:
    """Eight warps at a time on an H100, whose multiprocessors have 228 KiB; a block takes 48 KiB at most."""
    sizes = {"PER_MULTIPROCESSOR": 228 * 1024, "PER_BLOCK": 48 * 1024}
    found = SimpleNamespace(RESERVED_SHARED_MEMORY_PER_BLOCK=1024, **{f"MAX_SHARED_MEMORY_{k}": v for k, v in sizes.items()})
    monkeypatch.setattr(compiling, "numba_cuda", lambda: SimpleNamespace(get_current_device=lambda: found))
    assert compiling.shared_room(warps) == kib * 1024
    trial = trial_of(gm.ParetoUCBGossip(), worlds("bernoulli", 32, 10, 3)[1], **SETTINGS)
    assert shared_bytes(batch_of([trial]).state) == 27.5 * 1024


class CudaAPIError(Exception):
    """As numba-cuda names it."""


def test_what_the_driver_reports_is_one_line_with_advice() -> None:
    with (
        pytest.raises(InputError, match=r"stopped by the driver \(.*OUT_OF_MEMORY.*\); fewer agents or arms"),
        compiling.on_one_line(),
    ):
        raise CudaAPIError("[2] Call to cuMemAlloc\n results in CUDA_ERROR_OUT_OF_MEMORY")
    with pytest.raises(ZeroDivisionError), compiling.on_one_line():
        raise ZeroDivisionError
