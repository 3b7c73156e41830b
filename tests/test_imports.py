"""Who may import whom: the levels of the architecture, read from the source; and what `import gossipmab` loads."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

import gossipmab

PACKAGE = Path(gossipmab.__file__).parent
# A file imports from its own level and from those before it. A new file must be placed here; a folder stands for all its files.
LEVELS: list[set[str]] = [
    {
        "errors",
        "reading",
        "randomness",
        "compiled",
        "arrays",
        "shipped",
        "pareto",
        "plugins",
        "welfare/",
        "objectives/",
        "equity",
        "rationing",
        "streams",
        "prefetch",
    },
    {
        "rewards",
        "environment",
        "probing/",
        "graphs/",
        "topology",
        "spectrum",
        "links/",
        "failures/",
        "communication",
        "network",
        "asked_rewards",
        "balls",
    },
    {"algorithms/"},
    {"policies", "metrics", "tracked", "central_trace", "assignment_trace", "statistics", "guides", "provenance"},
    {
        "engines/__init__",
        "engines/agent_round",
        "engines/message_arrays",
        "engines/message_plan",
        "engines/message_rounds",
        "engines/messages",
        "engines/rounds",
        "engines/assignment_rounds",
        "engines/assignment_value",
        "engines/central_rounds",
        "engines/threads",
        "engines/ray_folder",
        "engines/ray_signals",
        "engines/ray_session",
        "engines/ray_shipping",
        "engines/ray_cells",
        "engines/actors",
        "engines/agent_actor",
        "engines/capacity",
        "engines/coordinator",
        "engines/crew",
        "engines/crossing",
        "engines/machine",
        "engines/native",
        "engines/own_agents",
        "engines/own_message_rounds",
        "engines/own_messages",
        "engines/own_rounds",
        "engines/peers",
        "engines/plain_rounds",
        "engines/memory",
    },
    {
        "protocols",
        "spec",
        "graph_files",
        "overrides",
        "spec_models",
        "spec_build",
        "sweep",
        "cellfiles",
        "manifest",
        "folderlock",
        "runfolder",
        "assembly",
        "summary",
        "comparisons",
        "results",
        "units",
        "progress",
        "passed",
        "player",
        "plugins_used",
        "hyperparameters",
        "runner",
        "verify",
        "versus",
    },
    {
        "plotting",
        "drawings",
        "studies",
        "study_figures",
        "curves",
        "report/",
        "tables",
        "schema",
        "schema_texts",
        "starters",
        "testing/",
        "bridges/",
        "cli/",
        "__main__",
    },
]
# Its `import gossipmab` is for __version__; it has no level, for it only hands names on, lazily.
ROOT = "__init__"
MATPLOTLIB = {"testing/", "plotting", "drawings", "study_figures", "report/pictures"}
# Beginnings of the names: the two Ray engines and what they share.
RAY = ("engines/ray_", "engines/actor", "engines/agent_actor", "engines/crew", "engines/coordinator")


def files() -> list[str]:
    """All modules as paths without suffix, relative to the package."""
    return sorted(path.relative_to(PACKAGE).with_suffix("").as_posix() for path in PACKAGE.rglob("*.py"))


def level(name: str) -> int:
    for number, members in enumerate(LEVELS):
        if name in members or any(name.startswith(folder) for folder in members if folder.endswith("/")):
            return number
    raise LookupError(f"{name}.py stands on no level: place it in LEVELS")


def for_types_only(node: ast.AST) -> bool:
    return isinstance(node, ast.If) and "TYPE_CHECKING" in ast.unparse(node.test)


def imports(node: ast.AST) -> Iterator[ast.Import | ast.ImportFrom]:
    """All import statements that run, those inside functions too."""
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Import | ast.ImportFrom):
            yield child
        elif not for_types_only(child):
            yield from imports(child)
        else:
            for other in child.orelse:  # type: ignore[attr-defined]
                yield from imports(other)


def imported_modules(name: str) -> set[str]:
    """Dotted names of all that a file imports; `from package import module` counts as the module."""
    found: set[str] = set()
    for node in imports(ast.parse((PACKAGE / f"{name}.py").read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found.update(alias.name for alias in node.names)
            continue
        assert node.level == 0, f"{name}.py: relative import"
        base = node.module or ""
        for alias in node.names:
            inside = base.startswith("gossipmab") and own_file(f"{base}.{alias.name}") is not None
            found.add(f"{base}.{alias.name}" if inside else base)
    return found


def own_file(module: str) -> str | None:
    """The file of a dotted name of this package, or None."""
    if module == "gossipmab":
        return ROOT
    if not module.startswith("gossipmab."):
        return None
    name = module.removeprefix("gossipmab.").replace(".", "/")
    return next((found for found in (name, f"{name}/__init__") if (PACKAGE / f"{found}.py").is_file()), None)


@pytest.mark.parametrize("name", [name for name in files() if name != ROOT])
def test_every_file_imports_only_from_its_level_and_above(name: str) -> None:
    here = level(name)
    for module in imported_modules(name):
        target = own_file(module)
        if target is not None and target != ROOT:
            assert level(target) <= here, f"{name}.py (L{here}) imports {target}.py (L{level(target)})"


def test_no_file_imports_itself_by_way_of_others() -> None:
    graph = {
        name: {file for m in imported_modules(name) if (file := own_file(m)) not in (None, ROOT)} for name in files()
    }
    del graph[ROOT]
    for name in graph:  # a package's __init__ hands on the names of its files, which may import one another
        graph[name].discard(name)
    try:
        list(TopologicalSorter(graph).static_order())
    except CycleError as error:
        pytest.fail(" -> ".join(error.args[1]))


def test_only_the_named_files_import_matplotlib_and_ray() -> None:
    for name in files():
        roots = {module.split(".")[0] for module in imported_modules(name)}
        assert "matplotlib" not in roots or name in MATPLOTLIB, name
        assert "ray" not in roots or name.startswith(RAY), name
        assert "pickle" not in roots, name


PROTOCOLS = {"algorithms/protocol", "algorithms/central/protocol", "algorithms/assignment/protocol"}


def test_algorithms_do_not_import_one_another() -> None:
    """One algorithm per file, no helpers from siblings: a file can be read on its own."""
    algorithms = [
        name for name in files() if name.startswith("algorithms/") and not name.endswith(("__init__", "/protocol"))
    ]
    assert len(algorithms) >= 3
    for name in algorithms:
        targets = {own_file(module) for module in imported_modules(name)} - {None}
        assert not {t for t in targets if t is not None and t.startswith("algorithms/")} - PROTOCOLS, name


def loaded_after(statement: str) -> set[str]:
    """Top-level modules that a fresh interpreter has loaded after the statement."""
    code = f"{statement}\nimport sys\nprint(*{{name.split('.')[0] for name in sys.modules}})"
    done = subprocess.run(
        [sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=True, timeout=120
    )
    return set(done.stdout.split())


def test_importing_the_package_loads_nothing_heavy() -> None:
    loaded = loaded_after("import gossipmab; gossipmab.__version__; dir(gossipmab)")
    assert "gossipmab" in loaded
    assert not loaded & {"numba", "llvmlite", "matplotlib", "ray", "scipy", "pandas", "networkx", "numpy", "pyarrow"}


def test_simulating_loads_neither_matplotlib_nor_ray() -> None:
    loaded = loaded_after("import gossipmab as gm; gm.simulate; gm.Environment; gm.Network; gm.run; gm.ParetoUCBGossip")
    assert "numba" in loaded
    assert not loaded & {"matplotlib", "ray"}


def test_every_public_name_is_there() -> None:
    for name in gossipmab.__all__:
        assert getattr(gossipmab, name) is not None
    assert set(gossipmab.__all__) <= set(dir(gossipmab))
    with pytest.raises(AttributeError, match="no attribute 'simulatte'"):
        _ = gossipmab.simulatte


def test_the_table_of_levels_names_what_is_there() -> None:
    """So that a file that went leaves the table too (the Ray engines are still to come)."""
    named = {name for members in LEVELS for name in members if not name.endswith("/")}
    assert all(name.startswith(RAY) for name in named - set(files()))


def test_the_caches_of_compiled_code_look_at_all_levels_but_the_upper_two() -> None:
    from gossipmab.utils.jit import UPPER

    named = {name.rstrip("/") if name.endswith("/") else f"{name}.py" for members in LEVELS[-2:] for name in members}
    assert set(UPPER) == named
