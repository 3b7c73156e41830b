"""Examples, with which every command's --help and section of docs/cli.md end."""

from __future__ import annotations

from typing import NamedTuple

from gossipmab.cli.console import EXIT_CODES


class Example(NamedTuple):
    """A purpose, and the command line that serves it."""

    what: str
    line: str


START = "gossipmab"  # without a command
EXAMPLES: dict[str, tuple[Example, ...]] = {
    START: (
        Example("a first look, in seconds", "gossipmab run quickstart"),
        Example("what there is to run", "gossipmab list"),
        Example("an experiment of your own", "gossipmab new experiment mine && gossipmab run mine.toml"),
    ),
    "run": (
        Example("a shipped experiment, by name", "gossipmab run quickstart"),
        Example("your own, into a folder of your choice", "gossipmab run mine.toml --out runs/first"),
        Example("shorter, and with another network", "gossipmab run quickstart --set experiment.trials=3 --set network.base=ring"),
        Example("as Ray tasks on a cluster, the same bits", "gossipmab run pareto_regret --engine ray --address auto"),
        Example("every agent a process of its own", "gossipmab run decentralized --engine actors"),
        Example("all trials side by side on a GPU, the same bits", "gossipmab run pareto_regret --engine gpu"),
        Example("for a script: nothing but one JSON document", "gossipmab run quickstart --json > result.json"),
    ),
    "study": (
        Example("what the base graph costs, in a minute", "gossipmab study spectral-gap --quick"),
        Example("in full, on four processors", "gossipmab study failures --workers 4"),
    ),
    "cluster check": (Example("on a node of the cluster, before a run", "gossipmab cluster check --address 10.0.0.5:6379"),),
    "summary": (
        Example("the tables of a run, finished or not", "gossipmab summary runs/quickstart"),
        Example("as a table of LaTeX", "gossipmab summary runs/quickstart --format latex --columns algorithm,regret,interval,p"),
        Example("its final regrets alone", "gossipmab summary runs/quickstart --json | jq '.rows[].pareto_regret'"),
    ),
    "compare": (Example("what a change did", "gossipmab compare runs/quickstart runs/mine"),),
    "plot": (
        Example("the figures as PNG and SVG", "gossipmab plot runs/quickstart"),
        Example(
            "for a column of a journal, with a bound's order",
            "gossipmab plot runs/quickstart --width column --format pdf --bound auto",
        ),
        Example(
            "one sweep point, two algorithms",
            "gossipmab plot runs/connectivity --where link_probability=0.1 --curves pareto_ucb_gossip,pareto_gossip",
        ),
    ),
    "animate": (
        Example("agents by regret, links as they come and go", "gossipmab animate decentralized --out decentralized.gif"),
        Example(
            "disagreement on a ring, as a page with buttons",
            "gossipmab animate topologies --where base=ring --colour disagreement --out ring.html",
        ),
    ),
    "report": (
        Example("one file to send round", "gossipmab report runs/quickstart --out quickstart.html"),
        Example("a run in progress, in the browser", "gossipmab report runs/pareto_regret --watch"),
    ),
    "cite": (Example("into your bibliography", "gossipmab cite runs/quickstart > quickstart.bib"),),
    "verify": (
        Example("checksums, and one cell played again", "gossipmab verify runs/quickstart"),
        Example("every cell played again", "gossipmab verify runs/quickstart --cell all --quiet"),
    ),
    "runs": (
        Example("what lies in runs/", "gossipmab runs"),
        Example("their folders alone", "gossipmab runs --json | jq -r '.runs[].path'"),
    ),
    "list": (
        Example("as tables", "gossipmab list"),
        Example("the names of the experiments", "gossipmab list --json | jq -r '.experiments[].name'"),
    ),
    "topology": (
        Example("all shipped base graphs", "gossipmab topology"),
        Example("two of them at p = 0.3", "gossipmab topology petersen ring --agents 20 --p 0.3"),
        Example("your own file", "gossipmab topology mine.toml --agents 12 --out mine.svg"),
    ),
    "new experiment": (
        Example("mine.toml, and the schema that lets editors complete its keys", "gossipmab new experiment mine"),
        Example("one with learners in a game", "gossipmab new experiment mine --protocol marl"),
    ),
    "new topology": (
        Example("a generator of networkx", "gossipmab new topology small_world"),
        Example("an edge list", "gossipmab new topology office.edges"),
    ),
    "new algorithm": (
        Example("a package that pip installs", "gossipmab new algorithm my_algorithm && pip install -e my_algorithm"),
    ),
    "schema": (Example("beside your experiments, for editors", "gossipmab schema --out experiment.schema.json"),),
}


def epilog(name: str) -> str:
    """The end of a command's --help: examples, and without a command the exit codes; a paragraph each, as Typer wants them."""
    lines = [f"{example.what}:  {example.line}" for example in EXAMPLES[name]]
    if name == START:
        lines += [f"exit code {code}:  {meaning}" for code, meaning in EXIT_CODES.items()]
        lines += ["Results go to stdout, all else to stderr. Colour on terminals only, none with NO_COLOR."]
    return "\n\n".join(lines)
