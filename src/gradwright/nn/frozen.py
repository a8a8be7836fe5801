"""Networks of which some layers are frozen: they do in training what they do in prediction."""

from __future__ import annotations

from collections.abc import Collection

from gradwright.nn.network import NetworkModel


def with_frozen(model: NetworkModel, layers: Collection[int]) -> NetworkModel:
    """The network in which these layers, by number from 1, are as in prediction.

    A dropout layer that is frozen drops nothing, batch normalisation takes its running mean and
    variance and leaves them.
    """
    frozen = [x for number, x in enumerate(model.layers, start=1) if number in layers]
    if all(layer.predicted == layer for layer in frozen):
        return model
    shape = (model.source_form, model.loss, model.reduction, model.layout.name)
    return NetworkModel(*shape, model, layers, model.plain)
