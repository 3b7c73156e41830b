"""The games in plain Python, as the specification tells them: twins of the kernels."""

from typing import Any

import numpy as np

STEPS = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


def order_of(game: Any, uniforms: np.ndarray) -> list[int]:
    agents = list(range(game.agents))
    last = uniforms[len(uniforms) - game.agents :]
    return sorted(agents, key=lambda i: last[i]) if game.order == "random" else agents


class PlainJobScheduling:
    def __init__(self, game: Any, uniforms: np.ndarray) -> None:
        self.game, side = game, game.side
        self.server = (2 + int(uniforms[0] * (side - 2)), 2 + int(uniforms[1] * (side - 2)))
        every = [(x, y) for x in range(1, side + 1) for y in range(1, side + 1)]
        self.cells = [cell for _, cell in sorted(zip(uniforms[2:], every, strict=True))][: game.agents]

    def step(self, actions: np.ndarray, uniforms: np.ndarray) -> list[float]:
        taken = set(self.cells)
        for i in order_of(self.game, uniforms):
            dx, dy = STEPS[actions[i]]
            wanted = (self.cells[i][0] + dx, self.cells[i][1] + dy)
            if wanted not in taken and all(1 <= c <= self.game.side for c in wanted):
                taken.add(wanted)
                self.cells[i] = wanted
        return [float(cell == self.server) for cell in self.cells]

    def observe(self) -> list[list[float]]:
        around = [(dx, dy) for dx in (-1, 0, 1) for dy in (-1, 0, 1)]
        return [
            [x, y, self.server[0] - x, self.server[1] - y] + [float((x + dx, y + dy) in self.cells) for dx, dy in around]
            for x, y in self.cells
        ]


class PlainMatthewEffect:
    def __init__(self, game: Any, uniforms: np.ndarray) -> None:
        self.game, K = game, game.resources
        pairs = uniforms[: 2 * (K + game.agents)].reshape(-1, 2).tolist()
        self.resources, self.places = pairs[:K], pairs[K:]
        self.sizes = [(1.0 + 4.0 * u) * 0.01 for u in uniforms[2 * (K + game.agents) :].tolist()]

    def step(self, actions: np.ndarray, uniforms: np.ndarray) -> list[float]:
        K, game = self.game.resources, self.game
        for place, size, action in zip(self.places, self.sizes, actions, strict=True):
            move(place, 0.01 + size, STEPS[action])
        if game.ghost_speed:
            for place, u in zip(self.resources, uniforms[2 * K :].tolist(), strict=False):
                move(place, game.ghost_speed, STEPS[1 + int(4 * u)])
        rewards = [0.0] * game.agents
        for k in range(K):
            for i in order_of(game, uniforms):
                if squared(self.places[i], self.resources[k]) < self.sizes[i] * self.sizes[i]:
                    rewards[i] = 1.0
                    self.sizes[i] = min(self.sizes[i] + 0.005, 0.15)
                    self.resources[k] = uniforms[2 * k : 2 * k + 2].tolist()
                    break
        return rewards

    def observe(self) -> list[list[float]]:
        rows = []
        for i, place in enumerate(self.places):
            others = sorted((squared(place, self.places[j]), j) for j in range(self.game.agents) if j != i)
            seen = [i] + [j for _, j in others[: self.game.nearest_agents]]
            _, k = min((squared(place, goal), k) for k, goal in enumerate(self.resources))
            row = [number for j in seen for number in (*self.places[j], self.sizes[j], 0.01 + self.sizes[j])]
            rows.append(row + self.resources[k])
        return rows


def move(place: list[float], length: float, direction: tuple[int, int]) -> None:
    for axis in range(2):
        place[axis] = min(max(place[axis] + length * direction[axis], 0.0), 1.0)


def squared(a: list[float], b: list[float]) -> float:
    dx, dy = a[0] - b[0], a[1] - b[1]
    return dx * dx + dy * dy
