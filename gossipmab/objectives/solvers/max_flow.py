"""How much of a distribution over the arms the agents can claim: a flow from arms to the agents that favour them.

symbol    meaning
F_j       agent j's favourite arms: those of its largest utility, exact ties included
y[j,k]    what agent j claims of arm k in F_j;  sum_j y[j,k] <= p[k],  sum_k y[j,k] <= 1/N
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from gossipmab.objectives.solvers.workspace import Desk
from gossipmab.utils.jit import compiled

Floats = NDArray[np.float64]
FAVOURED, SEEN, FROM, QUEUE = 0, 1, 2, 3  # rows of `desk.nodes`; agents are nodes 0..N-1, arms N..N+K-1
DUST = 1e-15


@compiled
def is_favourite(utilities: Floats, j: int, k: int) -> bool:
    """Whether no arm gives agent j more than arm k."""
    most = utilities[j, 0]
    for other in range(utilities.shape[1]):
        most = max(most, utilities[j, other])
    return bool(utilities[j, k] >= most)


@compiled
def favourites(utilities: Floats, desk: Desk) -> None:
    """clipped[j, k] = 1 where k is in F_j, else 0; nodes[FAVOURED, j] = |F_j|. Clears the flow."""
    N, K = utilities.shape
    for j in range(N):
        desk.nodes[FAVOURED, j] = 0
        desk.spare[j] = 1.0 / N
        for k in range(K):
            own = is_favourite(utilities, j, k)
            desk.clipped[j, k] = 1.0 if own else 0.0
            desk.nodes[FAVOURED, j] += 1 if own else 0
            desk.flow[j, k] = 0.0


@compiled
def search(arm: int, desk: Desk) -> int:
    """An agent with room to whom more of the arm can flow, the flows on the way being exchanged; -1 where there is none.

    Breadth first; nodes[FROM] tells the way back.
    """
    N, K = desk.clipped.shape
    nodes = desk.nodes
    for v in range(N + K):
        nodes[SEEN, v] = 0
    nodes[SEEN, N + arm] = 1
    nodes[QUEUE, 0] = N + arm
    head, tail = 0, 1
    while head < tail:
        v = nodes[QUEUE, head]
        head += 1
        for w in range(N) if v >= N else range(N, N + K):
            if nodes[SEEN, w] == 1:
                continue
            if v >= N and desk.clipped[w, v - N] == 0.0:
                continue
            if v < N and desk.flow[v, w - N] <= DUST:
                continue
            nodes[SEEN, w] = 1
            nodes[FROM, w] = v
            if w < N and desk.spare[w] > DUST:
                return int(w)
            nodes[QUEUE, tail] = w
            tail += 1
    return -1


@compiled
def send(arm: int, limit: float, desk: Desk) -> float:
    """Let as much of the arm flow as can, up to `limit`; what flowed."""
    N = desk.clipped.shape[0]
    nodes = desk.nodes
    sent = 0.0
    while limit - sent > DUST:
        agent = search(arm, desk)
        if agent < 0:
            break
        amount = min(limit - sent, desk.spare[agent])
        w = agent
        while w != N + arm:
            v = nodes[FROM, w]
            if v < N:
                amount = min(amount, desk.flow[v, w - N])
            w = v
        w = agent
        while w != N + arm:
            v = nodes[FROM, w]
            if v < N:
                desk.flow[v, w - N] -= amount
            else:
                desk.flow[w, v - N] += amount
            w = v
        desk.spare[agent] -= amount
        sent += amount
    return sent
