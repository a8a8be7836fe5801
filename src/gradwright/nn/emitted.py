"""The modules of a network as text, made from what is derived for its kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradwright.emit.c.network import network_source
from gradwright.emit.network import network_module
from gradwright.emit.unpacking import BY_FORMULA_ORDER, dense_order

if TYPE_CHECKING:
    from gradwright.nn.network import NetworkModel
    from gradwright.program.saving import SavedTensor


def _note(model: NetworkModel) -> str:
    return f"Loss: {model.loss}, {model.reduction} over the samples."


def _all_dense(model: NetworkModel) -> bool:
    return all(layer.formula is None for layer in model.layers)


def numpy_passes(model: NetworkModel) -> str:
    """The NumPy module without steps."""
    formulas = model.prediction.formulas() | model.formulas()
    return network_module(
        model.stages(),
        model.widths,
        model.text,
        _note(model),
        formulas,
        model.layout.row_samples,
        model.layout.row_inputs,
        () if _all_dense(model) else [layer.all_sizes for layer in model.layers],
        model.prediction.stages() if model.trains_apart else (),
    )


def c_passes(model: NetworkModel) -> str:
    """The C module without steps.

    Raises:
        UnsupportedError: a layer needs what the target does not have.
    """
    order = dense_order(model.layout.row_inputs) if _all_dense(model) else BY_FORMULA_ORDER
    return network_source(
        model.stages(),
        [layer.all_sizes for layer in model.layers],
        model.text,
        _note(model),
        order,
        model.layout.row_samples,
        model.prediction.stages() if model.trains_apart else (),
    )


def torch_module(model: NetworkModel) -> str:
    """The module for PyTorch."""
    from gradwright.nn.torch_module import layers_code, torch_source

    other = model.prediction
    training = layers_code(model.kinds, model.derived)
    predicting = layers_code(other.kinds, other.derived) if other is not model else training
    head = model.kinds[-1]
    return torch_source(training, predicting, model.layers, head, model.text, _note(model))


def saved_tensors(model: NetworkModel) -> tuple[SavedTensor, ...]:
    """What the loss of the module for PyTorch saves."""
    from gradwright.nn.saved import saved_tensors
    from gradwright.nn.torch_module import layers_code

    return saved_tensors(layers_code(model.kinds, model.derived), model.layers)


def products_module(model: NetworkModel) -> str:
    """The NumPy module of products with second derivatives."""
    from gradwright.nn.products import derive_products, products_source

    made = {kind: derive_products(found) for kind, found in model.derived.items()}
    runs = [(made[run.kind], run.count) for run in model.runs]
    shapes = [dict(layer.parameters) for layer in model.layers]
    states = [dict(layer.state) for layer in model.layers]
    rows = model.layout.row_samples
    return products_source(runs, shapes, states, model.text, _note(model), rows)
