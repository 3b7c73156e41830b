"""The kernels of the GPU engine, compiled to PTX, and played by numba's simulator: no GPU is needed, but numba-cuda is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pandas as pd
import pytest
from tiny import tiny

import gossipmab as gm
from gossipmab.engines.gpu.batch import batch_of
from gossipmab.experiments.spec.loading import load_spec
from gossipmab.utils.types import Floats
from tests.gpu.gpu_rounds import trial_of

pytestmark = pytest.mark.skipif(find_spec("numba_cuda") is None, reason="numba-cuda is not installed (extra gpu)")
ROOT = Path(gm.__file__).parents[1]
ARITHMETIC = re.compile(r"^\s+((?:add|sub|mul|fma|mad|div|rcp|sqrt|rsqrt|ex2|lg2|sin|cos)\.\S*f(?:32|64))\s", re.MULTILINE)
# Rounded as IEEE 754 has it, each by itself.
EXACT = {"add.rn.f64", "sub.rn.f64", "mul.rn.f64", "div.rn.f64", "rcp.rn.f64", "sqrt.rn.f64"}
LARGEST_ARGUMENTS = 32_764  # bytes, of a kernel on Volta and later


@pytest.mark.parametrize(
    "algorithm",
    [gm.ParetoUCBGossip(), gm.ParetoUCB(), gm.ParetoGossip(), pytest.param(gm.SimulatedNSWUCBGossip(), marks=pytest.mark.slow)],
)
def test_kernels_round_as_a_processor_does(algorithm: Any) -> None:
    from gossipmab.engines.gpu.compiling import ptx_of
    from gossipmab.engines.gpu.kernels import kernels

    environment, network = gm.Environment.sample(4, 3, 2, seed=0), gm.Network("ring", agents=4, link_probability=0.5)
    trial = trial_of(algorithm, (environment, network), horizon=30, seed=0)
    batch, found = batch_of([trial]), kernels(trial.kind)
    near, far = (ptx_of(kernels(trial.kind, near).trials, batch, 0, 10, True) for near in (True, False))
    assert "st.shared" in near and ".shared" not in far
    for code in (near, far, ptx_of(found.agents, batch, 0, 1), ptx_of(found.links, batch, 0, 1)):
        assert set(ARITHMETIC.findall(code)) <= EXACT
        assert "__nv_" not in code  # nothing of libdevice
        arguments = re.findall(r"\.param \.[busf](\d+)", code)
        assert 1_000 < sum(int(bits) // 8 for bits in arguments) < LARGEST_ARGUMENTS


def test_numba_cuda_contracts_unless_it_is_kept_from_it() -> None:
    """Why kernels are compiled by `exact_arithmetic`: should this fail, numba-cuda has changed, and the patch may go."""
    from numba import cuda

    from gossipmab.engines.gpu.compiling import exact_arithmetic, without_a_device

    def kernel(x: Floats) -> None:
        x[0] = x[1] * x[2] + x[3]

    with without_a_device((9, 0)):
        usual, _ = cuda.compile(kernel, "void(float64[::1])", device=False, abi="numba", cc=(9, 0))
        with exact_arithmetic():
            exact, _ = cuda.compile(kernel, "void(float64[::1])", device=False, abi="numba", cc=(9, 0))
    assert "fma.rn.f64" in usual and "fma" not in exact


SIMULATED = """
import json
import gossipmab as gm
from gossipmab.engines.common import TrialSettings
from gossipmab.engines.gpu import kernels
from gossipmab.engines.gpu.batch import begun
from gossipmab.engines.gpu.playing import play
from tests.gpu.gpu_rounds import NETWORKS, differing

wrong, near, usual = [], [], kernels.compiled_kernels
kernels.compiled_kernels = lambda kind, shared: near.append(shared) or usual(kind, shared)
for algorithm, network, block_agents, rewards, room in (
    (gm.ParetoUCBGossip(pooled=True), 0, 512, "bernoulli", None), (gm.ParetoUCBGossip(), 2, 2, "gaussian", None),
    (gm.ParetoUCBGossip(), 1, 512, "discrete", 0), (gm.ParetoUCBGossip(), 1, 2, "deterministic", None),
    (gm.ParetoUCB(), 3, 512, "beta", None), (gm.ParetoGossip(burn_in=0.1), 0, 512, "bernoulli", None),
    (gm.SimulatedNSWUCBGossip(solver="local"), 0, 512, "bernoulli", None), (gm.SimulatedNSWUCBGossip(), 3, 2, "bernoulli", None),
    (gm.CentralizedNSW(solver="local"), 1, 2, "bernoulli", None),
):
    world = algorithm, gm.Environment.sample(4, 3, 2, rewards=rewards, seed=0), gm.Network(agents=4, **NETWORKS[network])
    (played,) = play([begun(*world, TrialSettings(30, 3))], lambda agent_steps: None, block_agents, room)
    wrong += differing(played.trace, gm.simulate(*world, horizon=30, seed=3))
print(json.dumps([wrong, near]))
"""


def simulator() -> dict[str, str]:
    """The environment of a process in which numba's simulator plays kernels, and all else is interpreted."""
    paths = os.pathsep.join([str(ROOT), str(ROOT / "tests")])
    ignored = "ignore::RuntimeWarning"  # unsigned numbers wrap
    return os.environ | {"NUMBA_ENABLE_CUDASIM": "1", "NUMBA_DISABLE_JIT": "1", "PYTHONPATH": paths, "PYTHONWARNINGS": ignored}


def test_the_simulator_gives_the_bits_of_simulate() -> None:
    done = subprocess.run([sys.executable, "-c", SIMULATED], env=simulator(), capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    wrong, near = json.loads(done.stdout)
    assert wrong == []
    assert near == [True, False, False, False, True, True, True, False, False]  # whose states lay in shared memory


INTERRUPTED = """
import json
import gossipmab as gm

class Stop(gm.Callback):
    def on_cell(self, *args):
        raise KeyboardInterrupt

data = json.load(open("tiny.json"))
try:
    gm.run(data, "gpu", "gpu", callbacks=[Stop()])
except KeyboardInterrupt:
    gm.run(data, "gpu", "gpu")
"""


def test_a_run_that_was_interrupted_goes_on_to_the_tables_of_threads(tmp_path: Path) -> None:
    data = tiny(20, 2)
    (tmp_path / "tiny.json").write_text(json.dumps(data))
    done = subprocess.run(
        [sys.executable, "-c", INTERRUPTED], env=simulator(), cwd=tmp_path, capture_output=True, text=True, timeout=280
    )
    assert done.returncode == 0, done.stderr
    manifest = json.loads((tmp_path / "gpu" / "manifest.json").read_text())
    last = manifest["sessions"][-1]
    assert (last["engine"], last["device"], last["computed"]) == ("gpu", "simulator", 3)  # of four cells
    gm.run(data, tmp_path / "threads", workers=1)
    for name in ("results.parquet", "agents.parquet"):
        one, other = (pd.read_parquet(tmp_path / engine / name) for engine in ("gpu", "threads"))
        pd.testing.assert_frame_equal(one, other, check_exact=True)


BY_RAY = """
import json
import gossipmab as gm
from gossipmab.analysis.verify import same_bits
from gossipmab.engines.pools.ray_tasks import run_cells
from gossipmab.experiments.cell_runner import CellRunner
from gossipmab.experiments.spec.loading import load_spec

spec = load_spec(json.load(open("tiny.json")))
player = CellRunner(spec)
player.on_gpu = True
steps = []
played = dict(run_cells(spec.cells(), player, workers=1, resources={"GPU": 1}, num_gpus=1, steps=steps.append))
wrong = [cell.id for cell, one in played.items() if same_bits(one.trace, CellRunner(spec)(cell).trace)]
print(json.dumps([len(played), wrong, sum(steps)]))
"""


def test_tasks_of_ray_that_take_a_gpu_play_on_it(tmp_path: Path) -> None:
    data = tiny(20, 2)
    (tmp_path / "tiny.json").write_text(json.dumps(data))
    command = [sys.executable, "-c", BY_RAY]
    done = subprocess.run(command, env=simulator(), cwd=tmp_path, capture_output=True, text=True, timeout=280)
    assert done.returncode == 0, done.stderr
    spec = load_spec(data)
    steps = sum(cell.point.agents * 20 for cell in spec.cells())
    assert json.loads(done.stdout.splitlines()[-1]) == [len(spec.cells()), [], steps]
