"""A budget for communication: how often agents talk, when they have something to say, how much of it, and in how many bits.

`top` follows Koloskova, Stich and Jaggi, "Decentralized stochastic optimization and gossip algorithms with compressed
communication", 2019 (CHOCO-gossip). Departure: they keep one public copy of every agent's estimate, which all of its
neighbours must hear of in every round; ours is one copy a link and direction, so that links may come and go.
"""

from __future__ import annotations

from dataclasses import dataclass

from gossipmab.utils.errors import InputError
from gossipmab.utils.validation import positive_number, whole_number

KEY = "network.communication"
MOST_BITS = 32


@dataclass(frozen=True)
class Communication:
    """Rules for what is sent; together, and with every link process. All of them keep the mean: mean_i G_i = mean_i L_i.

    every: agents talk in the rounds every, 2 every, 3 every, ... only; in others no neighbour is present.
    threshold: an agent speaks when an entry of what it would send differs by more than this from what it sent when it last spoke
        (0 before). Over a link whose one end speaks, the other answers, so that W_t stays symmetric; where neither
        speaks, nothing is sent. None: all speak, always.
    bits: a number is sent in so many bits, rounded to one of 2^bits values from low to high. Agent i mixes its neighbours' rounded
        values with its own rounded one: G_i + sum_j w_ij (Q(G_j) - Q(G_i)), which keeps the mean. Agreement ends
        where roundings do: at about a step, (high - low) / (2^bits - 1). None: 64 bits, as they are.
    top: a message holds the so many entries, with their indices, that differ most from what this neighbour was told so far, the
        lowest index on ties. With X_ij what i has told j, G_i + gain sum_j w_ij (X_ji - X_ij), which keeps the mean. Not with
        failures that do not. None: all entries.
    gain: in (0, 1]; None: top / (numbers in a message). Where changes are told late, a larger one overshoots.
    """

    every: int = 1
    threshold: float | None = None
    bits: int | None = None
    low: float = 0.0
    high: float = 1.0
    top: int | None = None
    gain: float | None = None

    def __post_init__(self) -> None:
        whole_number(f"{KEY}.every", self.every)
        if self.threshold is not None and self.threshold != 0:
            object.__setattr__(self, "threshold", positive_number(f"{KEY}.threshold", self.threshold))
        if self.bits is not None and whole_number(f"{KEY}.bits", self.bits) > MOST_BITS:
            raise InputError(f"{KEY}.bits: got {self.bits}, allowed are 1 to {MOST_BITS}")
        for name in ("low", "high"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e12:
                raise InputError(f"{KEY}.{name}: got {value!r}, allowed is a number")
        if not self.low < self.high:
            raise InputError(f"{KEY}.high: got {self.high}, allowed is a number > low = {self.low}")

        if self.top is not None:
            whole_number(f"{KEY}.top", self.top)
        if self.gain is not None and (self.top is None or positive_number(f"{KEY}.gain", self.gain) > 1.0):
            raise InputError(f"{KEY}.gain: got {self.gain}, allowed is a number in (0, 1], with top")

    def gain_of(self, numbers: int) -> float:
        """The gain, for a state whose messages have so many numbers."""
        return self.gain if self.gain is not None else min(1.0, (self.top or numbers) / numbers)

    def floats(self, numbers: int) -> int:
        """Numbers in a message about so many: the `top` ones, or all."""
        return numbers if self.top is None else min(self.top, numbers)

    def bytes(self, numbers: int) -> int:
        """Of a message about so many numbers: each has its bits, and with `top` an index of as many as it takes."""
        bits = 64 if self.bits is None else self.bits
        if self.top is not None and self.top < numbers:
            return (self.top * (bits + (numbers - 1).bit_length()) + 7) // 8
        return (bits * numbers + 7) // 8
