"""The mathematics font that reports carry: `python tools/subset_font.py latinmodern-math.otf`.

Needs fonttools and brotli. The source is Latin Modern Math of GUST (Debian package lmodern, or TeX
Live). The subset holds the characters that reports show, with the tables that stretch brackets,
and has a name of its own, as the font's licence asks of changed versions.
"""

from __future__ import annotations

import sys
from pathlib import Path

from fontTools import subset
from fontTools.ttLib import TTFont

TARGET = Path(__file__).parents[1] / "src/gradwright/report/font/gradwright-math.woff2"
NAME = "Gradwright Math"

#: Ranges of characters: Latin, Greek, punctuation, letters like ℝ, arrows, operators, brackets,
#: and the italic alphabets that mathematics is set in.
RANGES = [
    (0x20, 0x7E),
    (0xB1, 0xB1),
    (0xB7, 0xB7),
    (0xD7, 0xD7),
    (0x391, 0x3A9),
    (0x3B1, 0x3F5),
    (0x2010, 0x2026),
    (0x2032, 0x2034),
    (0x2061, 0x2064),
    (0x2102, 0x2124),
    (0x2190, 0x2194),
    (0x21A6, 0x21A6),
    (0x2200, 0x222B),
    (0x2236, 0x2265),
    (0x2295, 0x22A5),
    (0x22C5, 0x22C6),
    (0x22EE, 0x22F1),
    (0x2308, 0x230B),
    (0x239B, 0x23B3),
    (0x23DE, 0x23DF),
    (0x27E6, 0x27E9),
    (0x1D434, 0x1D467),
    (0x1D6E2, 0x1D71B),
]


def main(source: str) -> None:
    """Write the subset."""
    font = TTFont(source)
    options = subset.Options()
    options.layout_features = ["ssty", "kern"]
    options.notdef_outline = True
    options.flavor = "woff2"
    options.desubroutinize = True
    worker = subset.Subsetter(options)
    worker.populate(unicodes=[c for low, high in RANGES for c in range(low, high + 1)])
    worker.subset(font)
    for record in font["name"].names:
        if record.nameID in (1, 3, 4, 16):
            record.string = NAME
        elif record.nameID == 6:
            record.string = NAME.replace(" ", "")
    if "CFF " in font:
        font["CFF "].cff.fontNames[0] = NAME.replace(" ", "")
    TARGET.parent.mkdir(parents=True, exist_ok=True)
    subset.save_font(font, str(TARGET), options)
    print(f"{TARGET}: {TARGET.stat().st_size} bytes")


if __name__ == "__main__":
    main(sys.argv[1])
