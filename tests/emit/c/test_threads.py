"""Large products shared by threads: the same numbers, whatever their number and the sizes."""

from __future__ import annotations

import subprocess
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import gradwright as gw
from gradwright.emit.c.routines import routines_source
from gradwright.run.compilers import required
from tests.emit.c.judging import compiles, distance

LAYOUTS = ("rows", "columns", "transposed")


@pytest.fixture
def every_product_is_large(monkeypatch):
    """All products are made by BLAS, and so shared."""
    monkeypatch.setattr("gradwright.emit.c.routines.LARGE", 1)


def samples(net, count, rng):
    return rng.normal(size=(count, net.widths[0])), rng.normal(size=(count, net.widths[-1]))


@compiles
@pytest.mark.usefixtures("every_product_is_large")
@pytest.mark.parametrize("layout", LAYOUTS)
def test_parts_of_every_size(layout, rng):
    """More threads than rows, parts without any, and sides that no number divides."""
    net = gw.Network("5 -> 37 tanh -> 3 sigmoid -> 11", loss="squared_error", layout=layout)
    flat = net.init(seed=3).flat
    for count in (1, 7, 45):
        X, Y = samples(net, count, rng)
        expected = net.model.module.value_and_gradient(flat, X, Y)
        for threads in (2, 5, 100):
            shared = net.model.compiled("float64", threads=threads)
            value, gradient = shared.value_and_gradient(flat, X, Y)
            assert abs(value - expected[0]) <= 1e-12 * abs(value)
            assert distance(gradient, expected[1]) <= 1e-12


@compiles
@pytest.mark.usefixtures("every_product_is_large")
def test_a_part_of_the_wrong_place_is_found(monkeypatch, rng):
    """Every thread multiplies by the first part. (What no thread writes may be anything.)"""
    net = gw.Network("5 -> 37 tanh -> 3", loss="squared_error")
    offset = "part.B += (size_t)first"
    wrong = routines_source().replace(offset, "part.B += (size_t)0")
    assert wrong != routines_source()
    monkeypatch.setattr("gradwright.run.compiled_network.routines_source", lambda: wrong)
    flat, (X, Y) = net.init(seed=3).flat, samples(net, 9, rng)
    expected = net.model.module.value_and_gradient(flat, X, Y)[1]
    compiled = net.model.compiled("float64", threads=2)
    assert distance(compiled.value_and_gradient(flat, X, Y)[1], expected) > 1e-3


@compiles
def test_a_training_with_threads(rng):
    """784 x 256 weights are shared without being told, and with one number bit for bit."""
    net = gw.Network("784 -> 256 relu -> 10 softmax", loss="cross_entropy")
    X, y = rng.normal(size=(256, 784)), rng.integers(10, size=256)
    given = {"epochs": 2, "batch_size": 128, "learning_rate": 0.01, "target": "c"}
    alone, shared, again = (
        gw.train(net, X, y, threads=threads, **given).params.flat for threads in (1, 3, 3)
    )
    np.testing.assert_array_equal(shared, again)
    assert distance(shared, alone) <= 1e-12


@compiles
@pytest.mark.usefixtures("every_product_is_large")
def test_trainings_at_once_have_threads_of_their_own(rng):
    net = gw.Network("5 -> 37 tanh -> 3", loss="squared_error")
    X, Y = samples(net, 400, rng)

    def trained(rate):
        return gw.train(
            net, X, Y, epochs=30, learning_rate=rate, threads=3, target="c", batch_size=7
        ).params.flat

    rates = [0.001, 0.002, 0.003, 0.004]
    one_by_one = [trained(rate) for rate in rates]
    with ThreadPoolExecutor(4) as pool:
        for expected, found in zip(one_by_one, pool.map(trained, rates), strict=True):
            np.testing.assert_array_equal(found, expected)


PROGRAM = """
#include <stdio.h>
#include <stdlib.h>

static void plain(const char *bt, const char *at, const int *m, const int *n, const int *k,
                  const real *one, const real *B, const int *ldb, const real *A, const int *lda,
                  const real *none, real *C, const int *ldc)
{
    (void)one, (void)none;
    for (int j = 0; j < *n; ++j)
        for (int i = 0; i < *m; ++i) {
            real sum = 0;
            for (int l = 0; l < *k; ++l)
                sum += (*bt == 'N' ? B[i + l * *ldb] : B[l + i * *ldb])
                    * (*at == 'N' ? A[l + j * *lda] : A[j + l * *lda]);
            C[i + j * *ldc] = sum;
        }
}

int main(void)
{
    enum { SAMPLES = 23, INPUTS = 5, OUTPUTS = 3 };
    static real parameters[PARAMETERS], gradient[PARAMETERS];
    static real X[SAMPLES * INPUTS], Y[SAMPLES * OUTPUTS];
    int64_t order[SAMPLES];
    double rates[SAMPLES], total = 0, last = 0;
    for (int i = 0; i < PARAMETERS; ++i)
        parameters[i] = (real)(i % 7) / 20 - (real)0.2;
    for (int i = 0; i < SAMPLES * INPUTS; ++i)
        X[i] = (real)(i % 11) / 5 - 1;
    for (int i = 0; i < SAMPLES * OUTPUTS; ++i)
        Y[i] = (real)(i % 3);
    for (int i = 0; i < SAMPLES; ++i)
        order[i] = i, rates[i] = 0.01;
    use_blas(plain);
    real *const work = malloc(work_length(SAMPLES) * sizeof(real));
    for (int round = 0; round < 8; ++round)
        descend(parameters, X, Y, order, SAMPLES, 7, rates, gradient, 3, work, &total, &last);
    printf("%.17g\\n", total);
    free(work);
    return 0;
}
"""


@compiles
@pytest.mark.usefixtures("every_product_is_large")
@pytest.mark.parametrize("told", [False, True])
def test_no_two_threads_write_or_read_at_once(told, tmp_path):
    """A program under the sanitizer for threads, and one whose threads are too early."""
    net = gw.Network("5 -> 37 tanh -> 3", loss="squared_error")
    source = net.model.with_steps("c", gw.optimizer("sgd"))
    work, done = "perform(&worker->task);\n", "announce(worker, &worker->done, number);\n"
    if told:
        changed = source.replace(f"{work}        {done}", f"{done}        {work}")
        assert changed != source
        source = changed
    text, made = tmp_path / "network.c", tmp_path / "network"
    text.write_text(source + PROGRAM, "utf-8")
    flags = ["-std=gnu99", "-O1", "-g", "-march=native", "-fopenmp-simd", "-pthread"]
    flags += ["-DDOUBLE_PRECISION", "-fsanitize=thread", "-Wno-psabi"]
    command = [*required().command, *flags, str(text), "-o", str(made), "-lm"]
    built = subprocess.run(command, capture_output=True, text=True, check=False)
    if built.returncode:
        pytest.skip("the compiler has no sanitizer for threads")
    ran = subprocess.run([str(made)], capture_output=True, text=True, check=False, timeout=100)
    if "unexpected memory mapping" in ran.stderr:
        pytest.skip("the sanitizer does not run under this system's layout of memory")
    assert ("data race" in ran.stderr) == told, ran.stderr
    assert (ran.returncode != 0) == told
