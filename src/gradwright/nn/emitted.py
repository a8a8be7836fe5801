"""The modules of a network as text, made from what is derived for its kinds."""

from __future__ import annotations

from typing import TYPE_CHECKING

from gradwright.emit.c.network import network_source
from gradwright.emit.network import network_module
from gradwright.emit.unpacking import BY_FORMULA_ORDER, dense_order

if TYPE_CHECKING:
    from gradwright.emit.torch_network import LayersCode
    from gradwright.nn.network import NetworkModel


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


def torch_layers(model: NetworkModel) -> tuple[LayersCode, LayersCode]:
    """The functions of the layers for PyTorch, in training and for prediction."""
    from gradwright.nn.torch_module import layers_code

    other = model.prediction
    training = layers_code(model.kinds, model.derived)
    return training, layers_code(other.kinds, other.derived) if other is not model else training


def torch_module(model: NetworkModel, forward_mode: bool) -> str:
    """The module for PyTorch."""
    from gradwright.nn.torch_module import torch_source

    head, note = model.kinds[-1], _note(model)
    return torch_source(*model.torch_layers, model.layers, head, model.text, note, forward_mode)


def products_module(model: NetworkModel) -> str:
    """The NumPy module of products with second derivatives."""
    from gradwright.nn.products import derive_products, products_source

    made = {kind: derive_products(found) for kind, found in model.derived.items()}
    runs = [(made[run.kind], run.count) for run in model.runs]
    shapes = [dict(layer.parameters) for layer in model.layers]
    states = [dict(layer.state) for layer in model.layers]
    rows = model.layout.row_samples
    return products_source(runs, shapes, states, model.text, _note(model), rows)
