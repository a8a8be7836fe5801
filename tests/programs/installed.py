"""Programs that some tests need, where they are on this machine."""

from __future__ import annotations

import os
import shutil

CHROMIUM = os.environ.get("GRADWRIGHT_CHROMIUM") or shutil.which("chromium")
PDFLATEX = shutil.which("pdflatex")
#: KaTeX is installed by npm into a temporary folder; both are needed.
NODE = shutil.which("node") if shutil.which("npm") else None
#: What the C target is compiled with.
COMPILER = next(filter(None, map(shutil.which, ("cc", "gcc", "clang"))), None)
