"""Independent PPO in plain PyTorch under the Equity-Lagrangian Dual: your own learner, and `EquityPrice` in two lines of it.

    python examples/marl_torch.py [--batches 40] [--cap 15] [--seed 0]

Each of the N agents has a policy and a value of its own, two layers of 64; their weights are stacked along a first axis of
agents. A cap of 0 is no price. Letters: T steps, B environments, N agents, F numbers of an observation, M = T B samples.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from typing import Any

import numpy as np
import torch
from torch import Tensor

import gossipmab as gm

GAMMA, DECAY, CLIP, ENTROPY, MAX_NORM, EPOCHS, MINIBATCHES = 0.98, 0.95, 0.2, 0.003, 0.5, 4, 8


class Environments:
    """B environments of a game, side by side; observations are scaled to [-1, 1]."""

    def __init__(self, game: Any, count: int, seed: int) -> None:
        self.game, self.count, self.numbers = game, count, np.random.default_rng(seed)
        low, high = game.bounds
        self.centre, self.half = (low + high) / 2, np.where(high > low, (high - low) / 2, 1.0)

    def reset(self) -> Tensor:
        """(B, N, F) the first observations of new episodes."""
        self.states = [self.game.reset(self.numbers.random(self.game.reset_numbers)) for _ in range(self.count)]
        return self.observe()

    def step(self, actions: Tensor) -> tuple[Tensor, Tensor]:
        """Play actions (B, N): observations (B, N, F) and rewards (B, N)."""
        numbers = self.numbers.random((self.count, self.game.step_numbers))
        played = [self.game.step(*one) for one in zip(self.states, actions.numpy(), numbers, strict=True)]
        self.states = [state for state, _ in played]
        return self.observe(), torch.tensor(np.stack([rewards for _, rewards in played]), dtype=torch.float32)

    def observe(self) -> Tensor:
        """(B, N, F) observations."""
        seen = np.stack([self.game.observe(state) for state in self.states])
        return torch.tensor((seen - self.centre) / self.half, dtype=torch.float32)


def network(agents: int, sizes: tuple[int, ...], last_gain: float) -> list[Tensor]:
    """Weights (N, in, out) and biases (N, 1, out) of every layer in turn, orthogonal."""
    parameters = []
    for i, (fan_in, fan_out) in enumerate(zip(sizes[:-1], sizes[1:], strict=True)):
        weights = torch.empty(agents, fan_in, fan_out)
        for one in weights:
            torch.nn.init.orthogonal_(one, last_gain if i == len(sizes) - 2 else 2**0.5)
        parameters += [weights.requires_grad_(), torch.zeros(agents, 1, fan_out, requires_grad=True)]
    return parameters


def forward(parameters: list[Tensor], x: Tensor) -> Tensor:
    """(N, M, H) the outputs for inputs x (N, M, F)."""
    for i in range(0, len(parameters), 2):
        x = torch.baddbmm(parameters[i + 1], x.tanh() if i else x, parameters[i])
    return x


@torch.no_grad()
def play(environments: Any, actor: list[Tensor], steps: int) -> tuple[Tensor, Tensor, Tensor, Tensor]:
    """Whole episodes: observations (T + 1, B, N, F); actions, the logarithms of their probabilities, rewards (T, B, N)."""
    seen, rows = [environments.reset()], []
    for _ in range(steps):
        log_pi = forward(actor, seen[-1].transpose(0, 1)).transpose(0, 1).log_softmax(-1)
        actions = (torch.rand(*log_pi.shape[:2], 1) >= log_pi.exp().cumsum(-1)[..., :-1]).sum(-1)
        after, rewards = environments.step(actions)
        seen.append(after)
        rows.append((actions, log_pi.gather(-1, actions[..., None])[..., 0], rewards))
    return torch.stack(seen), *(torch.stack(column) for column in zip(*rows, strict=True))


def by_agent(x: Tensor) -> Tensor:
    """(N, M, ...) of an array (T, B, N, ...)."""
    return x.movedim(2, 0).flatten(1, 2)


@torch.no_grad()
def advantages_and_targets(critic: list[Tensor], seen: Tensor, rewards: Tensor) -> tuple[Tensor, Tensor]:
    """(T, B, N) each: generalised advantages, and the returns that the critic learns; episodes end by truncation."""
    values = forward(critic, by_agent(seen)).view(seen.shape[2], *seen.shape[:2]).movedim(0, 2)
    advantages = rewards + GAMMA * values[1:] - values[:-1]
    for t in range(len(rewards) - 2, -1, -1):
        advantages[t] += GAMMA * DECAY * advantages[t + 1]
    return advantages, advantages + values[:-1]


def improve(actor: list[Tensor], critic: list[Tensor], optimiser: Any, *data: Tensor) -> None:
    """PPO on inputs (N, M, F), actions, logarithms of probabilities, standardised advantages and targets (N, M)."""
    samples = data[0].shape[1]
    for _ in range(EPOCHS):
        for chosen in torch.randperm(samples).split(samples // MINIBATCHES):
            x, actions, log_old, advantages, targets = (one[:, chosen] for one in data)
            log_pi = forward(actor, x).log_softmax(-1)
            rho = (log_pi.gather(-1, actions[..., None])[..., 0] - log_old).exp()
            gain = torch.minimum(rho * advantages, rho.clamp(1 - CLIP, 1 + CLIP) * advantages)
            spread = -(log_pi.exp() * log_pi).sum(-1)
            error = (forward(critic, x)[..., 0] - targets).square() / 2
            optimiser.zero_grad()
            (error - gain - ENTROPY * spread).mean(1).sum().backward()  # the sum over agents couples none of them
            for parameters in (actor, critic):  # nor does the clipping, agent by agent
                length = sum(one.grad.flatten(1).square().sum(1) for one in parameters).sqrt()
                for one in parameters:
                    one.grad *= (MAX_NORM / (length + 1e-8)).clamp(max=1).view(-1, 1, 1)
            optimiser.step()


def train(environments: Any, price: Any, batches: int, hidden: int = 64) -> Iterator[tuple[float, float, float]]:
    """After each batch of episodes: utilisation and H / N of its outcomes, means of the episodes; the multiplier that paid them."""
    game = environments.game
    N, F, A = game.agents, game.observation_size, game.action_count
    actor, critic = network(N, (F, hidden, hidden, A), 0.01), network(N, (F, hidden, hidden, 1), 1.0)
    optimiser = torch.optim.Adam([*actor, *critic], lr=1e-3)
    for _ in range(batches):
        seen, actions, log_old, rewards = play(environments, actor, game.steps)
        advantages, targets = advantages_and_targets(critic, seen, rewards)
        x, multiplier = rewards.mean(0), price.multiplier  # x (B, N): mean rewards a step
        advantages = by_agent(advantages - price.cost_advantages(x, game.steps))  # the price, before they are standardised
        advantages = (advantages - advantages.mean(1, keepdim=True)) / (advantages.std(1, keepdim=True) + 1e-8)
        improve(actor, critic, optimiser, by_agent(seen[:-1]), by_agent(actions), by_agent(log_old), advantages, by_agent(targets))
        price.observe(x)  # the dual step
        yield float(x.sum(1).mean()), float(price.signals(x).uneven.mean()), multiplier


def main() -> None:
    """Train on Job Scheduling, and print a line a batch."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--batches", type=int, default=40, help="of 16 episodes of 200 steps")
    parser.add_argument("--cap", type=float, default=15.0, help="the most that the multiplier may be; 0: no price")
    parser.add_argument("--seed", type=int, default=0)
    given = parser.parse_args()
    torch.manual_seed(given.seed)
    torch.set_num_threads(1)  # the networks are too small for more
    environments = Environments(gm.marl.JobScheduling(steps=200), 16, given.seed)
    price = gm.marl.EquityPrice(tau=0.5, budget=0.005, cap=given.cap, gamma=GAMMA)
    print("batch  utilisation  H / N   lambda")
    for batch, (utilisation, uneven, multiplier) in enumerate(train(environments, price, given.batches), 1):
        print(f"{batch:5}  {utilisation:11.3f}  {uneven:.4f}  {multiplier:6.3f}")


if __name__ == "__main__":
    main()
