"""The driver: one parser, so many seconds, a fixed seed. The content that breaks it is written into the folder --found."""

import argparse
import sys
import tempfile
import warnings
from pathlib import Path

import atheris

OURS = ("arrays", "cellfiles", "environment", "errors", "links", "manifest", "overrides", "reading", "spec", "sweep", "topology")
OTHERS = ("tomllib", "json", "networkx.readwrite.graphml", "numpy.lib._format_impl")
with atheris.instrument_imports(include=[*(f"gossipmab.{name}" for name in OURS), *OTHERS]):
    from tests.fuzz.parsers import PARSERS, tried

said = argparse.ArgumentParser(prog="python -m tests.fuzz")
said.add_argument("name", choices=PARSERS)
said.add_argument("--seconds", type=int, default=20)
said.add_argument("--seed", type=int, default=1)
said.add_argument("--found", type=Path, default=Path())
given = said.parse_args()
corpus = Path(tempfile.mkdtemp(prefix="corpus"))
for number, content in enumerate(PARSERS[given.name].seeds()):
    (corpus / f"seed{number}").write_bytes(content)
warnings.simplefilter("ignore")  # a parser may warn; what counts is what it raises
limits = [f"-max_total_time={given.seconds}", f"-seed={given.seed}", "-timeout=20", "-rss_limit_mb=3072", "-max_len=20000"]
atheris.Setup(
    [sys.argv[0], *limits, f"-artifact_prefix={given.found}/{given.name}-", str(corpus)], lambda content: tried(given.name, content)
)
atheris.Fuzz()
