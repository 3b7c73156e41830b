"""numba-cuda: imported when it is first used, with arithmetic as written; what is missing is one line.

numba-cuda lets libNVVM contract a x + b into one rounding, and has no option against it: kernels are compiled with -fma=0 here.
Without it all multiplications and additions are `.rn`, which the assembler leaves alone.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from importlib import import_module
from importlib.metadata import version
from threading import RLock
from types import SimpleNamespace
from typing import Any

import numpy as np

from gossipmab.utils.errors import InputError, one_line

OTHERS = "--engine threads needs none"
EXTRA = "pip install 'gossipmab[gpu]' (CUDA 13), or numba-cuda[cu12] for CUDA 12"
WARPS = 8  # at a time on a multiprocessor: its registers are taken then, by threads of up to 256
SIMULATED_ROOM = 48 * 1024
OLDEST = (7, 0)  # before, a kernel takes 4,096 bytes of arguments, and ours have more
_lock = RLock()


def numba_cuda() -> Any:
    """The module numba.cuda of numba-cuda. Raises InputError if it is not installed."""
    try:
        import_module("numba_cuda")  # the numba.cuda of numba itself knows no CUDA 13
        cuda = import_module("numba.cuda")
    except ImportError as error:
        raise InputError(f"engine: gpu needs numba-cuda ({one_line(str(error))}): {EXTRA}; {OTHERS}") from None
    logging.getLogger("numba.cuda.cudadrv.driver").setLevel(logging.ERROR)  # it reports every call
    return cuda


def simulated() -> bool:
    """Whether numba's simulator plays the kernels, in Python."""
    from numba import config

    return bool(getattr(config, "ENABLE_CUDASIM", False))


def check_device() -> None:
    """Raise InputError, with advice, if there is no GPU that can be used."""
    cuda = numba_cuda()
    if simulated():
        return
    try:
        capability = cuda.get_current_device().compute_capability
    except Exception as error:  # of the driver, or of its libraries: there are many kinds
        why = one_line(str(error), 200).rstrip(" :.")
        advice = "nvidia-smi shows driver and devices; CUDA 13 needs driver 580 or newer, CUDA 12 driver 530"
        raise InputError(f"engine: gpu finds no GPU to use ({why}); {advice}; {OTHERS}") from None
    if tuple(capability) < OLDEST:
        found, least = (".".join(map(str, one)) for one in (capability, OLDEST))
        raise InputError(f"engine: gpu got a device of compute capability {found}, allowed is {least} or newer; {OTHERS}")
    import_module("numba.cuda.core.config").CUDA_LOW_OCCUPANCY_WARNINGS = 0  # type: ignore[attr-defined]  # few trials are no fault


def device() -> dict[str, str]:
    """The device, and the version of numba-cuda, for the manifest."""
    name = "simulator" if simulated() else numba_cuda().get_current_device().name
    return {"device": name.decode() if isinstance(name, bytes) else str(name), "numba-cuda": version("numba-cuda")}


@contextmanager
def exact_arithmetic() -> Iterator[None]:
    """Compile what is compiled within without contractions."""
    if simulated():
        yield
        return
    nvvm: Any = import_module("numba.cuda.cudadrv.nvvm")
    with _lock:
        usual = nvvm.compile_ir
        nvvm.compile_ir = lambda ir, **options: usual(ir, **options | {"fma": False})
        try:
            yield
        finally:
            nvvm.compile_ir = usual


def specialised(kernel: Any, *arguments: Any) -> Any:
    """The kernel compiled for arguments like these, so that a launch need not look at their types."""
    with exact_arithmetic():
        return kernel.specialize(*arguments)


@contextmanager
def without_a_device(capability: tuple[int, int]) -> Iterator[None]:
    """Compile what is compiled within for a device of this capability, which need not be there."""
    dispatcher: Any = import_module("numba.cuda.dispatcher")
    with _lock:
        usual = dispatcher.get_current_device
        dispatcher.get_current_device = lambda: SimpleNamespace(compute_capability=capability)
        try:
            yield
        finally:
            dispatcher.get_current_device = usual


def ptx_of(kernel: Callable[..., None], *arguments: Any, capability: tuple[int, int] = (9, 0)) -> str:
    """The PTX code of a kernel for arguments like these; no GPU is needed."""
    cuda = numba_cuda()
    typeof = import_module("numba.cuda.typing.typeof").typeof
    signature = cuda.types.void(*map(typeof, arguments))
    with exact_arithmetic(), without_a_device(capability):
        code, _ = cuda.compile(kernel, signature, device=False, abi="numba", cc=capability)
    return str(code)


def on_device(value: Any) -> Any:
    """The same NamedTuple with its arrays on the device; in the simulator, the same."""
    if isinstance(value, tuple):
        items = [on_device(item) for item in value]
        return type(value)(*items) if hasattr(value, "_fields") else tuple(items)
    if not isinstance(value, np.ndarray) or simulated():
        return value
    return numba_cuda().to_device(np.ascontiguousarray(value))


def on_host(value: Any) -> Any:
    """The array of the host, copied from the device."""
    return value if isinstance(value, np.ndarray) else value.copy_to_host()


@contextmanager
def on_one_line() -> Iterator[None]:
    """Turn what the driver reports within, such as too little memory, into an InputError with advice."""
    try:
        yield
    except Exception as error:
        kinds = {kind.__name__ for kind in type(error).__mro__}
        if not kinds & {"CudaAPIError", "CudaSupportError", "CUDAError", "LinkerError"}:
            raise
        why = one_line(str(error), 200).rstrip(" :.")
        advice = "fewer agents or arms" if "OUT_OF_MEMORY" in why else "nvidia-smi shows driver and devices"
        raise InputError(f"engine: gpu was stopped by the driver ({why}); {advice}; {OTHERS}") from error


def shared_room(warps: int) -> int:
    """Bytes of shared memory for a block: no more than its share by registers, or fewer blocks would play at a time.

    Beyond 48 KiB a call to the driver would be needed.
    """
    if simulated():
        return SIMULATED_ROOM
    device = numba_cuda().get_current_device()
    share = device.MAX_SHARED_MEMORY_PER_MULTIPROCESSOR * warps // WARPS - device.RESERVED_SHARED_MEMORY_PER_BLOCK
    return int(min(share, device.MAX_SHARED_MEMORY_PER_BLOCK))


def free_bytes() -> float:
    """Bytes of the device's memory that are free, when what is no longer used has been given back."""
    if simulated():
        return math.inf
    context = numba_cuda().current_context()
    with suppress(AttributeError):  # of numba-cuda's own memory manager; others give back at once
        context.memory_manager.deallocations.clear()
    return float(context.get_memory_info()[0])
