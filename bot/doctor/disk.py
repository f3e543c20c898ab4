"""The disk that the data folder is on: can the folder be written, and is there space left?"""

from __future__ import annotations

import errno
import shutil
import tempfile
from pathlib import Path

from bot.doctor.finding import Finding

LOW_SPACE = 1_000_000_000
"""Bytes. Below, the doctor warns."""
CRITICAL_SPACE = 50_000_000
"""Bytes. Below, a busy day's log may not fit any more."""


def check_folder(folder: Path) -> Finding:
    """Whether the data folder, or the one in which it will be made, takes a file. Leaves nothing behind."""
    place = _nearest(folder)
    try:
        with tempfile.TemporaryFile(dir=place):
            pass
    except OSError as error:
        return Finding(about="data folder", state="wrong", found=f"{place}: {error.strerror}", mend=_fix(error))
    made = "can be written" if place == folder else "will be made at the first start"
    return Finding(about="data folder", state="ok", found=f"{folder} {made}")


def _fix(error: OSError) -> str:
    another = "name another folder in TOWNHALL_DATA"
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return f"make space, or {another}"
    if error.errno == errno.ENOTDIR:
        return f"move the file of this name away, or {another}"
    return f"make it writable for this user, or {another}"


def check_space(folder: Path, free: int | None = None) -> Finding:
    """Whether enough space is left; `free` in bytes, as the system says unless it is given."""
    left = shutil.disk_usage(_nearest(folder)).free if free is None else free
    found = f"{left / 1e9:.1f} GB free" if left >= LOW_SPACE else f"{left / 1e6:.0f} MB free"
    if left >= LOW_SPACE:
        return Finding(about="disk", state="ok", found=found)
    return Finding(
        about="disk", state="warn" if left >= CRITICAL_SPACE else "wrong", found=found, mend="make space, or set TOWNHALL_DATA"
    )


def _nearest(folder: Path) -> Path:
    """The folder, or the nearest one around it that exists."""
    here = folder.absolute()
    return folder if folder.exists() else next(parent for parent in here.parents if parent.exists())
