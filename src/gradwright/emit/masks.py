"""Dropout masks in emitted NumPy code: from counters, so the same in every target.

A mask of a layer is made of the random words of Threefry-2x32 with 20 rounds (Salmon et al.,
Parallel Random Numbers: As Easy as 1, 2, 3, SC 2011). Its key comes about in two steps, from seed
and step, then from the places of layer and mask; the counter is that of a pair of entries.
"""

from __future__ import annotations

from collections.abc import Sequence

from gradwright.emit.unpacking import LayerSizes

NUMPY = '''
# For each layer, counted from 0, (rate, number of entries) of its dropout masks.
MASKS = {masks}


def threefry(key, one, other):
    """Threefry-2x32 with 20 rounds of counters (one, other): two arrays of random words."""
    keys = (*key, key[0] ^ key[1] ^ np.uint32(0x1BD11BDA))
    one, other = one + keys[0], other + keys[1]
    for block in range(5):
        for turn in ((13, 15, 26, 6), (17, 29, 16, 24))[block % 2]:
            one = one + other
            other = (other << np.uint32(turn) | other >> np.uint32(32 - turn)) ^ one
        one = one + keys[(block + 1) % 3]
        other = other + keys[(block + 2) % 3] + np.uint32(block + 1)
    return one, other


def words(*values):
    """Whole numbers as words of 32 bits, each in an array."""
    return [np.array([value & 0xFFFFFFFF], dtype=np.uint32) for value in values]


def dropout_mask(training, layer, place, samples, buffers):
    """A dropout mask for a batch: 0 with the probability `rate`, else 1/(1 - rate).

    `training` is (seed, step); equal ones give equal masks.
    """
    rate, units = MASKS[layer][place]
    seed, step = training
    key = threefry(words(seed, seed >> 32), *words(step, step >> 32))
    key = threefry(key, *words(layer, place))
    pairs = np.arange((samples * units + 1) // 2, dtype=np.uint32)
    drawn = np.stack(threefry(key, pairs, np.zeros_like(pairs)), axis=1).reshape(-1)
    made = buffers.array(f"mask{{place}}", layer, samples, units)
    kept = drawn[: samples * units].reshape(samples, units) >= np.uint32(rate * 2**32)
    np.multiply(kept, 1 / (1 - rate), out=made, casting="same_kind")
    return made
'''


def masks_text(layers: Sequence[LayerSizes]) -> str:
    """The functions that draw masks; nothing where no layer has one."""
    held = {place: layer.masks for place, layer in enumerate(layers) if layer.masks}
    return NUMPY.format(masks=held) if held else ""
