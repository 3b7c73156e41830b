"""Learners of games: environment steps a CPU second of independent PPO beside PyTorch and RLlib, and what each learner costs.

    python benchmarks/bench_marl.py [--steps 160000] [--quick]

Job Scheduling, 4 agents with a policy and a value of two layers of 64 each, 16 episodes of 1,000 steps a batch, 4 passes in 8
minibatches. PyTorch is the loop of examples/marl_torch.py, on environments that a compiled loop plays; RLlib's PPO (new API
stack, local runner) takes part where it is installed. Each runs in a process of its own, one after the other, one thread each.
Seconds are the process's CPU time. Compiling, and a first batch, are left out of rates. Utilisation, the mean of the last batch of
16 episodes, says whether they learn alike.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections.abc import Callable
from importlib.util import find_spec, module_from_spec, spec_from_file_location
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from measure import machine, table

import gossipmab as gm
from gossipmab.utils.jit import jit

EXAMPLE = Path(__file__).parents[1] / "examples" / "marl_torch.py"
BATCH = 16_000
LEARNERS = ("random", "ippo", "coma", "wqmix", "fen", "soto")


class Measured(NamedTuple):
    """CPU seconds before what counts, and of training; utilisation in the end."""

    before: float
    training: float
    utilisation: float


def cpu(work: Callable[[], Any]) -> tuple[float, Any]:
    """CPU seconds of this process for a call, and what it returns."""
    start = time.process_time()
    found = work()
    return time.process_time() - start, found


def learner(name: str, steps: int) -> Measured:
    """One of ours; before: compiling."""
    from gossipmab.marl.learners import LEARNERS as KINDS

    def train(horizon: int) -> Any:
        return gm.marl.train(KINDS[name](), gm.marl.JobScheduling(), horizon=horizon, seed=0, recorded_rounds=1)

    first, again = (cpu(lambda: train(BATCH))[0] for _ in range(2))
    training, trace = cpu(lambda: train(steps))
    return Measured(first - again, training, float(trace.utilisation[-1]))


def by_torch(steps: int) -> Measured:
    """The example's networks; before: a batch."""
    import torch

    from gossipmab.marl.games.job_scheduling import look, move

    @jit
    def play(cells: Any, servers: Any, marked: Any, order: Any, actions: Any, rewards: Any, seen: Any) -> None:
        for b in range(len(cells)):
            move(cells[b], servers[b], marked[b], order, actions[b], rewards[b])
            look(cells[b], servers[b], marked[b], seen[b])

    spec = spec_from_file_location("marl_torch", EXAMPLE)
    assert spec is not None and spec.loader is not None
    example = module_from_spec(spec)
    spec.loader.exec_module(example)

    class Compiled(example.Environments):  # type: ignore[name-defined,misc]
        """The example's environments, stepped by one compiled call."""

        def observe(self) -> Any:
            self.arrays = [np.stack(column) for column in zip(*self.states, strict=True)]
            self.rewards, self.seen = np.empty((self.count, self.game.agents)), np.empty((self.count, self.game.agents, 13))
            return super().observe()

        def step(self, actions: Any) -> Any:
            play(*self.arrays, np.arange(self.game.agents), actions.numpy(), self.rewards, self.seen)
            seen = torch.tensor((self.seen - self.centre) / self.half, dtype=torch.float32)
            return seen, torch.tensor(self.rewards, dtype=torch.float32)

    torch.set_num_threads(1)
    torch.manual_seed(0)

    def train(batches: int) -> Any:
        return list(example.train(Compiled(gm.marl.JobScheduling(), 16, 0), gm.marl.EquityPrice(cap=0), batches))

    first, _ = cpu(lambda: train(1))
    training, rows = cpu(lambda: train(steps // BATCH))
    return Measured(first, training, rows[-1][0])


def by_rllib(steps: int) -> Measured:
    """RLlib's networks; before: a batch. Ray's own processes do not count."""
    from gossipmab.engines.pools.ray_session import session

    with session(cpus=1):
        import torch
        from ray.rllib.algorithms.ppo import PPOConfig
        from ray.rllib.env.wrappers.pettingzoo_env import ParallelPettingZooEnv
        from ray.tune.registry import register_env

        torch.set_num_threads(1)
        register_env(
            "job", lambda _: ParallelPettingZooEnv(gm.marl.parallel_env(gm.marl.JobScheduling(), seed=0, render_mode=None))
        )
        config = PPOConfig().environment("job").env_runners(num_env_runners=0, batch_mode="complete_episodes")
        config.multi_agent(policies={f"agent_{i}" for i in range(4)}, policy_mapping_fn=lambda agent, *_, **__: agent)
        config.training(
            gamma=0.98, lambda_=0.95, lr=1e-3, clip_param=0.2, entropy_coeff=0.003, use_kl_loss=False, vf_loss_coeff=0.5,
            num_epochs=4, train_batch_size_per_learner=BATCH, minibatch_size=BATCH // 8, grad_clip=0.5,
        )  # fmt: skip
        config.rl_module(model_config={"fcnet_hiddens": [64, 64], "fcnet_activation": "tanh", "vf_share_layers": False})
        config.reporting(metrics_num_episodes_for_smoothing=16)
        algo = config.debugging(seed=0).build_algo()
        first, _ = cpu(algo.train)
        training, results = cpu(lambda: [algo.train() for _ in range(steps // BATCH)])
        algo.stop()
    return Measured(first, training, results[-1]["env_runners"]["episode_return_mean"] / 1_000)


def alone(name: str, steps: int) -> Measured:
    """What the process for `name` measured."""
    done = subprocess.run([sys.executable, "-W", "ignore", __file__, "--only", name, "--steps", str(steps)], stdout=-1, stderr=-1)
    if done.returncode:
        raise SystemExit(f"{name}: {done.stderr.decode()[-2_000:]}")
    return Measured(*json.loads(done.stdout.splitlines()[-1]))


def main() -> None:
    """Print both tables."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=160_000, help="of the environment, a multiple of 16,000")
    parser.add_argument("--quick", action="store_true", help="one batch: does it run at all")
    parser.add_argument("--only", help=argparse.SUPPRESS)  # a process of ours
    given = parser.parse_args()
    steps = BATCH if given.quick else given.steps
    if given.only:
        work = {"torch": by_torch, "rllib": by_rllib}.get(given.only, lambda steps: learner(given.only, steps))
        print(json.dumps(work(steps)))
        return
    print(machine())
    found = {name: alone(name, steps) for name in LEARNERS}
    sides = [("gossipmab (JAX)", steps, found["ippo"])]
    if find_spec("torch"):
        sides.append(("PyTorch, stacked", steps, alone("torch", steps)))
    if find_spec("torch") and find_spec("tree"):  # which RLlib needs
        few = min(steps, 3 * BATCH)
        sides.append(("RLlib's PPO", few, alone("rllib", few)))
    rows = [[by, f"{count:,}", f"{count / one.training:,.0f}", f"{one.utilisation:.2f}"] for by, count, one in sides]
    table("independent PPO on Job Scheduling", ("by", "steps", "steps a CPU second", "utilisation"), rows)
    costs = [
        [name, f"{one.before:.1f}", f"{one.training:.1f}", f"{steps / one.training:,.0f}", f"{one.utilisation:.2f}"]
        for name, one in found.items()
    ]
    table(
        f"training for {steps:,} steps, CPU seconds", ("learner", "compiling", "training", "steps a second", "utilisation"), costs
    )


if __name__ == "__main__":
    main()
