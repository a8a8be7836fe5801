"""Networks whose standalone modules have most of what such modules can have."""

from __future__ import annotations

import gradwright as gw

#: Layers, losses and optimisers that need most of what support files have.
NETWORKS = (
    (["4", "7 gelu", "batch_norm", "5 mish", "dropout(0.3)", "3 softmax"], "focal", "adam"),
    (["64", "32 relu", "layer_norm", gw.residual("9 silu", "32"), "10 softmax"], None, "sgd"),
    (["5", "6 selu", "rms_norm", "4 softplus", "2 sigmoid"], "binary_focal", "rmsprop"),
    (["3", "4 * 8 tanh", gw.parallel("identity", "2 hard_tanh"), "4 elu"], "huber", "nesterov"),
    ([gw.embedding(3, {1: (4, 2)}), "5 tanh", "2 softmax"], None, "momentum"),
)


def module(place, **options):
    items, loss, rule = NETWORKS[place]
    net = gw.Network(items, loss=loss or "cross_entropy")
    return net.backprop().standalone(
        batch_size=3, optimizer=gw.optimizer(rule, max_norm=1.0, l1=1e-3), **options
    )
