"""The documentation site: `make docs`, or `sphinx-build -W --keep-going -n docs docs/_build/html`."""

import os
import sys
from pathlib import Path

HERE = Path(__file__).parent
sys.path[:0] = [str(HERE / "_ext"), str(HERE.parent)]

from sources import linkcode_resolve  # noqa: E402, F401

from gossipmab import __version__  # noqa: E402

project = "gossipmab"
author = copyright = "The gossipmab authors"
release = version = __version__
extensions = [
    "myst_nb",
    "sphinx.ext.autodoc",
    "sphinx.ext.napoleon",
    "sphinx.ext.linkcode",
    "sphinx_copybutton",
    "mathml",
    "sources",
    "plain_docstrings",
    "gallery",
    "notebooks",
    "whole_streams",
]
exclude_patterns = ["_build", "_ext", "figures"]
suppress_warnings = ["misc.highlighting_failure"]  # apostrophes in consoles

# Formulas and links. Anchors of headings are GitHub's, so that the pages read the same there.
html_math_renderer = "mathml"
myst_enable_extensions = ["dollarmath", "colon_fence", "attrs_inline"]
myst_heading_anchors = 4

# Code on the pages is played when the site is built, each page in a folder of its own; an error fails the build.
nb_execution_mode = "cache"
nb_execution_cache_path = str(HERE / "_build" / "jupyter_cache")
nb_execution_in_temp = True
nb_execution_raise_on_error = True
nb_execution_timeout = 600
nb_merge_streams = True
os.environ |= {
    "PATH": f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}",
    "PYTHONPATH": os.pathsep.join([str(HERE.parent), os.environ.get("PYTHONPATH", "")]).rstrip(os.pathsep),
    "NO_COLOR": "1",
    "TERM": "dumb",
    "COLUMNS": "100",
}

# API reference: names are written as users import them.
autodoc_member_order = "bysource"
autodoc_typehints = "signature"
autodoc_typehints_format = "short"
autodoc_preserve_defaults = True
python_use_unqualified_type_names = True
nitpick_ignore_regex = [("py:.*", ".*")]  # types of NumPy, pandas and others, which this site does not document
copybutton_exclude = ".linenos, .gp, .go"

html_theme = "furo"
html_title = f"gossipmab {version}"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
pygments_style, pygments_dark_style = "default", "github-dark"
html_theme_options = {"navigation_with_keys": True}
