"""Films in files: GIF, a page that needs nothing from elsewhere, or MP4."""

from __future__ import annotations

import re
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from markupsafe import escape

from gossipmab.utils.atomic_write import write_whole
from gossipmab.utils.errors import InputError
from gossipmab.utils.validation import whole_number

if TYPE_CHECKING:
    from matplotlib.animation import FuncAnimation

SUFFIXES = (".gif", ".html", ".mp4")
MOST_FRAMES = 1_000
ICONS = {  # of matplotlib's player
    "minus": "−", "fast-backward": "|◀◀", "step-backward": "|◀", "play fa-flip-horizontal": "◀", "pause": "❚❚", "play": "▶",
    "step-forward": "▶|", "fast-forward": "▶▶|", "plus": "+",
}  # fmt: skip


def checked(out: str | Path | None, frames: int, fps: int) -> tuple[Path | None, int, int]:
    """The file, the number of frames and that a second of a film. Raises InputError if one of them is not allowed."""
    from matplotlib.animation import FFMpegWriter

    frames, fps = whole_number("frames", frames), whole_number("fps", fps)
    if frames > MOST_FRAMES:
        raise InputError(f"frames: got {frames}, allowed are 1 to {MOST_FRAMES}")
    path = None if out is None else Path(out)
    if path is not None and path.suffix not in SUFFIXES:
        raise InputError(f"--out: got {str(path)!r}, allowed is a file that ends in {', '.join(SUFFIXES)}")
    if path is not None and path.suffix == ".mp4" and not FFMpegWriter.isAvailable():
        raise InputError(f"--out: {str(path)!r} needs ffmpeg, which is not installed; allowed without are .gif and .html")
    return path, frames, fps


def saved(drawn: FuncAnimation, path: Path, fps: int) -> Path:
    """Write the film into the file, whole or not at all; returns its path."""
    import matplotlib as mpl
    from matplotlib.animation import FFMpegWriter, PillowWriter

    if path.suffix == ".html":
        with mpl.rc_context({"animation.embed_limit": 500.0}):  # MB; frames are pictures within the page
            player = re.sub(r"<link[^>]*>", "", drawn.to_jshtml(fps=fps))  # a font of icons, from elsewhere
        player = re.sub(
            r'<i class="fa fa-([a-z-]+)( fa-flip-horizontal)?"></i>', lambda icon: ICONS[icon[1] + (icon[2] or "")], player
        )
        page = f'<!doctype html><meta charset="utf-8"><title>{escape(path.stem)}</title>{player}'.encode()
    else:
        with tempfile.TemporaryDirectory() as folder:
            file = Path(folder) / path.name
            drawn.save(file, writer=PillowWriter(fps) if path.suffix == ".gif" else FFMpegWriter(fps))
            page = file.read_bytes()
    path.parent.mkdir(parents=True, exist_ok=True)
    write_whole(path, page)
    return path
