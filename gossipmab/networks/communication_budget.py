"""A budget for communication: how often messages are sent, on which event, how many entries and how many bits.

`top_k` follows Koloskova, Stich and Jaggi, "Decentralized stochastic optimization and gossip algorithms with compressed
communication", 2019 (CHOCO-Gossip). Departure: they keep one public copy of every agent's estimate, which all of its
neighbours must receive in every round; here there is one copy a link and direction, so that links may come and go.
"""

from __future__ import annotations

from dataclasses import dataclass

from gossipmab.utils.errors import InputError
from gossipmab.utils.validation import positive_number, whole_number

KEY = "network.communication"
MOST_BITS = 32


@dataclass(frozen=True)
class CommunicationBudget:
    """Limits on what is sent; all can be combined, and all preserve the mean: mean_i G_i = mean_i L_i.

    period: messages are sent in the rounds period, 2 period, 3 period, ... only; in others no neighbour is present.
    trigger_threshold: event-triggered communication. An agent sends if an entry of its message differs by more than this from the
        one it last sent (0 before). Over a link with one sender the other end replies, so that W_t stays symmetric; if
        neither sends, nothing is sent. None: every agent sends.
    quantization_bits: bits of a number, rounded to one of 2^bits values from low to high. Agent i mixes its neighbours' rounded
        values with its own rounded one: G_i + sum_j w_ij (Q(G_j) - Q(G_i)), which preserves the mean. The consensus error
        stops near the rounding step, (high - low) / (2^bits - 1). None: 64 bits, not rounded.
    top_k: entries in a message, with their indices: those that differ most from the receiver's copy, the lowest index on ties.
        With X_ij the copy that j holds of i, G_i + consensus_step_size sum_j w_ij (X_ji - X_ij), which preserves the mean.
        Excludes failures that do not preserve it. None: all entries.
    consensus_step_size: in (0, 1]; None: top_k / (numbers in a message). Larger ones overshoot if changes are sent late.
    """

    period: int = 1
    trigger_threshold: float | None = None
    quantization_bits: int | None = None
    low: float = 0.0
    high: float = 1.0
    top_k: int | None = None
    consensus_step_size: float | None = None

    def __post_init__(self) -> None:
        whole_number(f"{KEY}.period", self.period)
        if self.trigger_threshold is not None and self.trigger_threshold != 0:
            object.__setattr__(
                self, "trigger_threshold", positive_number(f"{KEY}.trigger_threshold", self.trigger_threshold)
            )
        if (
            self.quantization_bits is not None
            and whole_number(f"{KEY}.quantization_bits", self.quantization_bits) > MOST_BITS
        ):
            raise InputError(f"{KEY}.quantization_bits: got {self.quantization_bits}, allowed are 1 to {MOST_BITS}")
        for name in ("low", "high"):
            value = getattr(self, name)
            if isinstance(value, bool) or not isinstance(value, (int, float)) or not abs(value) < 1e12:
                raise InputError(f"{KEY}.{name}: got {value!r}, allowed is a number")
        if not self.low < self.high:
            raise InputError(f"{KEY}.high: got {self.high}, allowed is a number > low = {self.low}")
        if self.top_k is not None:
            whole_number(f"{KEY}.top_k", self.top_k)
        if self.consensus_step_size is not None and (
            self.top_k is None or positive_number(f"{KEY}.consensus_step_size", self.consensus_step_size) > 1.0
        ):
            raise InputError(
                f"{KEY}.consensus_step_size: got {self.consensus_step_size}, allowed is a number in (0, 1], with top_k"
            )

    def step_size_of(self, numbers: int) -> float:
        """The consensus step size for messages of so many numbers."""
        return (
            self.consensus_step_size
            if self.consensus_step_size is not None
            else min(1.0, (self.top_k or numbers) / numbers)
        )

    def floats(self, numbers: int) -> int:
        """Numbers in a message about so many: top_k, or all."""
        return numbers if self.top_k is None else min(self.top_k, numbers)

    def bytes(self, numbers: int) -> int:
        """Bytes of a message about so many numbers: the bits of each, and with top_k those of its index."""
        bits = 64 if self.quantization_bits is None else self.quantization_bits
        if self.top_k is not None and self.top_k < numbers:
            return (self.top_k * (bits + (numbers - 1).bit_length()) + 7) // 8
        return (bits * numbers + 7) // 8
