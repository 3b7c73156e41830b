"""What is released: the wheel and the sdist, built here, installed in a clean environment, and run outside the checkout."""

import os
import re
import shutil
import subprocess
import sys
import sysconfig
import tarfile
import tomllib
import zipfile
from email.parser import HeaderParser
from pathlib import Path
from typing import Any

import pytest

import gossipmab as gm
from gossipmab.cli import call
from tests.tiny import Capsys

ROOT = Path(gm.__file__).parent.parent
QUICK = ("--set", "experiment.trials=1", "--set", "experiment.horizon=100", "--workers", "1", "--quiet")


def build(source: Path, folder: Path, target: str) -> list[Path]:
    """What hatchling makes of a source tree; it writes to the folder only."""
    command = [sys.executable, "-m", "hatchling", "build", "-d", str(folder), "-t", target]
    subprocess.run(command, cwd=source, check=True, capture_output=True, timeout=120)
    return sorted(folder.iterdir())


def contents(wheel: Path) -> dict[str, bytes]:
    """Name -> bytes of everything in a wheel."""
    with zipfile.ZipFile(wheel) as archive:
        return {name: archive.read(name) for name in archive.namelist()}


def outside(python: Path, arguments: list[str], cwd: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    """Run an interpreter as somebody would who has never seen the checkout."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "NUMBA_CACHE_DIR", "VIRTUAL_ENV")
    environment = {key: value for key, value in os.environ.items() if key not in hidden}
    return subprocess.run([python, *arguments], cwd=cwd, env=environment | environ, capture_output=True, text=True, timeout=280)


def built(target: str) -> Any:
    @pytest.fixture(scope="module")
    def made(tmp_path_factory: pytest.TempPathFactory) -> Path:
        [found] = build(ROOT, tmp_path_factory.mktemp(target), target)
        return found

    return made


wheel, sdist = built("wheel"), built("sdist")


@pytest.fixture(scope="module")
def python(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The interpreter of an environment that has the wheel, and borrows the dependencies of the running one."""
    place = tmp_path_factory.mktemp("clean") / "venv"
    subprocess.run([sys.executable, "-m", "venv", "--without-pip", str(place)], check=True, timeout=60)
    [site] = place.glob("lib/python*/site-packages")
    (site / "borrowed.pth").write_text(f"{sysconfig.get_path('purelib')}\n{sysconfig.get_path('platlib')}\n")
    found = place / "bin" / "python"
    install = [sys.executable, "-m", "pip", "--python", str(found), "install", "-q", "--no-deps", "--no-index", str(wheel)]
    subprocess.run(install, check=True, timeout=120)
    return found


def test_the_wheel_holds_the_package_and_nothing_else(wheel: Path) -> None:
    names = contents(wheel)
    assert {name.split("/")[0] for name in names} == {"gossipmab", f"gossipmab-{gm.__version__}.dist-info"}
    assert "gossipmab/py.typed" in names
    assert not [name for name in names if "__pycache__" in name or name.endswith((".pyc", ".nbi", ".nbc"))]
    sources = {path.relative_to(ROOT).as_posix() for path in (ROOT / "gossipmab").rglob("*.py")}
    assert sources == {name for name in names if name.endswith(".py")}
    starters = [path for path in (ROOT / "gossipmab" / "cli" / "starters").rglob("*") if path.is_file()]
    assert len(starters) > 5
    for path in starters:
        assert names[path.relative_to(ROOT).as_posix()] == path.read_bytes()
    for kind in ("experiments", "topologies"):
        for path in (ROOT / kind).iterdir():
            assert names[f"gossipmab/_shipped/{kind}/{path.name}"] == path.read_bytes()


def test_the_version_is_said_once_and_is_the_same_everywhere(wheel: Path, sdist: Path, capsys: Capsys) -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    assert "version" in project["project"]["dynamic"] and "version" not in project["project"]
    assert project["tool"]["hatch"]["version"]["path"] == "gossipmab/__init__.py"
    metadata = HeaderParser().parsestr(contents(wheel)[f"gossipmab-{gm.__version__}.dist-info/METADATA"].decode())
    assert metadata["Version"] == gm.__version__ and metadata["Requires-Python"] == ">=3.11"
    assert sdist.name == f"gossipmab-{gm.__version__}.tar.gz"
    [cited] = re.findall(r"^version: (.+)$", (ROOT / "CITATION.cff").read_text(), re.MULTILINE)
    assert cited == gm.__version__
    assert call(["--version"]) == 0 and capsys.readouterr().out == f"gossipmab {gm.__version__}\n"
    pattern = re.compile(rf"""["']{re.escape(gm.__version__)}["']""")
    saying = [path for path in (ROOT / "gossipmab").rglob("*.py") if pattern.search(path.read_text(encoding="utf-8"))]
    assert saying == [ROOT / "gossipmab" / "__init__.py"]


def test_the_sdist_makes_the_same_wheel(wheel: Path, sdist: Path, tmp_path: Path) -> None:
    with tarfile.open(sdist) as archive:
        archive.extractall(tmp_path, filter="data")
    source = tmp_path / sdist.name.removesuffix(".tar.gz")
    assert (source / "tests" / "test_release.py").is_file() and (source / "docs" / "cli.md").is_file()
    [again] = build(source, tmp_path / "dist", "wheel")
    assert contents(again) == contents(wheel)


@pytest.mark.slow
def test_the_wheel_runs_in_a_clean_environment(python: Path, tmp_path: Path) -> None:
    where = outside(python, ["-c", "import gossipmab; print(gossipmab.__file__)"], tmp_path)
    assert Path(where.stdout).is_relative_to(python.parent.parent)
    command = outside(python.with_name("gossipmab"), ["--version"], tmp_path)
    assert (command.returncode, command.stdout, command.stderr) == (0, f"gossipmab {gm.__version__}\n", "")
    for arguments in (["new", "experiment", "mine"], ["new", "topology", "net.edges"], ["run", "quickstart", *QUICK]):
        # Interpreted, with the same bits: compiling everything anew would take most of a minute.
        done = outside(python, ["-m", "gossipmab", *arguments], tmp_path, NUMBA_DISABLE_JIT="1")
        assert (done.returncode, done.stderr) == (0, "")
    assert (tmp_path / "mine.toml").is_file() and (tmp_path / "net.edges").is_file()
    there, here = tmp_path / "runs" / "quickstart", tmp_path / "here"
    assert (there / "figures" / "pareto_regret.png").is_file()
    assert call(["run", "quickstart", "--out", str(here), *QUICK]) == 0
    pairs = zip(gm.open_run(there).traces.values(), gm.open_run(here).traces.values(), strict=True)
    assert [gm.same_bits(one, other) for one, other in pairs] == [[], []]


@pytest.mark.slow
def test_a_users_program_passes_mypy_strict_by_the_installed_types(python: Path, tmp_path: Path) -> None:
    pytest.importorskip("mypy")
    program = Path(__file__).parent / "typing" / "user_program.py"
    wrong = program.read_text().replace("regret(Greedy(), 50)", 'regret(Greedy(), "many")')
    wrong = wrong.replace("names: list[str] =", "names: list[int] =").replace("horizon=horizon", 'horizon="many"')
    (tmp_path / "wrong.py").write_text(wrong)
    shutil.copy(program, tmp_path / "program.py")
    check = ["-m", "mypy", "--strict", "--python-executable", str(python), "--cache-dir", str(tmp_path / "cache")]
    good = outside(Path(sys.executable), [*check, "program.py"], tmp_path)
    assert good.returncode == 0, good.stdout
    bad = outside(Path(sys.executable), [*check, "wrong.py"], tmp_path)
    assert bad.stdout.count(" error: ") == 3 and '"str"; expected "int"' in bad.stdout, bad.stdout
    ran = outside(python, ["program.py"], tmp_path)
    assert ran.returncode == 0 and "True ['pareto_ucb_gossip', 'pooled radius'] 2" in ran.stdout, ran.stderr


def interpreters() -> dict[str, Path]:
    """Minor version -> an interpreter of each supported version that is on this machine, the running one left out."""
    classifiers = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]["classifiers"]
    versions = [found[1] for one in classifiers if (found := re.search(r"Python :: (3\.\d+)$", one))]
    roots = Path(os.environ.get("PYENV_ROOT", Path.home() / ".pyenv")) / "versions"
    found = {}
    for version in versions:
        candidates = sorted(roots.glob(f"{version}.*/bin/python{version}"))
        candidates += [Path(path) for path in [shutil.which(f"python{version}")] if path]
        for candidate in candidates:
            said = subprocess.run([candidate, "--version"], capture_output=True, text=True)
            if said.returncode == 0 and said.stdout.startswith(f"Python {version}."):
                found[version] = candidate
                break
    found.pop("{}.{}".format(*sys.version_info), None)
    return found


@pytest.mark.slow
@pytest.mark.timeout(1800)
def test_all_supported_versions_of_python_play_the_same_bits(wheel: Path, tmp_path: Path, capsys: Capsys) -> None:
    """Each installs the wheel with its dependencies from the index; skipped where there is no other Python."""
    found = interpreters()
    if not found:
        pytest.skip("no other supported Python is here")
    here = tmp_path / "here"
    assert call(["run", "quickstart", "--out", str(here), *QUICK]) == 0
    for version, interpreter in found.items():
        place = tmp_path / version
        own = place / "bin" / "python"
        for command in ([interpreter, "-m", "venv", place], [own, "-m", "pip", "install", "-q", wheel]):
            subprocess.run(command, check=True, cwd=tmp_path, timeout=1200)
        ran = outside(own, ["-W", "error::DeprecationWarning:gossipmab", "-m", "gossipmab", "run", "quickstart", *QUICK], place)
        assert ran.returncode == 0, (version, ran.stderr)
        capsys.readouterr()
        assert call(["compare", str(here), str(place / "runs" / "quickstart")]) == 0
        assert "All 2 matching cells are equal bit for bit." in capsys.readouterr().out, version
