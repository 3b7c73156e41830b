"""The simplex method for the small linear programs of the objectives, with a second objective among the best points.

    maximise c.x, and among the maximisers d.x,   subject to A x <= b, x >= 0,   b >= 0

A condensed tableau: row i says of the basic variable i that it is T[i, n] - sum_j T[i, j] x_j over the n variables outside
the basis; rows m and m + 1 hold what one more of x_j adds to c.x and d.x. Variables 0..n-1 are x, n..n+m-1 the slacks.
The column of the largest gain enters; after many pivots the first (Bland), which cannot cycle. Nothing here is trusted: the
objectives prove their value from the prices, against the data.
"""

from __future__ import annotations

from gossipmab.utils.jit import jit
from gossipmab.utils.types import Floats, Integers

SMALL = 1e-11  # of a gain or a pivot, beside entries of the order of 1


@jit
def begin(basis: Integers, outside: Integers, m: int, n: int) -> None:
    """All x outside the basis, all slacks in it."""
    for j in range(n):
        outside[j] = j
    for i in range(m):
        basis[i] = n + i


@jit
def entering(T: Floats, outside: Integers, m: int, n: int, second: bool, bland: bool, least: float) -> int:
    """The column to enter, -1 if none gains. In the second pass only columns that cost nothing in the first objective."""
    row = m + 1 if second else m
    best = least
    column = -1
    for j in range(n):
        if second and abs(T[m, j]) > least:
            continue
        if T[row, j] > best and (not bland or column < 0 or outside[j] < outside[column]):
            column = j
            if not bland:
                best = T[row, j]
    return column


@jit
def leaving(T: Floats, basis: Integers, m: int, n: int, column: int) -> int:
    """The row that stops the entering variable first, the least variable on ties; -1 if none does."""
    row = -1
    for i in range(m):
        if T[i, column] <= SMALL:
            continue
        if row < 0:
            row = i
            continue
        # T[i, n] / T[i, column] < T[row, n] / T[row, column], without the division
        here, there = T[i, n] * T[row, column], T[row, n] * T[i, column]
        if here < there or (here == there and basis[i] < basis[row]):
            row = i
    return row


@jit
def pivot(T: Floats, m: int, n: int, row: int, column: int) -> None:
    """Exchange the basic variable of `row` with the one outside of `column`."""
    inverse = 1.0 / T[row, column]
    for j in range(n + 1):
        T[row, j] *= inverse
    T[row, column] = inverse
    for i in range(m + 2):
        factor = T[i, column]
        if i == row or factor == 0.0:
            continue
        for j in range(n + 1):
            T[i, j] -= factor * T[row, j]
        T[i, column] = -factor * inverse
        if i < m and T[i, n] < 0.0:
            T[i, n] = 0.0  # rounding: a basic variable is not negative


@jit
def solve(T: Floats, basis: Integers, outside: Integers, m: int, n: int, least: float) -> None:
    """Maximise from the tableau as it stands; `least` is the smallest gain that counts."""
    for second in range(2):
        for step in range(60 * (m + n)):
            column = entering(T, outside, m, n, second == 1, step > 10 * (m + n), least)
            if column < 0:
                break
            row = leaving(T, basis, m, n, column)
            if row < 0:
                break
            pivot(T, m, n, row, column)
            variable = basis[row]
            basis[row] = outside[column]
            outside[column] = variable


@jit
def read(T: Floats, basis: Integers, m: int, n: int, first: int, x: Floats) -> None:
    """Write the values of the variables first, first + 1, ... into x."""
    for k in range(x.shape[0]):
        x[k] = 0.0
    for i in range(m):
        k = basis[i] - first
        if 0 <= k < x.shape[0]:
            x[k] = T[i, n]


@jit
def prices(T: Floats, outside: Integers, m: int, n: int, first: int, y: Floats) -> None:
    """Write the prices of the constraints first, first + 1, ... into y, scaled to sum 1; uniform if all are 0."""
    total = 0.0
    for i in range(y.shape[0]):
        y[i] = 0.0
    for j in range(n):
        i = outside[j] - n - first
        if 0 <= i < y.shape[0] and T[m, j] < 0.0:
            y[i] = -T[m, j]
            total -= T[m, j]
    for i in range(y.shape[0]):
        y[i] = y[i] / total if total > 0.0 else 1.0 / y.shape[0]


@jit
def whole(p: Floats, bonus: Floats) -> None:
    """Make p sum to 1: mass that gained nothing goes to the arm of the largest bonus, what is too much goes evenly."""
    total = 0.0
    top = 0
    for k in range(p.shape[0]):
        p[k] = max(p[k], 0.0)
        total += p[k]
        if bonus[k] > bonus[top]:
            top = k
    if total < 1.0:
        p[top] += 1.0 - total
    else:
        for k in range(p.shape[0]):
            p[k] /= total
