"""The cache of compiled code: hit when nothing changed, left when ANY file changed; interpreted bits are compiled bits.

The cache tests copy the package and edit the copy, in processes of their own.
"""

import gc
import hashlib
import json
import math
import os
import re
import shutil
import sys
import time
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path
from typing import Any, NamedTuple

import numba
import numpy as np
import pytest
from numba import njit
from numba.core import codegen
from numba.core.errors import NumbaError
from numba.core.event import Event, Listener, install_listener
from numba.core.runtime import _nrt_python, rtsys
from numba.extending import register_jitable

import gossipmab as gm
from gossipmab.algorithms import ALGORITHMS
from gossipmab.objectives import value as value_of
from gossipmab.utils import code_cache, jit
from gossipmab.utils.distinct import distinct
from gossipmab.utils.parts import PartLibrary
from tests.algorithms.test_algorithms import REWARDS, VARIANTS
from tests.broken import Sound
from tests.tiny import Capsys, Patch, mounted, needs_mount, python, refuses, world

PACKAGE = Path(gm.__file__).parent


def digest(trace: Any) -> str:
    return hashlib.sha256(b"".join(np.ascontiguousarray(getattr(trace, f.name)).tobytes() for f in fields(trace))).hexdigest()


TINY = """
import hashlib, json
from dataclasses import fields
import networkx as nx
import numpy as np
import gossipmab as gm
from gossipmab.engines.gossip import loop
environment = gm.Environment.sample(3, 4, 2, seed=1)
network = gm.Network(nx.path_graph(3), link_probability=0.5)
trace = gm.simulate(gm.ParetoUCBGossip(), environment, network, horizon=200, seed=1)
stats = getattr(loop.play_compiled, "stats", None)
print(json.dumps({
    "file": gm.__file__,
    "digest": hashlib.sha256(b"".join(np.ascontiguousarray(getattr(trace, f.name)).tobytes() for f in fields(trace))).hexdigest(),
    "hits": sum(stats.cache_hits.values()) if stats else 0,
    "misses": sum(stats.cache_misses.values()) if stats else 0,
}))
"""


def run_copy(folder: Path, **more: str) -> dict[str, Any]:
    """Simulate with the copy of the package in `folder`, its cache in `folder`/cache."""
    own = {"PYTHONPATH": str(folder), "NUMBA_CACHE_DIR": str(folder / "cache"), "PYTHONDONTWRITEBYTECODE": "1"}
    result: dict[str, Any] = json.loads(python(TINY, cwd=folder, **{**own, "NUMBA_DISABLE_JIT": "0", **more}))
    assert Path(result["file"]).is_relative_to(folder)
    return result


@pytest.mark.slow
def test_an_edit_anywhere_reaches_the_compiled_loop_and_no_edit_hits_the_cache(tmp_path: Path) -> None:
    """numba by itself would miss the edit: the loop's own file stays as it is."""
    shutil.copytree(PACKAGE, tmp_path / "gossipmab", ignore=shutil.ignore_patterns("__pycache__", "_shipped"))
    first = run_copy(tmp_path)
    assert (first["hits"], first["misses"]) == (0, 1)
    again = run_copy(tmp_path)
    assert (again["hits"], again["misses"]) == (1, 0) and again["digest"] == first["digest"]
    formula = tmp_path / "gossipmab" / "algorithms" / "gossip" / "pareto_ucb_gossip.py"
    edited, changes = re.subn(r"= 2\.0 \* log", "= 0.1 * log", formula.read_text(encoding="utf-8"))
    assert changes == 1
    formula.write_text(edited, encoding="utf-8")
    changed = run_copy(tmp_path)
    assert (changed["hits"], changed["misses"]) == (0, 1) and changed["digest"] != first["digest"]
    assert changed["digest"] == run_copy(tmp_path, NUMBA_DISABLE_JIT="1")["digest"]  # and it is the edited formula's result
    # A folder that cannot be written is no obstacle: a file stands where the cache should go.
    shutil.rmtree(tmp_path / "cache")
    (tmp_path / "cache").write_text("in the way", encoding="utf-8")
    assert run_copy(tmp_path)["digest"] == changed["digest"]


def test_the_hash_is_over_names_and_contents(tmp_path: Path) -> None:
    hashes = []
    for name, text in (("a.py", "x = 1"), ("b.py", "y = 2"), ("b.py", "y = 3"), ("deeper/d.py", ""), ("notes.txt", "no source")):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
        hashes.append(code_cache.source_hash.__wrapped__(tmp_path))
    (tmp_path / "b.py").rename(tmp_path / "c.py")
    hashes.append(code_cache.source_hash.__wrapped__(tmp_path))
    assert len(set(hashes)) == 5 and hashes[3] == hashes[4]


@pytest.fixture
def place(tmp_path: Path, monkeypatch: Patch) -> Iterator[Path]:
    """Caches go there, in this process, and notes are said again."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", str(tmp_path / "cache"))
    known = code_cache.folders, code_cache.cache_folder, code_cache._note
    for function in known:
        function.cache_clear()
    yield tmp_path / "cache"
    for function in known:
        function.cache_clear()


def squared(x: float) -> float:
    return x * x


def misses() -> int:
    """Compile `squared`, or load it; how often it was compiled."""
    dispatcher: Any = jit.jit(squared)
    assert dispatcher(3.0) == 9.0
    return sum(dispatcher.stats.cache_misses.values())


def test_a_damaged_file_is_made_anew_and_one_line_says_so(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    assert (misses(), misses()) == (1, 0)
    (file,) = place.glob("*/*")
    good = file.read_bytes()
    for at in range(0, len(good), len(good) // 7):
        file.write_bytes(good[:at])
        assert (misses(), misses()) == (1, 0)
        file.write_bytes(good[:at] + bytes([good[at] ^ 1]) + good[at + 1 :])
        assert (misses(), misses()) == (1, 0)
    assert caplog.messages == [f"a damaged file of compiled code is dropped and made anew, in {file.parent}"]


def test_compiled_code_goes_to_another_machine_of_its_kind_only(place: Path, monkeypatch: Patch) -> None:
    assert misses() == 1
    sent = code_cache.bundle()
    (name,) = sent.files
    for version, expected in (("of other sources", 1), (sent.version, 0)):
        shutil.rmtree(place)
        code_cache.cache_folder.cache_clear()
        code_cache.unpack(sent._replace(version=version))
        assert misses() == expected
    assert {file.name for file in place.glob("*/*")} == {name}
    monkeypatch.setattr(codegen.JITCPUCodegen, "magic_tuple", lambda self: ("x86_64-unknown-linux-gnu", "another", "+sse2"))
    assert misses() == 1 and len(list(place.glob("*/*"))) == 2


@needs_mount
def test_a_full_disk_under_the_cache_costs_time_only(place: Path, caplog: pytest.LogCaptureFixture) -> None:
    with mounted(place, "4k"):
        assert (misses(), misses()) == (1, 1) and list(place.glob("*/*")) == []
    assert len(caplog.records) == 1 and "No space left on device" in caplog.text and "NUMBA_CACHE_DIR" in caplog.text


@pytest.mark.parametrize("chosen", ["", "~nobody-of-this-name/cache", "/proc/no"])
def test_without_any_folder_for_it_one_line_names_the_remedy(
    chosen: str, place: Path, tmp_path: Path, caplog: pytest.LogCaptureFixture, monkeypatch: Patch
) -> None:
    """Without HOME and a name for the user, "~" stays as it is, and is no folder."""
    monkeypatch.setattr(numba.config, "CACHE_DIR", chosen)
    monkeypatch.setattr(code_cache, "PACKAGE", Path("/proc/no"))
    monkeypatch.setenv("XDG_CACHE_HOME", "relative")
    monkeypatch.setattr(os.path, "expanduser", lambda path: path)
    monkeypatch.chdir(tmp_path)
    assert (misses(), misses()) == (1, 1) and len(caplog.records) == 1 and "set NUMBA_CACHE_DIR to a folder" in caplog.text
    assert list(tmp_path.iterdir()) == []


def test_versions_leave_each_other_alone_but_not_for_ever(place: Path) -> None:
    for name, days in (("a", 1), ("b", 29), ("c", 31)):
        (place / f"gossipmab-{name}").mkdir(parents=True)
        os.utime(place / f"gossipmab-{name}", (0, time.time() - days * 86_400))
    assert misses() == 1
    assert {"gossipmab-a", "gossipmab-b"} < {folder.name for folder in place.iterdir()} and not (place / "gossipmab-c").exists()


def test_what_compiled_code_calls_is_optimised_in_its_callers_alone(place: Path) -> None:
    """Not emitted by itself; kept, and found again by another caller. Called from Python it is compiled for that."""
    inner: Any = jit.jit(squared)

    def once(x: float) -> float:
        return inner(x) + 1.0

    def twice(x: float) -> float:
        return inner(inner(x))

    assert jit.jit_uncached(once)(3.0) == 10.0 and not inner.overloads
    (part,) = (compiled.library for compiled in inner.part.overloads.values())
    assert isinstance(part, PartLibrary) and part._get_module_for_linking() and not hasattr(part, "_compiled_object")
    assert [file.name.partition("-")[2][:5] for file in place.glob("*/*")] == ["part-"]
    inner = jit.jit(squared)
    assert jit.jit_uncached(twice)(3.0) == 81.0
    assert (inner.part.stats.cache_misses, len(inner.part.stats.cache_hits)) == ({}, 1)
    assert inner(3.0) == 9.0 and len(list(place.glob("*/*"))) == 2


class Passes(Listener):
    """Keeps whether unused objects are searched for at each pass of numba's."""

    seen: set[bool] = set()

    def on_start(self, event: Event) -> None:
        self.seen.add(gc.isenabled())

    def on_end(self, event: Event) -> None:
        pass


@pytest.mark.parametrize("enabled", [True, False])
def test_no_unused_objects_are_searched_for_while_compiling(enabled: bool, monkeypatch: Patch) -> None:
    monkeypatch.setattr(Passes, "seen", set())
    try:
        if not enabled:
            gc.disable()
        with install_listener("numba:run_pass", Passes()):
            assert jit.jit_uncached(lambda x: x + 1.0)(1.0) == 2.0
        assert Passes.seen == {False} and gc.isenabled() == enabled
    finally:
        gc.enable()


show = print  # Ray puts another in its place


class Talking(Sound):
    """Prints, and raises with values: compiled code that calls Python."""

    def select(self, state: Any, i: int, t: int, p: Any) -> None:
        show("round", t, "agent", i)
        if t == 8 and i == 1:  # after the first rounds, which are checked interpreted
            raise ValueError("stopped in round", t)
        for arm in range(len(p)):
            p[arm] = 1.0 / len(p)


def test_compiled_arithmetic_is_as_written_and_allocates_nothing() -> None:
    """No fastmath: NaN is recognised, sums are not reordered, division by zero is IEEE's."""

    @jit.jit_uncached
    def summed(values: np.ndarray) -> float:
        total = 0.0
        for k in range(values.shape[0]):
            total += values[k]
        return total

    is_nan, divided = jit.jit_uncached(lambda x: x != x), jit.jit_uncached(lambda a, b: a / b)
    assert is_nan(math.nan) and not is_nan(1.0) and divided(1.0, 0.0) == math.inf
    values = np.array([1e16, 1.0, -1e16, 1.0] * 5)
    assert summed(values) == summed.py_func(values)

    # what allocates does not compile but from outside the package
    def allocates(n: int) -> float:
        return float(np.zeros(n)[0])

    with pytest.raises(NumbaError):
        njit(**jit.SETTINGS)(allocates)(3)
    assert gc.isenabled()
    assert jit.jit_uncached(allocates)(3) == 0.0


def digests() -> dict[str, str]:
    """Every registered algorithm, the variants, and every reward model, by the engine's loop as the process compiles it."""
    found = {}
    environment, network = world(5, 3, 2, p=0.6, weights="metropolis", seed=12)
    for name, algorithm in VARIANTS.items():
        found[name] = digest(gm.simulate(algorithm, environment, network, horizon=60, seed=12, recorded_rounds=6))
    for model in REWARDS:
        if model != "table":  # whose draw is a look-up
            environment, network = world(5, 3, 2, p=0.6, seed=12, rewards=model)
            trace = gm.simulate(gm.ParetoUCB(), environment, network, horizon=60, seed=12, interpreted=True)
            found[f"rewards {model}"] = digest(trace)
    return found


@pytest.mark.slow
def test_without_any_compiler_the_bits_are_the_same() -> None:
    """NUMBA_DISABLE_JIT=1: every function down to the solvers runs as plain Python."""
    code = "import json, numba\nassert numba.config.DISABLE_JIT\n"
    code += "from tests.utils.test_jit import digests\nprint(json.dumps(digests()))"
    plain = json.loads(python(code, NUMBA_DISABLE_JIT="1", PYTHONPATH=os.pathsep.join(sys.path)))
    assert set(ALGORITHMS) <= set(plain) and plain == digests()


@pytest.mark.parametrize("name", VARIANTS)
def test_interpreted_gives_the_bits_of_compiled_and_nothing_is_allocated_per_round(name: str) -> None:
    environment, network = world(4, 3, 2, p=0.5, seed=9)
    kwargs = {"horizon": 40, "seed": 9, "recorded_rounds": 7, "trial": 2}
    once = gm.simulate(VARIANTS[name], environment, network, **kwargs)
    for interpreted in (False, True):
        assert gm.same_bits(once, gm.simulate(VARIANTS[name], environment, network, interpreted=interpreted, **kwargs)) == []
    # numba's own count of allocations must not grow with the rounds.
    _nrt_python.memsys_enable_stats()

    def allocations(horizon: int) -> int:
        before = rtsys.get_allocation_stats().alloc
        gm.simulate(VARIANTS[name], environment, network, horizon=horizon, seed=9, recorded_rounds=2)
        return int(rtsys.get_allocation_stats().alloc - before)

    allocations(50)  # compile
    assert allocations(50) == allocations(500)
    before = rtsys.get_allocation_stats().alloc
    njit(lambda n: np.zeros(n).sum())(3)
    assert rtsys.get_allocation_stats().alloc > before  # or else the count would prove nothing


def test_an_algorithm_from_outside_compiles_is_not_cached_and_may_print(capfd: Capsys) -> None:
    environment, network = world(4, 3, 2, seed=1)
    fast = gm.simulate(Sound(), environment, network, horizon=80, seed=1)
    assert digest(fast) == digest(gm.simulate(Sound(), environment, network, horizon=80, seed=1, interpreted=True))
    assert fast.pulls.sum() == 320 and fast.bytes[-1] == 8 * 6 * fast.messages[-1]
    folder = code_cache.cache_folder()
    assert folder is None or not any(b"Sound" in file.read_bytes() for file in folder.iterdir() if file.is_file())
    # an algorithm from outside may print and raise
    with pytest.raises(ValueError) as caught:
        gm.simulate(Talking(), gm.Environment.sample(2, 3, 2, seed=1), gm.Network("complete", 2, 0.5), horizon=9, seed=1)
    assert caught.value.args == ("stopped in round", 8)
    assert capfd.readouterr().out.splitlines() == [f"round {t} agent {i}" for t in range(1, 9) for i in (0, 1)]


READ = 1.0


@njit
def through_a_dispatcher() -> float:
    return READ


@register_jitable
def through_a_function() -> float:
    return READ


def of_one_name(kind: str, number: float) -> Any:
    """Classes with one name and one kind of fields, whose `value` is the number."""
    fields_of = (("a", float), ("b", float)) if number == 1.0 else (("b", float), ("a", float))

    class NashWelfare(NamedTuple("Fields", fields_of)):  # type: ignore[misc]
        __slots__ = ()
        value = {
            "closure": lambda self: number, "fields": lambda self: self.a, "global": lambda self: READ,
            "dispatcher": lambda self: through_a_dispatcher(), "function": lambda self: through_a_function(),
        }[kind]  # fmt: skip

    return NashWelfare(1.0, 2.0)


@pytest.mark.parametrize("kind", ["closure", "fields", "global", "dispatcher", "function"])
def test_compiled_code_is_that_of_the_class_as_it_is(kind: str, monkeypatch: Patch) -> None:
    """numba knows a named tuple by the bare name of its class, and a global by its value when it was compiled."""
    play, thing = njit(lambda thing: value_of(thing)), None
    for number in (1.0, 2.0, 1.0):
        monkeypatch.setattr(sys.modules[__name__], "READ", number)
        if thing is None or kind in ("closure", "fields"):
            thing = of_one_name(kind, number)
        if kind == "function" and number == 2.0:
            refuses("NashWelfare: .*through_a_function reads a global that has changed since", distinct, thing)
            return
        taken = distinct(thing)
        assert taken == thing and play(taken) == thing.value() == number
        assert type(taken).__qualname__ == type(thing).__qualname__ and distinct(taken) == taken


def test_built_in_classes_stay_as_they_are(monkeypatch: Patch) -> None:
    shipped = gm.ParetoUCBGossip()
    assert distinct((shipped, 3)) == (shipped, 3) and distinct(shipped) is shipped and jit.is_builtin(shipped)
    monkeypatch.setattr(gm.ParetoUCBGossip, "select", lambda self, state, i, t, p: None)
    assert not jit.is_builtin(shipped) and distinct(shipped) is not shipped
