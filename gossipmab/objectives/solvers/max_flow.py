"""How much of a distribution over the arms the agents can claim: a flow from arms to the agents that favour them.

symbol    meaning
F_j       agent j's favourite arms: those of its largest utility, exact ties included
y[j,k]    what agent j claims of arm k in F_j;  sum_j y[j,k] <= p[k],  sum_k y[j,k] <= 1/N
"""

from __future__ import annotations

from gossipmab.objectives.solvers.workspace import SolverWorkspace
from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats

FAVOURED, SEEN, FROM, QUEUE = 0, 1, 2, 3  # rows of `workspace.nodes`; agents are nodes 0..N-1, arms N..N+K-1
DUST = 1e-15


@jit
def favourites(utilities: Floats, workspace: SolverWorkspace) -> None:
    """clipped[j, k] = 1 if k is in F_j, else 0; nodes[FAVOURED, j] = |F_j|. Clears the flow."""
    N, K = utilities.shape
    for j in range(N):
        workspace.nodes[FAVOURED, j] = 0
        workspace.spare[j] = 1.0 / N
        most = utilities[j, 0]
        for k in range(K):
            most = max(most, utilities[j, k])
        for k in range(K):
            workspace.clipped[j, k] = 1.0 if utilities[j, k] >= most else 0.0
            workspace.nodes[FAVOURED, j] += 1 if utilities[j, k] >= most else 0
            workspace.flow[j, k] = 0.0


@jit
def search(arm: int, workspace: SolverWorkspace) -> int:
    """An agent with room to whom more of the arm can flow, the flows on the way being exchanged; -1 if there is none.

    Breadth first; nodes[FROM] holds the way back.
    """
    N, K = workspace.clipped.shape
    nodes = workspace.nodes
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
            if v >= N and workspace.clipped[w, v - N] == 0.0:
                continue
            if v < N and workspace.flow[v, w - N] <= DUST:
                continue
            nodes[SEEN, w] = 1
            nodes[FROM, w] = v
            if w < N and workspace.spare[w] > DUST:
                return int(w)
            nodes[QUEUE, tail] = w
            tail += 1
    return -1


@jit
def send(arm: int, limit: float, workspace: SolverWorkspace) -> float:
    """Let as much of the arm flow as can, up to `limit`; what flowed."""
    N = workspace.clipped.shape[0]
    nodes = workspace.nodes
    sent = 0.0
    while limit - sent > DUST:
        agent = search(arm, workspace)
        if agent < 0:
            break
        amount = min(limit - sent, workspace.spare[agent])
        w = agent
        while w != N + arm:
            v = nodes[FROM, w]
            if v < N:
                amount = min(amount, workspace.flow[v, w - N])
            w = v
        w = agent
        while w != N + arm:
            v = nodes[FROM, w]
            if v < N:
                workspace.flow[v, w - N] -= amount
            else:
                workspace.flow[w, v - N] += amount
            w = v
        workspace.spare[agent] -= amount
        sent += amount
    return sent
