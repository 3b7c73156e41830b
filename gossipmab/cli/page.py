"""docs/cli.md, made from the commands themselves: python -m gossipmab.cli.page > docs/cli.md."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from inspect import signature
from pathlib import Path
from typing import Any, NamedTuple, get_args, get_type_hints

from gossipmab.cli.app import COMMANDS, STARTERS
from gossipmab.cli.console import EXIT_CODES
from gossipmab.cli.help_examples import EXAMPLES, START
from gossipmab.cli.json_output import KEYS

HEAD = """# The command line

This page is made from the commands themselves (`python -m gossipmab.cli.page`); `gossipmab COMMAND --help` says the same.

* **Where things go.** Results are printed to stdout, all else (errors in one line, progress, notes) to stderr.
* **Colour** on terminals only; none with `NO_COLOR` set or `TERM=dumb`.
* **`--quiet`** prints nothing but errors.
* **`--json`** prints one JSON document and nothing else to stdout. It begins with `gossipmab`, the version, and `command`. Numbers
  that JSON does not have (nan, infinities) are `null`. Where the exit code is 2 or more, nothing is printed. Later versions add
  keys, and rename none within a major version.
* **Completion** of commands, options and shipped names: `gossipmab --install-completion`, or `source <(gossipmab completion bash)`.
* **Editors** complete and check experiment files by a [JSON schema](experiment.schema.json): put it beside the file by
  `gossipmab schema --out experiment.schema.json`, and begin the file with `#:schema ./experiment.schema.json`, which taplo and Even
  Better TOML understand. `gossipmab new experiment` does both. It asks for `horizon` and `seed` even where [sweep] alone has them.
"""
WORDS = {int: "INTEGER", float: "NUMBER", str: "TEXT", Path: "PATH"}


class Parameter(NamedTuple):
    """An argument or option of a command: as it is typed, what it is for; required or not, an option or not."""

    said: str
    help: str
    required: bool
    option: bool


def page() -> str:
    """The whole page."""
    return "\n".join(lines()) + "\n"


def lines() -> Iterator[str]:
    """The page line by line."""
    yield HEAD
    yield from ("## Exit codes", "", "| code | meaning |", "|---|---|")
    yield from (f"| {code} | {meaning} |" for code, meaning in EXIT_CODES.items())
    yield from ("", "## To begin with", "")
    yield from examples(START)
    for group, commands in COMMANDS.items():
        yield from (f"## {group}", "")
        for name, command in commands.items():
            yield from section(name, command)
    for name, command in STARTERS.items():
        yield from section(f"new {name}", command)


def section(name: str, command: Callable[..., Any]) -> Iterator[str]:
    """A command: what it does, its arguments and options, examples, the keys of its JSON document."""
    found = parameters(command)
    words = [one.said if one.required else f"[{one.said}]" for one in found if not one.option]
    yield from (f"### {' '.join(['gossipmab', name, *words])}", "", str(command.__doc__), "")
    yield from ("| | |", "|---|---|")
    yield from (f"| `{one.said}` | {one.help.replace('<', '&lt;')} |" for one in found)
    yield ""
    yield from examples(name)
    if name in KEYS:
        yield from ("| `--json` | |", "|---|---|")
        yield from (f"| `{key}` | {meaning} |" for key, meaning in KEYS[name].items())
        yield ""


def parameters(command: Callable[..., Any]) -> list[Parameter]:
    """The arguments and options of a command, read from its signature."""
    hints = get_type_hints(command, include_extras=True)
    found = []
    for name, one in signature(command).parameters.items():
        hint, info = get_args(hints[name])[:2]
        word = next((word for kind, word in WORDS.items() if kind in (hint, *get_args(hint))), "")
        default = None if one.default in (None, False, Path(), one.empty) else one.default
        help_text = f"{info.help}{f' Default: `{default}`.' if default is not None else ''}"
        option = type(info).__name__ == "OptionInfo"
        if option:
            given = [one for one in (info.default, *(info.param_decls or ())) if str(one).startswith("-")]
            names = ", ".join(given or ["--" + name.replace("_", "-")])
            said = f"{names} {info.metavar or word}".strip()
        else:
            said = info.metavar.strip("[].")
        found.append(Parameter(said, help_text, one.default is one.empty, option))
    return found


def examples(name: str) -> Iterator[str]:
    """The examples as a block."""
    yield "```console"
    for example in EXAMPLES[name]:
        yield from (f"# {example.what}", example.line)
    yield from ("```", "")


if __name__ == "__main__":
    sys.stdout.write(page())
