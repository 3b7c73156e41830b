"""A compiled function as machine code for other processes: the coordinator compiles once, actors only load.

numba calls a function with every leaf of its arguments (an array is its pointers, sizes and strides) as an argument of
its own. `program` puts a small function before it that takes the leaves from a table, and emits both as one object file.
"""

from __future__ import annotations

import ctypes
import hashlib
from typing import Any

import llvmlite
import llvmlite.binding as llvm
import numba
from llvmlite import ir
from numba import types

from gossipmab.engines.actors.object_code_loader import ENTRY, Program, processor
from gossipmab.utils.code_cache import load, save

WORD = ir.IntType(64)


def signature_of(function: Any, samples: tuple[Any, ...]) -> tuple[types.Type, ...]:
    """The types of the samples, and the four int64 after them: begin, stop, first, last."""
    return (*(function.typeof_pyval(value) for value in samples), *[types.int64] * 4)


def program(function: Any, signature: tuple[types.Type, ...], cached: bool = True) -> Program:
    """The machine code of a dispatcher for arguments of these types, the last four int64.

    Args:
        cached: keep it on disk, in the cache of compiled code.

    Raises:
        NumbaError: it does not compile, as where an algorithm from outside the package allocates arrays in its methods.
        RuntimeError: what the function calls does not exist in a process without numba.
    """
    what = "\n".join([function.py_func.__qualname__, str(signature), numba.__version__, llvmlite.__version__, processor()])
    name = f"machine-{hashlib.sha256(what.encode()).hexdigest()[:32]}.o"
    content = load(name) if cached else None
    if content is not None:
        return Program(content[8:], int.from_bytes(content[:8]), processor())
    made = _made(function, signature)
    if cached:
        save(name, made.leaves.to_bytes(8) + made.code)
    return made


def _made(function: Any, signature: tuple[types.Type, ...]) -> Program:
    function.compile(signature)
    compiled = function.overloads[signature]
    description, target = compiled.fndesc, compiled.target_context
    packed = target.get_arg_packer(description.argtypes).argument_types
    module = llvm.parse_bitcode(compiled.library._get_module_for_linking().as_bitcode())
    module.link_in(llvm.parse_assembly(str(_entry(description.llvm_func_name, packed, module.triple))))
    machine = llvm.Target.from_triple(llvm.get_process_triple()).create_target_machine(
        cpu=llvm.get_host_cpu_name(), features=llvm.get_host_cpu_features().flatten(), opt=3, jit=True
    )
    for defined in module.functions:
        if not defined.is_declaration and defined.name != ENTRY:
            defined.linkage = llvm.Linkage.internal
    passes = llvm.create_new_module_pass_manager()
    passes.add_global_dead_code_eliminate_pass()  # what Python would call, and what needs numba to be called
    passes.run(module, llvm.create_pass_builder(machine, llvm.create_pipeline_tuning_options()))
    everywhere = ctypes.CDLL(None)  # llvm would also find here what numba gave it, and no actor has
    for used in module.functions:
        if used.is_declaration and not used.name.startswith("llvm.") and not hasattr(everywhere, used.name):
            raise RuntimeError(f"compiled code calls {used.name}, which does not exist without numba")
    return Program(machine.emit_object(module), len(packed) - 4, processor())


def _entry(name: str, packed: tuple[ir.Type, ...], triple: str) -> ir.Module:
    """The function that takes the arguments of `name` from a table of words; returns what it returns, -1 after an exception."""
    module = ir.Module("entry")
    module.triple = triple
    pointer = ir.IntType(8).as_pointer()
    outcome, error = ir.IntType(64).as_pointer(), pointer.as_pointer()
    callee = ir.Function(module, ir.FunctionType(ir.IntType(32), [outcome, error, *packed]), name)
    entry = ir.Function(module, ir.FunctionType(WORD, [WORD.as_pointer()]), ENTRY)
    code = ir.IRBuilder(entry.append_basic_block())
    arguments = []
    for place, kind in enumerate(packed):
        word = code.load(code.gep(entry.args[0], [WORD(place)]))
        if isinstance(kind, ir.PointerType):
            arguments.append(code.inttoptr(word, kind))
        elif isinstance(kind, ir.DoubleType):
            arguments.append(code.bitcast(word, kind))
        else:
            arguments.append(word if kind == WORD else code.trunc(word, kind))
    result = code.alloca(WORD)
    status = code.call(callee, [result, code.alloca(pointer), *arguments])
    code.ret(code.select(code.icmp_signed("==", status, ir.Constant(status.type, 0)), code.load(result), WORD(-1)))
    return module
