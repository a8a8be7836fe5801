"""Helper functions that emitted NumPy code carries with it, as text."""

from __future__ import annotations

SOFTMAX = '''
def softmax(x, out=None):
    """exp(x) / sum(exp(x)) over the last axis, shifted so that nothing overflows."""
    weights = np.subtract(x, np.max(x, axis=-1, keepdims=True), out=out)
    np.exp(weights, out=weights)
    return np.divide(weights, np.sum(weights, axis=-1, keepdims=True), out=weights)
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
    weights = np.subtract(x, highest, out=out)
    np.exp(weights, out=weights)
    total = np.sum(weights, axis=-1, keepdims=True)
    np.divide(weights, total, out=weights)
    return weights, highest[..., 0] + np.log(total[..., 0])
'''

SIGMOID = '''
def sigmoid(x, out=None):
    """1 / (1 + exp(-x)); exp may overflow to infinity, whose reciprocal is the right 0."""
    out = np.negative(x, out=out)
    with np.errstate(over="ignore"):
        out = np.exp(out, out=out if np.ndim(out) else None)
    return 1 / (1 + out) if not np.ndim(out) else np.reciprocal(np.add(out, 1, out=out), out=out)
'''

SPREAD = '''
def spread(value, held, labels, shape, dtype):
    """Repeat `value` (axes `held`) over the axes `labels`; equal labels are tied diagonally."""
    result = np.zeros(shape, dtype=dtype)
    distinct = list(dict.fromkeys(labels))
    wide = np.asarray(value).reshape(
        [result.shape[labels.index(x)] if x in held else 1 for x in distinct]
    )
    np.einsum(result, list(labels), distinct)[...] = wide
    return result
'''

HELPERS = {
    "softmax": SOFTMAX,
    "logsumexp": LOGSUMEXP,
    "softmax_logsumexp": SOFTMAX_LOGSUMEXP,
    "sigmoid": SIGMOID,
    "spread": SPREAD,
}
