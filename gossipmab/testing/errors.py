"""What a check found, one class for each kind of fault; the message is one sentence."""

from __future__ import annotations


class ConformanceError(AssertionError):
    """The class is not what the engines need. The message says what it does, where, and what to do instead."""

    def __init__(self, message: str) -> None:
        super().__init__(" ".join(str(message).split()))


class ShapeError(ConformanceError):
    """A hyperparameter, a method, or a field of the state is missing, of another type, or of another shape."""


class OwnRandomnessError(ConformanceError):
    """It draws random numbers of its own, or reads a clock."""


class DistributionError(ConformanceError):
    """What `select` writes is no distribution."""


class TrespassError(ConformanceError):
    """It writes what is not its own: another agent's row, a mailbox, an argument."""


class HiddenStateError(ConformanceError):
    """The same call gives another outcome, or changes what is no argument of it."""


class PeekError(ConformanceError):
    """It reads what the agent has not received."""


class OrderError(ConformanceError):
    """What comes out depends on the order in which agents play, or on what they left behind in scratch fields."""


class RestartError(ConformanceError):
    """An agent made anew from its own rows goes on in another way."""


class AllocationError(ConformanceError):
    """A method allocates memory."""


class CompiledError(ConformanceError):
    """A method does not compile, or compiled gives other bits than interpreted."""


class EnginesError(ConformanceError):
    """Two engines give different bits."""
