"""How emitted NumPy code reads the codes of categories from columns of the inputs."""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.emit.unpacking import LayerSizes

#: `place` counts the layers, and `which` the columns of one, from 0.
NUMPY = '''

#: For each layer with codes of categories, counted from 0: their columns, and how many there are.
CODES = {codes}


def codes(X, place, which):
    """The codes in a column of X as indices."""
    column, count = CODES[place][which]
    values = X[:, column]
    if not np.all((values == np.floor(values)) & (values >= 0) & (values < count)):
        raise ValueError(f"column {{column}} of X has whole numbers from 0 to {{count - 1}}")
    return values.astype(np.intp)
'''


def codes_text(layers: Sequence[LayerSizes]) -> str:
    """The function that reads codes; nothing where no layer has some."""
    held = {place: layer.codes for place, layer in enumerate(layers) if layer.codes}
    return NUMPY.format(codes=held) if held else ""
