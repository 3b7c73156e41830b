"""The example in plain PyTorch: it runs as its page says, its multiplier follows the outcomes, and it learns."""

import importlib.util
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from gossipmab import marl

torch: Any = pytest.importorskip("torch", reason="torch is not installed")
EXAMPLE = Path(__file__).parents[2] / "examples" / "marl_torch.py"


@pytest.fixture(scope="module")
def example() -> Iterator[Any]:
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    spec = importlib.util.spec_from_file_location("marl_torch", EXAMPLE)
    assert spec is not None and spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    yield module
    torch.set_num_threads(threads)


def trained(example: Any, price: Any, batches: int = 6, steps: int = 20) -> np.ndarray:
    torch.manual_seed(0)
    environments = example.Environments(marl.JobScheduling(steps=steps), 4, 0)
    return np.array(list(example.train(environments, price, batches, hidden=8)))


def test_the_multiplier_follows_the_outcomes(example: Any) -> None:
    found = trained(example, marl.EquityPrice(tau=0.1, budget=0.01, step=5.0, cap=0.3), batches=8)
    multiplier = 0.0
    for _, uneven, paid in found:
        assert paid == pytest.approx(multiplier, abs=1e-6)
        multiplier = min(max(multiplier + 5.0 * (uneven - 0.01), 0.0), 0.3)
    assert found[-1, 2] > 0


def test_a_slack_budget_changes_no_bit_and_a_price_does(example: Any) -> None:
    free = trained(example, marl.EquityPrice(cap=0))
    assert np.array_equal(trained(example, marl.EquityPrice(budget=1)), free)
    priced = trained(example, marl.EquityPrice(tau=0, budget=0, step=50.0))
    assert np.array_equal(priced[:2, 0], free[:2, 0]) and not np.array_equal(priced[:, 0], free[:, 0])


def test_networks_of_agents_are_separate(example: Any) -> None:
    """The gradient of one agent's outputs is 0 in the parameters of the others."""
    parameters = example.network(3, (5, 4, 4, 2), 1.0)
    example.forward(parameters, torch.randn(3, 6, 5))[1].sum().backward()
    for one in parameters:
        assert one.grad[1].abs().sum() > 0 and not one.grad[[0, 2]].any()


def test_the_script_prints_a_line_a_batch() -> None:
    command = [sys.executable, str(EXAMPLE), "--batches", "2", "--cap", "7"]
    done = subprocess.run(command, capture_output=True, text=True, check=True, timeout=200)
    lines = [line.split() for line in done.stdout.splitlines()]
    assert lines[0] == ["batch", "utilisation", "H", "/", "N", "lambda"] and [line[0] for line in lines[1:]] == ["1", "2"]


@pytest.mark.slow
def test_it_learns(example: Any) -> None:
    torch.manual_seed(0)
    environments = example.Environments(marl.JobScheduling(steps=200), 16, 0)
    found = np.array(list(example.train(environments, marl.EquityPrice(cap=0), 30)))
    assert found[0, 0] < 0.3 and found[-5:, 0].mean() > 0.8
