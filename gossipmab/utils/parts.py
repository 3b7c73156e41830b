"""Parts of compiled functions: code that is linked into its callers, and optimised there alone.

By itself numba optimises and emits every function together with all that it calls, so that a function eight calls below the
loop is worked through eight times. Here only what Python calls is; a part is kept as it was lowered.
"""

from __future__ import annotations

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import llvmlite.binding as llvm
from numba.core import codegen, compiler, typed_passes
from numba.core.compiler_machinery import register_pass
from numba.core.environment import lookup_environment

CompileResult: Any = compiler.CompileResult


class PartLibrary(codegen.JITCodeLibrary):
    """Code to link into callers, neither optimised nor emitted."""

    def _optimize_final_module(self) -> None:
        pass

    def _finalize_final_module(self) -> None:
        self._finalize_dynamic_globals()
        self._finalized = True

    def serialize_using_object_code(self) -> tuple[str, bytes]:
        """Its name and its code, before any optimisation."""
        return self.name, self._get_module_for_linking().as_bitcode()


@register_pass(mutates_CFG=True, analysis_only=False)
class LowerPart(typed_passes.NativeLowering):
    """Lowering into a part."""

    _name = "part_lowering"

    def run_pass(self, state: Any) -> bool:
        """As numba's, without an executable."""
        state.library = PartLibrary(state.targetctx.codegen(), state.func_id.func_qualname)
        state.flags.no_compile = True
        super().run_pass(state)
        state.cr = state.cr._replace(cfunc=key())
        state.targetctx.insert_user_function(state.cr.cfunc, state.cr.fndesc, [state.library])
        return True


@contextmanager
def nothing_collected() -> Iterator[None]:
    """Suspend Python's search for unused objects: an eighth of the time to compile, for 20 to 100 MB meanwhile."""
    enabled = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if enabled:
            gc.enable()


class EntryCompiler(compiler.Compiler):
    """numba's pipeline; what the parts in it need of Python, as to print, is set as numba does for every executable."""

    def _compile_core(self) -> Any:
        with nothing_collected():
            compiled = super()._compile_core()
        for variable in compiled.library._final_module.global_variables:
            found = lookup_environment(variable.name)
            if found is not None:
                compiled.codegen.set_env(variable.name, found)
        return compiled


class PartCompiler(compiler.Compiler):
    """numba's pipeline with another lowering."""

    def define_pipelines(self) -> Any:
        """One, as without Python objects."""
        pipelines = super().define_pipelines()
        for pipeline in pipelines:
            for place, (step, purpose) in enumerate(pipeline.passes):
                if step is typed_passes.NativeLowering:
                    pipeline.passes[place] = (LowerPart, purpose)
            pipeline.finalize()
        return pipelines


def key() -> Any:
    """What stands for a part where numba wants a builtin of its own; never called."""
    return [].append


def rebuild(target: Any, library: tuple[str, bytes], description: Any, environment: Any, signature: Any, *rest: Any) -> Any:
    """A kept part, from what numba's `CompileResult._reduce` returned."""
    name, code = library
    part = PartLibrary(target.codegen(), name)
    part._final_module = llvm.parse_bitcode(code)
    part._finalize_final_module()
    objectmode, lifted, annotation, reload_init, environments = rest
    return CompileResult(
        target_context=target, typing_context=target.typing_context, library=part, environment=environment, entry_point=key(),
        fndesc=description, type_annotation=annotation, signature=signature, objectmode=objectmode, lifted=lifted,
        typing_error=None, call_helper=None, metadata=None, reload_init=reload_init, referenced_envs=environments,
    )  # fmt: skip
