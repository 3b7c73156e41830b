"""Load object code in a process without a compiler, and lay out the arguments it expects; `object_code` makes it.

Importing numba costs a process 25 MiB and 0.3 s; of a hundred actors none should pay it. The code of a `Program` needs
llvmlite's loader only. Its one argument is a table of 8-byte words: every leaf of the arguments, in order, and
after them begin, stop, first and last: the rounds and agents to play.
"""

from __future__ import annotations

import ctypes
from typing import Any, NamedTuple

import llvmlite.binding as llvm
import numpy as np

from gossipmab.utils.types import Integers

ENTRY = "gossipmab_entry"
Table = tuple[Integers, int, list[Any]]  # arguments as words (leaves + 4,), their address, the arrays they point at


class Program(NamedTuple):
    """Machine code. code: an object file. leaves: the words it takes before the four bounds. processor: what it was made for."""

    code: bytes
    leaves: int
    processor: str


class OtherProcessorError(RuntimeError):
    """The machine code was made for another kind of processor."""


def processor() -> str:
    """This machine's kind of processor: machine code for one kind may not run, or not round alike, on another."""
    return f"{llvm.get_process_triple()} {llvm.get_host_cpu_name()} {llvm.get_host_cpu_features().flatten()}"


def leaves(value: Any, keep: list[Any]) -> list[int]:
    """The 8-byte words by which compiled code knows a value: arrays, numbers, strings, and tuples of them.

    Args:
        value: what is passed. keep: whatever must outlive the call is added to it.
    """
    if isinstance(value, np.ndarray):
        if not value.flags.c_contiguous:
            raise ValueError("compiled code takes arrays in C order only")
        keep.append(value)
        return [0, 0, value.size, value.itemsize, value.ctypes.data, *value.shape, *value.strides]
    if isinstance(value, tuple):
        return [word for item in value for word in leaves(item, keep)]
    if isinstance(value, bool | int | np.integer):
        return [int(value)]
    if isinstance(value, float):
        return [int(np.float64(value).view(np.int64))]
    if isinstance(value, str):
        text = ctypes.create_string_buffer(value.encode("ascii"))
        keep.append(text)
        return [ctypes.addressof(text), len(value), 1, 1, -1, 0, 0]
    raise TypeError(f"compiled code takes no {type(value).__name__}")


class Machine:
    """A loaded program. Not for several threads at once."""

    def __init__(self, program: Program) -> None:
        """Load the code. Raises OtherProcessorError where it was made for another kind of processor."""
        if program.processor != processor():
            raise OtherProcessorError(f"made for {program.processor.split()[1]}, this is {llvm.get_host_cpu_name()}")
        llvm.initialize_native_target()
        llvm.initialize_native_asmprinter()
        machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(jit=True)
        self._engine = llvm.create_mcjit_compiler(llvm.parse_assembly(""), machine)
        self._engine.add_object_file(llvm.ObjectFileRef.from_data(program.code))
        self._engine.finalize_object()
        self._call = ctypes.CFUNCTYPE(ctypes.c_int64, ctypes.c_void_p)(self._engine.get_function_address(ENTRY))
        self._leaves = program.leaves

    def table(self, arguments: tuple[Any, ...]) -> Table:
        """The arguments, laid out. They must not move: arrays are written in place."""
        keep: list[Any] = []
        words = leaves(arguments, keep)
        if len(words) != self._leaves:
            raise TypeError(f"the code takes {self._leaves} words, the arguments have {len(words)}")
        table = np.array([*words, 0, 0, 0, 0], np.int64)
        return table, table.ctypes.data, keep

    def play(self, table: Table, begin: int, stop: int, first: int, last: int) -> int:
        """Play the rounds begin .. stop - 1 of the window, of the agents first .. last - 1; returns the round that comes next."""
        table[0][-4:] = begin, stop, first, last
        reached: int = self._call(table[1])
        if reached < 0:
            raise RuntimeError("compiled code raised an exception")
        return reached
