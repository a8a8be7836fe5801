"""The parts of a network's module for PyTorch that stand around the functions of its layers."""

from __future__ import annotations

HEADER = '''"""A network as a torch.nn.Module, the way back of each layer written out:
{text}

{note}
The parameters are {described}.
What each kind of layer saves for the way back:
{saving}
"""

import math

import torch

INPUTS, OUTPUTS = {inputs}, {outputs}
SHAPES = {{
{shapes}
}}
'''

#: Where not all parameters other than matrices start at 0.
STARTS = """
# What starts at another number than 0, and is not drawn.
STARTS = {starts}
"""

#: What training carries from step to step.
STATE = """
# What training carries from step to step, without a gradient.
STATE = {{
{state}
}}
"""

LAYER = '''
def layer(function, X, *given):
    """A layer in the type of what it is given, or in that of autocast where it is on."""
    dtype = given[0].dtype if given else X.dtype
    if torch.is_autocast_enabled(X.device.type):
        dtype = torch.get_autocast_dtype(X.device.type)
    # Codes of categories are whole numbers, and stay.
    given = [value.to(dtype) if value.is_floating_point() else value for value in given]
    made = applied(function, X.to(dtype), *given)
    return made[0] if isinstance(made, tuple) else made
'''

#: Before something about numbers is refused.
HOLDS = '''
def holds(condition):
    """Whether a condition of numbers holds; True while vmap or a compiler hides the numbers."""
    if torch.compiler.is_compiling():
        return True
    try:
        return bool(condition)
    except RuntimeError:
        return True
'''

CODES = '''
# For each layer with codes of categories, counted from 0: their columns, and how many there are.
CODES = {codes}


def codes(X, number, place):
    """The codes in a column of X as indices; where numbers are hidden, a wrong one has no row."""
    column, count = CODES[number][place]
    values = X.detach()[:, column]
    there = (values == torch.floor(values)) & (values >= 0) & (values < count)
    if not holds(there.all()):
        raise ValueError(f"column {{column}} of X has a number that is no code; "
                         f"instead: give whole numbers from 0 to {{count - 1}}")
    return torch.where(there, values.long(), count)
'''

MASKS = '''
# For each layer, counted from 0, (rate, number of entries) of its dropout masks.
MASKS = {masks}

WORD = 0xFFFFFFFF


def threefry(key, one, other):
    """Threefry-2x32 with 20 rounds of counters (one, other): two random words, or tensors."""
    keys = (*key, key[0] ^ key[1] ^ 0x1BD11BDA)
    one, other = one + keys[0] & WORD, other + keys[1] & WORD
    for block in range(5):
        for turn in ((13, 15, 26, 6), (17, 29, 16, 24))[block % 2]:
            one = one + other & WORD
            other = (other << turn & WORD | other >> 32 - turn) ^ one
        one = one + keys[(block + 1) % 3] & WORD
        other = other + keys[(block + 2) % 3] + block + 1 & WORD
    return one, other


def dropout_mask(training, number, place, X):
    """A dropout mask for a batch: 0 with the probability `rate`, else 1/(1 - rate).

    `training` is (seed, step), from which gradwright draws the same in every target; where it is
    None, PyTorch's own generator draws.
    """
    rate, units = MASKS[number][place]
    shape, like = (len(X), units), {{"device": X.device}}
    if training is None:
        kept = torch.rand(shape, **like) >= rate
    else:
        seed, step = training
        key = threefry((seed & WORD, seed >> 32 & WORD), step & WORD, step >> 32 & WORD)
        key = threefry(key, number, place)
        pairs = torch.arange((len(X) * units + 1) // 2, **like)
        drawn = torch.stack(threefry(key, pairs, torch.zeros_like(pairs)), 1).reshape(-1)
        kept = drawn[: len(X) * units].reshape(shape) >= int(rate * 2**32)
    return kept.to(X.dtype) * (1 / (1 - rate))
'''

NETWORK = '''
class Network(torch.nn.Module):
    """The network; X has one sample in each row.

    `parameters` is one vector in the order of {vector}: that of gradwright's `p.flat`.
    Without it they are drawn.{modes}
    """

    def __init__(self, parameters=None, dtype=None, device=None):
        super().__init__()
        for name, shape in SHAPES.items():
            made = torch.empty(shape, dtype=dtype, device=device)
            self.register_parameter(name, torch.nn.Parameter(made)){buffers}
        if parameters is None:
            self.reset_parameters()
        else:
            self.load_flat(parameters)

    @torch.no_grad()
    def reset_parameters(self):
        """Matrices normal with the variance 2 / (rows + columns), all else {start_note}."""
        for name, {held}:
            {start}
            if {drawn}:
                value.normal_(std=math.sqrt(2 / sum(value.shape)))

    @torch.no_grad()
    def load_flat(self, vector):
        """Set all {all} from one vector, an array or a tensor."""
        vector = torch.as_tensor(vector)
        sizes = [value.numel() for value in self.{values}()]
        if vector.shape != (sum(sizes),):
            raise ValueError(f"{{tuple(vector.shape)}} is given; instead: ({{sum(sizes)}},)")
        for value, part in zip(self.{values}(), vector.split(sizes)):
            value.copy_(part.reshape(value.shape))

    def flat(self):
        """All {all} as one vector, a copy."""
        return torch.cat([value.detach().reshape(-1) for value in self.{values}()])
{own}
    def hidden(self, X{given}):
        """What the layers before the last make of samples."""
{checked}        A = X{turned}
{hidden}
        return A

    def forward(self, X{given}):
        """The outputs, of shape (samples, outputs)."""
        A = self.hidden(X{passed})
{last}

    def loss(self, X, y{sample_weight}{given}):
        """The loss of a batch; y has class indices, or a row of targets for each sample.
{counted}
        It is computed in the type of the parameters, also where autocast is on.
        """
        A = self.hidden(X{passed}){full}
        y = self.targets(y, A.dtype)
{weigh}{loss}
        return made[0] if isinstance(made, tuple) else made

    def targets(self, y, dtype):
        """Targets as the last layer takes them."""
        if y.requires_grad and torch.is_grad_enabled():
            raise ValueError("y requires a gradient, which this module does not have; "
                             "instead: give y.detach()")
        if y.dim() == 1 and OUTPUTS > 1:
            if y.is_floating_point():
                raise ValueError("y has one number for each sample, which is none of a type for "
                                 "class indices; instead: give y.long(), or rows of targets")
            if not holds(((y >= 0) & (y < OUTPUTS)).all()):
                raise ValueError("y has a class that is not there; "
                                 f"instead: give whole numbers from 0 to {{OUTPUTS - 1}}")
            return {labels}
        {rows}
{weights}'''

#: The parts of a module whose samples count once each in the loss, or by their weights.
UNWEIGHTED = {"sample_weight": "", "counted": "", "weigh": "", "weights": ""}

WEIGHTED = {
    "sample_weight": ", sample_weight",
    "counted": """
        Each sample counts with its weight, and a mean is divided by their sum.""",
    "weigh": """        sample_weight = self.weights(sample_weight, len(X), A.dtype)
""",
    "weights": '''
    def weights(self, sample_weight, samples, dtype):
        """The weights of samples as the last layer takes them."""
        if sample_weight.requires_grad and torch.is_grad_enabled():
            raise ValueError("sample_weight requires a gradient, which this module does not have; "
                             "instead: give sample_weight.detach()")
        if sample_weight.shape != (samples,):
            raise ValueError(f"sample_weight has shape {tuple(sample_weight.shape)} and X has "
                             f"{samples} samples; instead: give one weight for each")
        from_0 = torch.isfinite(sample_weight) & (sample_weight >= 0)
        if not holds(from_0.all() & (sample_weight > 0).any()):
            raise ValueError("sample_weight has a number that is negative or not finite, or none "
                             "above 0; instead: give finite weights from 0, and leave out what "
                             "does not count")
        return sample_weight.to(dtype)
''',
}

BUFFERS = """
        for name, shape in STATE.items():
            self.register_buffer(name, torch.empty(shape, dtype=dtype, device=device))"""

#: Methods of a module with state.
VALUES = '''
    def values(self):
        """The parameters, and behind them the state."""
        return [*self.parameters(), *self.buffers()]
'''

MOVE = '''
    @torch.no_grad()
    def move(self, update, X, *names, more=()):
        """Set the state of a layer to what a step of training makes of it."""
        if len(X) < 2:
            raise ValueError("a layer normalises over the batch, which has 1 sample")
        state = [getattr(self, name) for name in names]
        given = [value.detach() for value in (X.to(state[0].dtype), *state, *more)]
        for value, new in zip(state, update(*given)):
            value.copy_(new)
'''

#: The check of what masks are drawn by.
STEP = '''
def require_step(training):
    """Check that a step is None, or a pair (seed, step) of whole numbers from 0."""
    if training is None or (
        isinstance(training, (tuple, list))
        and len(training) == 2
        and all(type(x) is int and 0 <= x < 2**64 for x in training)
    ):
        return
    raise ValueError(f"training is {training}; instead: give (seed, step), two whole numbers from "
                     "0 to below 2**64")
'''

#: What a module says where layers train by formulas of their own.
MODES = """ `.train()` and `.eval()` choose the formulas of training or
    of prediction; masks are drawn by `training`, a pair (seed, step), or by PyTorch without it."""
