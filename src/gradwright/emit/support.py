"""Helper functions that emitted NumPy code carries with it, as text."""

from __future__ import annotations

SOFTMAX = '''
def softmax(x, out=None):
    """exp(x) / sum(exp(x)) over the last axis, shifted so that nothing overflows."""
    weights = np.subtract(x, np.max(x, axis=-1, keepdims=True), out=out)
    weights = np.exp(weights, out=out)
    return np.divide(weights, np.sum(weights, axis=-1, keepdims=True), out=out)
'''

LOGSUMEXP = '''
def logsumexp(x):
    """log(sum(exp(x))) over the last axis, shifted so that nothing overflows."""
    highest = np.max(x, axis=-1, keepdims=True)
    return highest[..., 0] + np.log(np.sum(np.exp(x - highest), axis=-1))
'''

SOFTMAX_LOGSUMEXP = '''
def softmax_logsumexp(x, out=None):
    """(softmax(x), logsumexp(x)) over the last axis, with one exp for both."""
    highest = np.max(x, axis=-1, keepdims=True)
    weights = np.exp(np.subtract(x, highest, out=out), out=out)
    total = np.sum(weights, axis=-1, keepdims=True)
    return np.divide(weights, total, out=out), highest[..., 0] + np.log(total[..., 0])
'''

SIGMOID = '''
def sigmoid(x, out=None):
    """1 / (1 + exp(-x)); exp may overflow to infinity, whose reciprocal is the right 0."""
    with np.errstate(over="ignore"):
        weights = np.exp(np.negative(x, out=out), out=out)
    return np.divide(1, np.add(weights, 1, out=out), out=out)
'''

NORMCDF = '''
def normcdf(x):
    """The standard normal distribution function, entry by entry with all digits in both tails."""
    from math import erfc, sqrt

    each = np.vectorize(lambda z: 0.5 * erfc(-z / sqrt(2)), otypes=[float])
    return np.asarray(each(x), dtype=np.result_type(x, 0.0))
'''

ERF = '''
def erf(x):
    """2 / sqrt(pi) times the integral of exp(-t^2) from 0 to x, entry by entry."""
    from math import erf as one

    return np.asarray(np.vectorize(one, otypes=[float])(x), dtype=np.result_type(x, 0.0))
'''

HUBER = '''
def huber(x, delta):
    """x^2/2 up to |x| = delta, its tangent beyond; nothing is squared that is larger."""
    size = np.abs(x)
    least = np.minimum(size, delta)
    return least * (size - 0.5 * least)
'''

SOFTSIGN = '''
def softsign(x):
    """x / (1 + |x|), also of infinities: beyond 1e30 it is 1 or -1."""
    x = np.clip(x, -1e30, 1e30)
    return x / (1 + np.abs(x))
'''

LAYERNORM = '''
def layernorm(x, eps):
    """(x - mean) / sqrt(variance + eps) over the last axis."""
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return centred / np.sqrt(np.mean(centred * centred, axis=-1, keepdims=True) + eps)
'''

STD = '''
def std(x, eps):
    """sqrt(variance + eps) over the last axis."""
    centred = x - np.mean(x, axis=-1, keepdims=True)
    return np.sqrt(np.mean(centred * centred, axis=-1) + eps)
'''

RMSNORM = '''
def rmsnorm(x, eps):
    """x / sqrt(mean of squares + eps) over the last axis."""
    return x / np.sqrt(np.mean(x * x, axis=-1, keepdims=True) + eps)
'''

RMS = '''
def rms(x, eps):
    """sqrt(mean of squares + eps) over the last axis."""
    return np.sqrt(np.mean(x * x, axis=-1) + eps)
'''

SPREAD = '''
def spread(value, held, labels, shape, dtype, out=None):
    """Repeat `value` (axes `held`) over the axes `labels`; equal labels are tied diagonally."""
    result = np.zeros(shape, dtype=dtype) if out is None else out
    if out is not None:
        # Zeros are bytes of 0; in a cache these are written twice as fast as numbers.
        (result.view(np.uint8) if result.flags.c_contiguous else result).fill(0)
    distinct = list(dict.fromkeys(labels))
    wide = np.asarray(value).reshape(
        [result.shape[labels.index(x)] if x in held else 1 for x in distinct]
    )
    np.einsum(result, list(labels), distinct)[...] = wide
    return result
'''

ADD_ON_DIAGONALS = '''
def add_on_diagonals(total, value, held, labels):
    """Add `value` (axes `held`) to `total`, in place, where equal `labels` tie its axes."""
    distinct = list(dict.fromkeys(labels))
    view = np.einsum(total, list(labels), distinct)
    lengths = [n if x in held else 1 for n, x in zip(view.shape, distinct)]
    view += np.asarray(value).reshape(lengths)
    return total
'''

GRAM = '''
def gram(x, weights):
    """x.T @ diag(weights) @ x; a matrix with its own transpose costs half a product."""
    rows = x * np.sqrt(np.abs(weights))[:, None]
    negative = weights < 0
    if not np.any(negative):
        return rows.T @ rows
    below, above = rows[negative], rows[~negative]
    return above.T @ above - below.T @ below
'''

PADDED = '''
def padded(x, axis, start, size):
    """x from `start` on along an axis of a size, zeros around it."""
    result = np.zeros((*x.shape[:axis], size, *x.shape[axis + 1 :]), x.dtype)
    result[(slice(None),) * axis + (slice(start, start + x.shape[axis]),)] = x
    return result
'''

PLACED = '''
def placed(x, axis, place, size, dtype):
    """x at one place along a new axis of a size, zeros elsewhere."""
    shape = np.shape(x)
    result = np.zeros((*shape[:axis], size, *shape[axis:]), dtype)
    result[(slice(None),) * axis + (place,)] = x
    return result
'''

INDICATOR = '''
def indicator(shape, start, steps, dtype):
    """1 where the last index is start plus the sum of steps times the others, else 0."""
    places = start + np.tensordot(steps, np.indices(shape[:-1]), 1)
    return (places[..., None] == np.arange(shape[-1])).astype(dtype)
'''

PUT = '''
def put(x, places, size):
    """Zeros of `size`, with x added up at its places along the first axis."""
    result = np.zeros((size, *x.shape[places.ndim :]), x.dtype)
    np.add.at(result, places, x)
    return result
'''

ONE_HOT = '''
def one_hot(places, size, dtype):
    """A row of zeros with a 1 at its place for each whole number."""
    return (places[..., None] == np.arange(size)).astype(dtype)
'''

LOG_OF_DET = '''
def log_of_det(x):
    """log(det(x)) from the factors of x, so that nothing overflows; nan where det(x) < 0."""
    sign, value = np.linalg.slogdet(x)
    return value if sign >= 0 else value * np.nan
'''

CHOLESKY_SOLVE = '''
def cholesky_solve(factor, b):
    """inv(factor @ factor.T) @ b by substitution in blocks, which NumPy has no routine for."""
    blocks = [slice(k, k + 64) for k in range(0, len(factor), 64)]
    inverses = [np.linalg.inv(factor[k, k]) for k in blocks]
    z = np.array(b, dtype=np.result_type(factor, b))
    for k, inverse in zip(blocks, inverses):
        z[k] = inverse @ (z[k] - factor[k, : k.start] @ z[: k.start])
    for k, inverse in zip(blocks[::-1], inverses[::-1]):
        z[k] = inverse.T @ (z[k] - factor[k.stop :, k].T @ z[k.stop :])
    return z
'''

CHOLESKY_INVERSE = '''
def cholesky_inverse(factor):
    """inv(factor @ factor.T) for a lower triangle, whose inverse is made of its halves."""

    def inverted(lower):
        half = len(lower) // 2
        if half < 32:
            return np.linalg.inv(lower)
        above, below = inverted(lower[:half, :half]), inverted(lower[half:, half:])
        beside = -below @ (lower[half:, :half] @ above)
        return np.block([[above, np.zeros_like(beside.T)], [beside, below]])

    inverse = inverted(factor)
    return inverse.T @ inverse
'''

HARDMAX = '''
def hardmax(x):
    """1 at the largest entry along the last axis, 0 elsewhere; ties share the 1 equally."""
    places = (x == np.max(x, axis=-1, keepdims=True)).astype(x.dtype)
    return places / np.sum(places, axis=-1, keepdims=True)
'''

HELPERS = {
    "cholesky_solve": CHOLESKY_SOLVE,
    "cholesky_inverse": CHOLESKY_INVERSE,
    "hardmax": HARDMAX,
    "padded": PADDED,
    "placed": PLACED,
    "indicator": INDICATOR,
    "add_on_diagonals": ADD_ON_DIAGONALS,
    "put": PUT,
    "one_hot": ONE_HOT,
    "gram": GRAM,
    "softmax": SOFTMAX,
    "log_of_det": LOG_OF_DET,
    "logsumexp": LOGSUMEXP,
    "softmax_logsumexp": SOFTMAX_LOGSUMEXP,
    "sigmoid": SIGMOID,
    "huber": HUBER,
    "softsign": SOFTSIGN,
    "normcdf": NORMCDF,
    "erf": ERF,
    "layernorm": LAYERNORM,
    "std": STD,
    "rmsnorm": RMSNORM,
    "rms": RMS,
    "spread": SPREAD,
}
