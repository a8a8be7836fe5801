"""The number of threads of BLAS while a network is trained."""

from __future__ import annotations

import numpy as np
import pytest

import gradwright as gw
from gradwright.errors import TrainingError
from gradwright.run import threads
from gradwright.run.threads import available, blas_threads, suited

controlled = pytest.mark.skipif(
    not threads._controls(), reason="no BLAS whose number of threads can be set is loaded"
)


def _numbers() -> list[int]:
    return [read() for read, _ in threads._controls().values()]


@controlled
def test_the_number_is_set_and_put_back():
    before = _numbers()
    with blas_threads(1):
        assert set(_numbers()) == {1}
    assert _numbers() == before
    with pytest.raises(ZeroDivisionError), blas_threads(1):
        raise ZeroDivisionError
    assert _numbers() == before


@controlled
def test_of_several_at_once_the_lowest_holds_until_the_last_ends():
    before = _numbers()
    first, second = blas_threads(1), blas_threads(2)
    first.__enter__()
    second.__enter__()
    assert set(_numbers()) == {1}
    first.__exit__(None, None, None)
    assert set(_numbers()) == {2}
    second.__exit__(None, None, None)
    assert _numbers() == before


def test_small_products_have_one_thread():
    assert suited((3, 10, 6, 3), 10**4) == 1
    assert suited((784, 256, 128, 10), 128) == available() >= 1
    assert suited((784, 256, 128, 10), 64) == 1


@pytest.fixture
def data(rng):
    return rng.normal(size=(12, 4)), rng.integers(2, size=12)


@controlled
def test_a_training_has_its_own_number(data):
    net = gw.Network("4 -> 5 relu -> 2 softmax")
    seen = []
    before = _numbers()
    run = gw.train(net, *data, epochs=1, callbacks=[lambda _: seen.append(_numbers())])
    assert run.settings.threads == 1 and set(seen[0]) == {1} and _numbers() == before
    run = gw.train(net, *data, epochs=1, threads=2, callbacks=[lambda _: seen.append(_numbers())])
    assert run.settings.threads == 2 and _numbers() == before


def test_a_checkpoint_keeps_it(data, tmp_path):
    net = gw.Network("4 -> 5 relu -> 2 softmax")
    gw.train(net, *data, epochs=1, threads=2, checkpoint=tmp_path / "one")
    assert gw.train(net, *data, epochs=2, resume=tmp_path / "one").settings.threads == 2
    with pytest.raises(TrainingError, match=r"number of threads 2 and this training has .* 1"):
        gw.train(net, *data, epochs=2, threads=1, resume=tmp_path / "one")


@pytest.mark.parametrize("count", [0, -1, 1.5, True, 65, 2**40])
def test_what_is_no_number_of_threads_is_refused(data, count):
    with pytest.raises(TrainingError, match="threads"):
        gw.train(gw.Network("4 -> 2 softmax"), *data, epochs=1, threads=count)


def test_the_numbers_are_the_same_whatever_is_asked(data):
    """So small a network asks no BLAS that would share its work."""
    net = gw.Network("4 -> 5 relu -> 2 softmax")
    runs = [gw.train(net, *data, epochs=2, threads=count).params.flat for count in (1, 2)]
    assert np.array_equal(*runs)
