"""The order of the rooms, the imports that are confined to a room, and what `import gossipmab` loads."""

from __future__ import annotations

import ast
import re
from graphlib import TopologicalSorter
from pathlib import Path

import pytest

import gossipmab
from gossipmab.utils.code_cache import UPPER
from tests.tiny import python

ROOT = Path(gossipmab.__file__).parents[1]
ORDER = (
    "utils", "environments networks", "objectives", "metrics", "algorithms", "engines", "experiments", "analysis",
    "bridges testing marl cli __main__",
)  # fmt: skip
LEVEL = {room: level for level, rooms in enumerate(ORDER) for room in rooms.split()}
FILES = {".".join(p.relative_to(ROOT).with_suffix("").parts): p for p in (ROOT / "gossipmab").rglob("*.py")}
MODULES = {name.removesuffix(".__init__"): path for name, path in FILES.items()}


def imports(tree: ast.AST) -> set[str]:
    """Modules that the statements import when they run, those inside functions too; a name stands for its module."""
    if isinstance(tree, ast.If) and "TYPE_CHECKING" in ast.unparse(tree.test):
        return set()
    if isinstance(tree, ast.Import):
        return {alias.name for alias in tree.names}
    if isinstance(tree, ast.ImportFrom):
        return {m if (m := f"{tree.module}.{alias.name}") in MODULES else str(tree.module) for alias in tree.names}
    return set().union(*map(imports, ast.iter_child_nodes(tree)))


GRAPH = {name: imports(ast.parse(path.read_text("utf-8"))) for name, path in MODULES.items() if name != "gossipmab"}


def test_rooms_import_downwards_only_and_no_files_in_a_circle() -> None:
    own = {name: {m for m in found if m in GRAPH and m != name} for name, found in GRAPH.items()}
    wrong = [f"{a} -> {b}" for a in own for b in own[a] if LEVEL[b.split(".")[1]] > LEVEL[a.split(".")[1]]]
    across = [f"{a} -> {b}" for a in own for b in own[a] if {a.split(".")[1], b.split(".")[1]} in SEPARATE]
    assert not wrong + across
    list(TopologicalSorter(own).static_order())  # CycleError names the files
    # the caches of compiled code look at all rooms below the experiments
    assert {name.removesuffix(".py") for name in UPPER} == {r for r in LEVEL if LEVEL[r] > LEVEL["engines"]}


SEPARATE = ({"environments", "networks"}, {"bridges", "testing"}, {"bridges", "cli"}, {"testing", "cli"})
SEPARATE += ({"marl", "testing"}, {"marl", "cli"})
CONFINED = {
    "ray": ("gossipmab.engines.pools", "gossipmab.engines.actors", "gossipmab.bridges"),
    "matplotlib": ("gossipmab.analysis", "gossipmab.testing"),
    "jax": ("gossipmab.marl",),
    "bokeh": ("gossipmab.analysis.report",),
    "pickle": (),
}


def test_libraries_that_are_confined_to_a_room() -> None:
    for name, found in GRAPH.items():
        for library in {module.split(".")[0] for module in found} & set(CONFINED):
            assert name.startswith(CONFINED[library]), f"{name} imports {library}"
        cuda = re.search(r"numba[._]cuda|import cuda", MODULES[name].read_text("utf-8"))
        assert not cuda or name.startswith("gossipmab.engines.gpu"), f"{name} imports CUDA"


def test_algorithms_do_not_import_one_another() -> None:
    """One algorithm per file, no helpers from siblings: a file can be read on its own."""
    from gossipmab.algorithms import PROTOCOLS

    homes = {kind.__module__ for registry in PROTOCOLS.values() for kind in registry.shipped.values()}
    assert len(homes) >= 10
    assert not {f"{a} -> {b}" for a in homes for b in GRAPH[a] & homes}


@pytest.mark.parametrize(("statement", "loaded", "spared"), [
    ("import gossipmab; gossipmab.__version__; dir(gossipmab)", "gossipmab",
     "numba llvmlite matplotlib ray scipy pandas networkx numpy pyarrow"),
    ("import gossipmab as gm; gm.simulate; gm.Environment; gm.Network; gm.run; gm.ParetoUCBGossip", "numba", "matplotlib ray"),
    ("import gossipmab.marl; dir(gossipmab.marl); import gossipmab.marl.games; gossipmab.marl.JobScheduling()", "numba",
     "jax pettingzoo gymnasium matplotlib ray"),
    ("import gossipmab.marl", "gossipmab", "numba numpy"),
    # Numba is 25 MiB and 0.3 s an actor: every `__init__` on the path of these modules stays empty or lazy.
    ("import gossipmab.engines.actors.actor, gossipmab.networks, gossipmab.environments", "numpy",
     "numba scipy networkx pandas matplotlib"),
])  # fmt: skip
def test_what_an_import_loads(statement: str, loaded: str, spared: str) -> None:
    names = python(f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})", timeout=120).split()
    assert loaded in names and not set(names) & set(spared.split())


def test_every_public_name_is_there() -> None:
    for name in gossipmab.__all__:
        assert getattr(gossipmab, name) is not None
    assert set(gossipmab.__all__) <= set(dir(gossipmab))
    with pytest.raises(AttributeError, match="no attribute 'simulatte'"):
        _ = gossipmab.simulatte
