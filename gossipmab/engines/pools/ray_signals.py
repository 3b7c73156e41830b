"""Ctrl-C and SIGTERM while Ray runs: held back while it starts or ends, and then obeyed, so that nothing is left behind."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any

Handler = Callable[[int, FrameType | None], Any]
SIGNALS = (signal.SIGINT, signal.SIGTERM)


@contextmanager
def uninterrupted() -> Iterator[None]:
    """Hold Ctrl-C and SIGTERM back until Ray has started, or ended, as a whole; a second one is obeyed at once."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    held: list[int] = []
    before: dict[int, Handler | int | None] = {number: signal.getsignal(number) for number in SIGNALS}

    def obey(number: int, frame: FrameType | None) -> None:
        handler = before[number]
        if callable(handler):
            handler(number, frame)

    def hold(number: int, frame: FrameType | None) -> None:
        if held:
            obey(number, frame)
        held.append(number)

    for number in SIGNALS:
        signal.signal(number, hold)
    try:
        yield
    finally:
        for number in SIGNALS:
            signal.signal(number, before[number])
    if held:
        obey(held[0], None)


@contextmanager
def terminated_gently() -> Iterator[None]:
    """SIGTERM ends the process by SystemExit, so that everything is cleaned up."""
    if threading.current_thread() is not threading.main_thread():
        yield
        return

    def leave(number: int, frame: FrameType | None) -> None:
        raise SystemExit(128 + number)

    before = signal.signal(signal.SIGTERM, leave)
    try:
        yield
    finally:
        signal.signal(signal.SIGTERM, before)
