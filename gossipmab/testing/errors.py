"""The error of every check."""

from __future__ import annotations


class ConformanceError(AssertionError):
    """A class is not what the engines need. The message is one sentence: what it does, in which call, and what to do instead.

    kind: what is wrong, in a word or two, such as "peek" or "hidden state"; docs/plugins.md lists all.
    """

    def __init__(self, kind: str, message: str) -> None:
        self.kind = kind
        super().__init__(" ".join(message.split()))


def fault_if(bad: bool, kind: str, message: str) -> None:
    """Raise a ConformanceError if what was found is bad."""
    if bad:
        raise ConformanceError(kind, message)
