"""Helper functions that emitted PyTorch code carries with it, as text."""

from __future__ import annotations

from gradwright.emit import support

#: How PyTorch spells what NumPy has too.
SPELLED = {"np.": "torch.", "axis=": "dim=", "keepdims=": "keepdim="}


def in_torch(text: str) -> str:
    """Code for NumPy as code for PyTorch, where the two differ in spelling alone.

    >>> in_torch("np.sum(x, axis=-1, keepdims=True)")
    'torch.sum(x, dim=-1, keepdim=True)'
    """
    for ours, theirs in SPELLED.items():
        text = text.replace(ours, theirs)
    return text


PLAIN = '''
def plain(function):
    """The function without autocast: it computes in the type of its arguments."""

    def run(first, *others):
        with torch.autocast(first.device.type, enabled=False):
            return function(first, *others)

    return run
'''

REVERSE_ALONE = '''
def applied(function, *given):
    """The function, in reverse mode; code with forward mode is longer."""
    return function.apply(*given)
'''

FORWARD_TOO = '''
def applied(function, *given):
    """The function; in forward mode the one with `jvp`, which torch.compile does not take."""
    if torch.compiler.is_compiling() or getattr(torch.autograd.forward_ad, "_current_level", 0) < 0:
        return function.apply(*given)
    # PyTorch runs a `jvp` without the forward mode around it, which would see a constant.
    if getattr(torch._functorch.eager_transforms, "JVP_NESTING", 2) > 1:
        raise ValueError("forward mode is within forward mode; "
                         "instead: have one of them reversed, as in jacfwd(jacrev(f))")
    return function.forward_mode.apply(*given)
'''

WAY_BACK = '''
def way_back(function, *given):
    """The function; a compiled way back is plain, PyTorch differentiates none of them again."""
    if torch.compiler.is_compiling():
        return function.forward(*given)
    return applied(function, *given)
'''

STILL = '''
def still(**tangents):
    """Refuse tangents of what there is no derivative by."""
    for name, tangent in tangents.items():
        if tangent is not None:
            raise ValueError(f"{name} has a tangent, and there is no derivative by {name} here; "
                             f"instead: derive by {name} too, or give it without a tangent")
'''

ADDED = '''
def added(one, other):
    """The sums of two tuples of gradients; None stands for nothing."""
    return tuple(y if x is None else x if y is None else x + y for x, y in zip(one, other))
'''

SOFTMAX_LOGSUMEXP = '''
def softmax_logsumexp(x):
    """(softmax(x), logsumexp(x)) over the last axis, with one exp for both."""
    highest = torch.amax(x, dim=-1, keepdim=True)
    weights = torch.exp(x - highest)
    total = torch.sum(weights, dim=-1, keepdim=True)
    return weights / total, highest[..., 0] + torch.log(total[..., 0])
'''

SPREAD = '''
def spread(value, held, labels, shape, like):
    """Repeat `value` (axes `held`) over the axes `labels`; equal labels are tied diagonally."""
    value = torch.as_tensor(value, dtype=like.dtype, device=like.device)
    distinct = list(dict.fromkeys(labels))
    sizes = [shape[labels.index(x)] for x in distinct]
    wide = value.reshape([n if x in held else 1 for n, x in zip(sizes, distinct)]).expand(sizes)
    operands, axes = [wide, distinct], []
    for place, x in enumerate(labels):
        if x in axes:
            other = max(labels) + 1 + place
            tie = torch.eye(shape[place], dtype=like.dtype, device=like.device)
            operands, x = [*operands, tie, [x, other]], other
        axes.append(x)
    return torch.einsum(*operands, axes)
'''

STEP = '''
def step(x, kink):
    """0 below zero, `kink` at zero, 1 above it."""
    return (x > 0).to(x.dtype) + kink * (x == 0).to(x.dtype)
'''

SOFTPLUS = '''
def softplus(x):
    """log(1 + exp(x)) in full precision for every x; exp never overflows."""
    return torch.relu(x) + torch.log1p(torch.exp(-torch.abs(x)))
'''

HUBER = '''
def huber(x, delta):
    """x^2/2 up to |x| = delta, its tangent beyond; nothing is squared that is larger."""
    size = torch.abs(x)
    least = torch.clamp(size, max=delta)
    return least * (size - 0.5 * least)
'''

SOFTSIGN = '''
def softsign(x):
    """x / (1 + |x|), also of infinities."""
    return torch.where(torch.isinf(x), torch.sign(x), x / (1 + torch.abs(x)))
'''

RSQRT = '''
def rsqrt(x):
    """1 / sqrt(x), and 0 at 0."""
    return torch.sqrt(x) / torch.where(x == 0, 1, x)
'''

MAXIMUM = '''
def maximum(x, y):
    """The larger one entry by entry; one of them may be a number."""
    if not torch.is_tensor(y):
        return torch.clamp(x, min=y)
    return torch.maximum(x, y) if torch.is_tensor(x) else torch.clamp(y, min=x)
'''

MINIMUM = '''
def minimum(x, y):
    """The smaller one entry by entry; one of them may be a number."""
    if not torch.is_tensor(y):
        return torch.clamp(x, max=y)
    return torch.minimum(x, y) if torch.is_tensor(x) else torch.clamp(y, max=x)
'''

GRAM = '''
def gram(x, weights):
    """x.T @ diag(weights) @ x."""
    return (weights[:, None] * x).T @ x
'''

PADDED = '''
def padded(x, axis, start, size):
    """x from `start` on along an axis of a size, zeros around it."""
    before = x.new_zeros((*x.shape[:axis], start, *x.shape[axis + 1 :]))
    after = x.new_zeros((*x.shape[:axis], size - start - x.shape[axis], *x.shape[axis + 1 :]))
    return torch.cat([before, x, after], axis)
'''

PLACED = '''
def placed(x, axis, place, size, like):
    """x at one place along a new axis of a size, zeros elsewhere."""
    places = torch.arange(size, device=like.device) == place
    x = torch.as_tensor(x, dtype=like.dtype, device=like.device)
    wide = places.reshape([-1] + [1] * (x.ndim - axis))
    return torch.where(wide, x.unsqueeze(axis), x.new_zeros(()))
'''

INDICATOR = '''
def indicator(shape, start, steps, like):
    """1 where the last index is start plus the sum of steps times the others, else 0."""
    places = torch.full((), start, device=like.device)
    for size, step in zip(shape[:-1], steps):
        places = places[..., None] + step * torch.arange(size, device=like.device)
    return (places[..., None] == torch.arange(shape[-1], device=like.device)).to(like.dtype)
'''

PUT = '''
def put(x, places, size):
    """Zeros of `size`, with x added up at its places along the first axis."""
    result = x.new_zeros((size, *x.shape[places.ndim :]))
    return result.index_put((places,), x, accumulate=True)
'''

ONE_HOT = '''
def one_hot(places, size, like):
    """A row of zeros with a 1 at its place for each whole number."""
    return (places[..., None] == torch.arange(size, device=places.device)).to(like.dtype)
'''

LOG_OF_DET = '''
def log_of_det(x):
    """log(det(x)) from the factors of x, so that nothing overflows; nan where det(x) < 0."""
    return torch.logdet(x)
'''

ROWS = '''
def rows(y, outputs, like):
    """Targets as rows; class indices become one-hot rows here, and are saved as they are."""
    classes = torch.arange(outputs, device=y.device)
    return y if y.dim() == 2 else (y[:, None] == classes).to(like.dtype)
'''

COLUMNS = '''
def columns(y, outputs, like):
    """Targets as columns; class indices become one-hot columns here, and are saved as they are."""
    classes = torch.arange(outputs, device=y.device)
    return y if y.dim() == 2 else (classes[:, None] == y).to(like.dtype)
'''

CHOLESKY_SOLVE = '''
def cholesky_solve(factor, b):
    """inv(factor @ factor.T) @ b by substitution."""
    return torch.cholesky_solve(b.reshape(len(b), -1), factor).reshape(b.shape)
'''

CHOLESKY_INVERSE = '''
def cholesky_inverse(factor):
    """inv(factor @ factor.T) for a lower triangle."""
    return torch.cholesky_inverse(factor)
'''

HARDMAX = '''
def hardmax(x):
    """1 at the largest entry along the last axis, 0 elsewhere; ties share the 1 equally."""
    places = (x == torch.amax(x, dim=-1, keepdim=True)).to(x.dtype)
    return places / torch.sum(places, dim=-1, keepdim=True)
'''

TORCH_HELPERS = {
    "cholesky_solve": CHOLESKY_SOLVE,
    "cholesky_inverse": CHOLESKY_INVERSE,
    "hardmax": HARDMAX,
    "padded": PADDED,
    "placed": PLACED,
    "indicator": INDICATOR,
    "put": PUT,
    "one_hot": ONE_HOT,
    "columns": COLUMNS,
    "rows": ROWS,
    "gram": GRAM,
    "log_of_det": LOG_OF_DET,
    "softmax_logsumexp": SOFTMAX_LOGSUMEXP,
    "layernorm": in_torch(support.LAYERNORM),
    "std": in_torch(support.STD),
    "rmsnorm": in_torch(support.RMSNORM),
    "rms": in_torch(support.RMS),
    "spread": SPREAD,
    "step": STEP,
    "softplus": SOFTPLUS,
    "huber": HUBER,
    "softsign": SOFTSIGN,
    "rsqrt": RSQRT,
    "maximum": MAXIMUM,
    "minimum": MINIMUM,
}


def applied(forward_mode: bool) -> str:
    """The helper that applies a class, in forward mode the one with `jvp`."""
    return FORWARD_TOO if forward_mode else REVERSE_ALONE
