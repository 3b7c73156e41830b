"""Tables as LaTeX."""

from __future__ import annotations

import re
from collections.abc import Sequence

LATEX = str.maketrans({c: f"\\{c}" for c in "&%$#_{}"} | {"\\": r"\textbackslash{}", "~": r"\textasciitilde{}", "^": r"\^{}"})


def latex_table(title: str, headings: Sequence[str], rows: Sequence[Sequence[str]], words: int, note: str = "") -> str:
    """A table with the rules of the package booktabs. words: columns from the left that are flush left."""
    lines = [" & ".join(map(in_latex, row)) + r" \\" for row in (headings, *rows)]
    shape = "".join("l" if c < words else "r" for c in range(len(headings)))
    caption = f"{title}. {note}".rstrip(". ") + "."
    return "\n".join([
        r"\begin{table}", r"\centering", rf"\caption{{{in_latex(caption)}}}", rf"\begin{{tabular}}{{{shape}}}", r"\toprule",
        lines[0], r"\midrule", *lines[1:], r"\bottomrule", r"\end{tabular}", r"\end{table}", "",
    ])  # fmt: skip


def in_latex(text: str) -> str:
    """The text with LaTeX's own signs escaped, and numbers such as 7.3e-04 as formulas."""
    return re.sub(
        r"\b(\d[\d.]*)e([+-])0*(\d+)", lambda m: rf"${m[1]} \times 10^{{{m[2].strip('+')}{m[3]}}}$", text.translate(LATEX)
    )
