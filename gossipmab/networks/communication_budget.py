"""A budget for communication: how often messages are sent, on which event, how many entries and how many bits.

`top_k` follows Koloskova, Stich and Jaggi, "Decentralized stochastic optimization and gossip algorithms with compressed
communication", 2019 (CHOCO-Gossip). Departure: they keep one public copy of every agent's estimate, which all of its
neighbours must receive in every round; here there is one copy a link and direction, so that links may come and go.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from gossipmab.utils.errors import InputError
from gossipmab.utils.parameters import check, suggesting

KEY = "network.communication"
UNLESS_MOVED = "an agent sends if an entry differs by more from the one it last sent; unset: always"
ROUNDED = "bits of a number, rounded to 2^bits values from low to high; unset: 64, not rounded"
Threshold = Annotated[float, Field(ge=0, description=UNLESS_MOVED)]
Bits = Annotated[int, Field(ge=1, le=32, description=ROUNDED)]
StepSize = Annotated[
    float, Field(gt=0, le=1, description="with top_k; unset: top_k / (numbers in a message). Larger ones overshoot")
]


@suggesting
@dataclass(frozen=True)
class CommunicationBudget:
    """Limits on what is sent; all can be combined, and all preserve the mean: mean_i G_i = mean_i L_i.

    trigger_threshold: over a link with one sender the other end replies, so that W_t stays symmetric; if neither sends, nothing
        is sent. Before the first message the last sent entries count as 0.
    quantization_bits: agent i mixes its neighbours' rounded values with its own rounded one: G_i + sum_j w_ij (Q(G_j) - Q(G_i)),
        which preserves the mean. The consensus error stops near the rounding step, (high - low) / (2^bits - 1).
    top_k: the entries that differ most from the receiver's copy, the lowest index on ties. With X_ij the copy that j holds of i,
        G_i + consensus_step_size sum_j w_ij (X_ji - X_ij), which preserves the mean. Excludes failures that do not preserve it.

    >>> budget = gm.CommunicationBudget(period=5, quantization_bits=8)
    >>> gm.Network("ring", agents=4, communication=budget).communication.period
    5
    """

    period: Annotated[int, Field(ge=1, description="messages are sent in the rounds period, 2 period, 3 period, ... only")] = 1
    trigger_threshold: Threshold | None = None
    quantization_bits: Bits | None = None
    low: Annotated[float, Field(gt=-1e12, lt=1e12, description="least value of rounded numbers")] = 0.0
    high: Annotated[float, Field(gt=-1e12, lt=1e12, description="largest value of rounded numbers, above low")] = 1.0
    top_k: Annotated[int, Field(ge=1, description="entries in a message, with their indices; unset: all")] | None = None
    consensus_step_size: StepSize | None = None

    def __post_init__(self) -> None:
        check(self, KEY)
        if not self.low < self.high:
            raise InputError(f"{KEY}.high: got {self.high}, allowed is a number > low = {self.low}")
        if self.consensus_step_size is not None and self.top_k is None:
            raise InputError(f"{KEY}.consensus_step_size: got {self.consensus_step_size}, allowed is none without top_k")

    def step_size_of(self, numbers: int) -> float:
        """The consensus step size for messages of so many numbers.

        >>> gm.CommunicationBudget(top_k=2).step_size_of(8)
        0.25
        """
        return self.consensus_step_size if self.consensus_step_size is not None else min(1.0, (self.top_k or numbers) / numbers)

    def floats(self, numbers: int) -> int:
        """Numbers in a message about so many: top_k, or all.

        >>> gm.CommunicationBudget(top_k=2).floats(8)
        2
        """
        return numbers if self.top_k is None else min(self.top_k, numbers)

    def bytes(self, size: int, flags: int = 0) -> int:
        """Bytes of a message of `size` entries: 8 each, or quantised the bits of a number, 1 a flag; with top_k an index, too.

        >>> gm.CommunicationBudget(quantization_bits=8).bytes(100)
        100
        """
        bits = self.quantization_bits or 64
        if self.top_k is not None and self.top_k < size:
            return (self.top_k * (bits + (size - 1).bit_length()) + 7) // 8
        return (bits * size - (bits - 1) * flags * (bits < 64) + 7) // 8


UNLIMITED = CommunicationBudget()
