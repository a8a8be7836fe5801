"""Networks as text: `64 -> 32 relu -> 30 * 16 tanh -> 10 softmax`."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from difflib import get_close_matches
from fractions import Fraction

from msgspec import Struct
from msgspec.structs import replace

from gradwright.core.nodes import Size
from gradwright.errors import LimitError, NetworkError, Span
from gradwright.nn.activations import ACTIVATIONS, Options, resolve_options
from gradwright.nn.embedding import EMBEDDING, MAX_CATEGORIES, embedding
from gradwright.nn.layer import Layer
from gradwright.nn.named_layers import NAMED, is_named, named_layer, option_names
from gradwright.nn.tokens import EXAMPLE, TOKEN, Reader, Token
from gradwright.nn.unplaced_layer import MAX_WIDTH, UnplacedLayer

MAX_LAYERS = 100_000


class LayerGroup(Struct, frozen=True):
    """`count * fan_out activation`: equal layers in a row; sizes are numbers or names.

    A `layer` that has a name of its own stands for `fan_out activation`.
    """

    count: Size
    fan_in: Size
    fan_out: Size
    activation: str
    options: Options
    bias: bool
    span: Span
    layer: UnplacedLayer | None = None

    @property
    def sizes(self) -> tuple[Size, Size, Size]:
        """All its sizes."""
        return self.count, self.fan_in, self.fan_out


def parse_network(text: str) -> tuple[Layer, ...]:
    """The layers of a network whose sizes are numbers.

    >>> [(layer.fan_in, layer.fan_out) for layer in parse_network("4 -> 2 * 6 relu -> 3 softmax")]
    [(4, 6), (6, 6), (6, 3)]

    Raises:
        NotationError: the text cannot be read.
        NetworkError: an unknown activation or option, a size that is a name, or no text at all.
        LimitError: the text is too long, there are too many layers, or a width is out of range.
    """
    return _layers(text, parse_groups(text))


def parse_piece(text: str, width: int | None) -> tuple[int, tuple[Layer, ...]]:
    """(the units behind it, the layers) of a piece of a network's text.

    A piece starts with the number of inputs where `width` is None, else with a layer behind
    `width` units.

    Raises:
        NotationError, NetworkError, LimitError: as `parse_network`.
    """
    behind, groups = _groups(text, width)
    layers = _layers(text, groups)
    if not isinstance(behind, int):
        raise NetworkError(
            "a network as a list",
            f"{behind} stands for any number of inputs, and a list has numbers",
            "write the number of inputs",
            text=text,
        )
    return behind, layers


def piece_groups(text: str, width: Size) -> tuple[LayerGroup, ...]:
    """The layers of a piece behind `width` units, equal ones together.

    Raises:
        NotationError, NetworkError, LimitError: as `parse_network`.
    """
    return _groups(text, width)[1]


def _layers(text: str, groups: Sequence[LayerGroup]) -> tuple[Layer, ...]:
    """The layers one by one."""
    require_numbers(text, groups)
    found: list[Layer] = []
    for group in groups:
        count, fan_in, fan_out = (int(size) for size in group.sizes)
        if group.layer is not None:
            named = replace(group.layer.layer(fan_in, len(found) + 1), span=group.span)
            found += [named] * count
            continue
        made = Layer(fan_in, fan_out, group.activation, group.options, group.bias, span=group.span)
        found.append(made)
        found += [replace(made, fan_in=fan_out)] * (count - 1)
    return tuple(found)


def require_numbers(text: str, groups: Sequence[LayerGroup]) -> None:
    """Check that all sizes are numbers.

    Raises:
        NetworkError: one is a name.
    """
    for group in groups:
        names = [size for size in group.sizes if isinstance(size, str)]
        if names:
            given = ", ".join(f"{name}=3" for name in dict.fromkeys(names))
            raise NetworkError(
                f"numbers for the network {text}",
                f"{' and '.join(dict.fromkeys(names))} may be any size, and numbers need one",
                f"give the sizes as numbers, in the text or with net.sized({given})",
                text=text,
                span=group.span,
            )


def with_numbers(text: str, groups: Sequence[LayerGroup], sizes: Mapping[str, int]) -> str:
    """The text with numbers for sizes that are names.

    >>> text = "d -> L * H sigmoid -> 3 softmax"
    >>> with_numbers(text, parse_groups(text), {"d": 2, "L": 4, "H": 5})
    '2 -> 4 * 5 sigmoid -> 3 softmax'

    Raises:
        NetworkError: a name that is no size of the network, or a value that is no whole number.
    """
    names = {size for group in groups for size in group.sizes if isinstance(size, str)}
    for name, value in sizes.items():
        if name not in names or not isinstance(value, int) or isinstance(value, bool) or value < 1:
            raise NetworkError(
                f"the size {name}={value!r} for the network {text}",
                f"{name} = {value!r} is given and the sizes with names are "
                f"{', '.join(sorted(names)) or 'none'}, whole numbers from 1",
                "give a whole number for one of those",
                text=text,
            )
    return TOKEN.sub(lambda found: str(sizes.get(found[0], found[0])), text)


def with_embedding(text: str, tables: Mapping[int, tuple[int, int]]) -> str:
    """The text with an embedding in front: for each column (categories, width of a row).

    >>> with_embedding("3 -> 5 relu -> 2 softmax", {2: (7, 4)})
    '3 -> embedding({2: (7, 4)}) -> 5 relu -> 2 softmax'

    Raises:
        NotationError, NetworkError, LimitError: as `parse_network`, and of `embedding`.
        NetworkError: it begins with another embedding.
    """
    first = parse_groups(text)[0]
    codes = () if first.layer is None else first.layer.formula.codes
    for code in codes:
        tables = {**tables}
        if tables.pop(code.column, (0, 0))[0] > code.count:
            raise NetworkError(
                f"an embedding in front of {text}",
                f"column {code.column} has more categories than the {code.count} of its table",
                "give it a table with as many, or leave the embedding out of the text",
                text=text,
                span=first.span,
            )
    if not tables:
        return text
    if codes:
        raise NetworkError(
            f"an embedding in front of {text}",
            f"it begins with an embedding that has no table for column {min(tables)}, which holds "
            "categories",
            "add a table for it, or leave the embedding out of the text",
            text=text,
            span=first.span,
        )
    inputs, arrow, rest = re.split("(->|→)", text, maxsplit=1)
    if not isinstance(first.fan_in, int):
        require_numbers(text, [first])
    piece = embedding(int(first.fan_in), tables).piece(0)
    return f"{inputs}{arrow} {piece} {arrow}{rest}"


def parse_groups(text: str) -> tuple[LayerGroup, ...]:
    """The layers of a network, equal ones together; sizes may be names.

    >>> [group.sizes for group in parse_groups("d -> L * H sigmoid -> K softmax")]
    [('L', 'd', 'H'), (1, 'H', 'K')]

    Raises:
        NotationError: the text cannot be read.
        NetworkError: an unknown activation or option, or no text at all.
        LimitError: the text is too long, there are too many layers, or a width is out of range.
    """
    if not isinstance(text, str):
        raise NetworkError(
            "reading a network",
            f"a {type(text).__name__} is given and a network is described by text or a list",
            EXAMPLE,
        )
    return _groups(text, None, whole=True)[1]


def _groups(
    text: str, width: Size | None, *, whole: bool = False
) -> tuple[Size, tuple[LayerGroup, ...]]:
    """The units behind a piece, and its groups; with `whole` there must be a layer."""
    reader = Reader(text)
    starts = width is None
    if width is None:
        width, _ = reader.size("a width", MAX_WIDTH)
    groups: list[LayerGroup] = []
    layers = 0
    while reader.place < len(reader.tokens) or not (groups or (starts and not whole)):
        if groups or starts:
            reader.take("arrow", "an arrow ->")
        made = _group(reader, width)
        layers += made.count if isinstance(made.count, int) else 1
        if layers > MAX_LAYERS:
            raise LimitError(
                "a network's text",
                f"it has {layers} layers so far and {MAX_LAYERS} are allowed",
                "use fewer layers",
                text=text,
                span=made.span,
            )
        groups.append(made)
        width = made.fan_out
    return width, tuple(groups)


def _group(reader: Reader, fan_in: Size) -> LayerGroup:
    """A layer and how often it is repeated."""
    count: Size = 1
    start = None
    if reader.peek("*", ahead=1):
        count, start = reader.size("a number of layers", MAX_WIDTH)
        reader.skip("*")
    if reader.peek(EMBEDDING):
        return _embedding_group(reader, fan_in, count, start)
    if reader.next_is("name") and is_named(reader.tokens[reader.place].text):
        return _named_group(reader, fan_in, count, start)
    fan_out, span = reader.size("a width", MAX_WIDTH)
    activation = "identity"
    options: Options = ()
    if reader.next_is("name") and not reader.peek("no_bias"):
        token = reader.take("name", "an activation")
        activation = _known(reader, token)
        given = _options(reader, activation) if reader.skip("(") else {}
        options = resolve_options(activation, given)
    bias = not reader.skip("no_bias")
    end = reader.tokens[reader.place - 1].span
    whole = (start or span).to(end)
    return LayerGroup(count, fan_in, fan_out, activation, options, bias, whole)


def _named_group(reader: Reader, fan_in: Size, count: Size, start: Span | None) -> LayerGroup:
    """A layer that is written by its name alone."""
    token = reader.take("name", "a layer")
    given = _options(reader, token.text) if reader.skip("(") else {}
    layer = named_layer(token.text, tuple(given.items()))
    whole = (start or token.span).to(reader.tokens[reader.place - 1].span)
    ending = layer.formula.activation if layer.formula.activation in ACTIVATIONS else "formula"
    return LayerGroup(count, fan_in, fan_in, ending, (), False, whole, layer)


def _embedding_group(reader: Reader, fan_in: Size, count: Size, start: Span | None) -> LayerGroup:
    """`embedding({2: (7, 4)})`: for columns of codes, how many there are and the width of a row."""
    token = reader.take("name", "a layer")
    tables: dict[int, tuple[int, int]] = {}
    reader.take_sign("(", "the ( after embedding")
    reader.take_sign("{", "the { of the columns with codes")
    while True:
        column, span = reader.whole("a column", MAX_WIDTH, least=0)
        if column in tables:
            raise reader.error(f"column {column} has a table already", span)
        reader.take_sign(":", f"the : after column {column}")
        reader.take_sign("(", "the ( of categories and width")
        categories, _ = reader.whole("a number of categories", MAX_CATEGORIES)
        reader.take_sign(",", "the comma before a width")
        tables[column] = categories, reader.whole("a width", MAX_WIDTH)[0]
        reader.take_sign(")", "the ) after a width")
        if reader.skip("}"):
            break
        reader.take_sign(",", "a comma or the closing }")
    reader.take_sign(")", "the closing )")
    whole = (start or token.span).to(reader.tokens[reader.place - 1].span)
    if count != 1 or not isinstance(fan_in, int):
        raise NetworkError(
            "an embedding in a network",
            "it is one layer, which takes a number of columns, and here "
            + (f"stand {count} of them" if count != 1 else f"{fan_in} stands for any number"),
            "write it once, behind the number of columns, 3 -> embedding({2: (7, 4)}) -> 2",
            text=reader.text,
            span=whole,
        )
    layer = embedding(fan_in, tables)
    return LayerGroup(1, fan_in, layer.formula.outputs, "formula", (), False, whole, layer)


def _known(reader: Reader, token: Token) -> str:
    if token.text in ACTIVATIONS:
        return token.text
    near = get_close_matches(token.text, ACTIVATIONS, n=2)
    hint = f"did you mean {' or '.join(near)}? " if near else ""
    if token.text in NAMED:
        hint = f"{token.text} is a layer of its own, behind an arrow: -> {token.text}; otherwise "
    raise NetworkError(
        f"a layer with the activation {token.text}",
        f"{token.text} is asked for and the activations are {', '.join(ACTIVATIONS)}",
        f"{hint}use one of those",
        text=reader.text,
        span=token.span,
    )


def _options(reader: Reader, activation: str) -> dict[str, Fraction]:
    """`(0.2)` or `(slope=0.2, kink=1)`, by position or by name, up to the closing parenthesis."""
    names = option_names(activation)
    given: dict[str, Fraction] = {}
    while True:
        name = names[len(given)] if len(given) < len(names) else ""
        written = None
        if reader.next_is("name"):
            written = reader.take("name", "an option")
            name = written.text
            if name not in names:
                raise _wrong_option(reader, activation, name, written.span)
            reader.take_sign("=", f"the = after {name}")
        value = reader.take("number", f"a number for {name or 'an option'}")
        if name not in names or name in given:
            span = (written or value).span
            raise _wrong_option(reader, activation, name or value.text, span)
        given[name] = Fraction(value.text)
        if reader.skip(")"):
            return given
        reader.take_sign(",", "a comma or a closing parenthesis")


def _wrong_option(reader: Reader, activation: str, written: str, span: Span) -> NetworkError:
    names = option_names(activation)
    near = get_close_matches(written, names, n=1)
    hint = f"did you mean {near[0]}? " if near and near[0] != written else ""
    if written == "bias":
        hint = f"for a layer without bias write {activation} no_bias; otherwise "
    usage = f"{activation}({', '.join(f'{name}=…' for name in names)})" if names else activation
    again = " once each" if written in names else ""
    return NetworkError(
        f"an option of {activation}",
        f"{written} is given and the options of {activation} are "
        f"{', '.join(names) or 'none'}{again}",
        f"{hint}write {usage}",
        text=reader.text,
        span=span,
    )
