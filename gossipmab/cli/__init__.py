"""The command line: every command is a function whose signature is its arguments and options.

Commands only call the rooms below and print; heavy imports stand inside the functions. Start reading in app.py, where the commands
are listed, and in main.py for errors and exit codes.
"""

from __future__ import annotations

from gossipmab.cli.main import call as call, main as main
