"""The PyTorch target for steps of optimisers: new vectors, and what applies them to a module."""

from __future__ import annotations

from collections.abc import Mapping

from msgspec.structs import replace

from gradwright.emit.numpy import documentation, signature
from gradwright.emit.torch_body import TorchBody
from gradwright.emit.torch_support import TORCH_HELPERS
from gradwright.program.ir import Ref
from gradwright.program.update import GRADIENT, PARAMETERS, RATE, STEPS, Update

OPTIMIZER = '''
class Optimizer:
    """Steps of {title} for all parameters of a module, as one vector w.

    `learning_rate` and `settings` may be changed between steps; `t` counts the steps that were
    made, and `state` has {state}, zeros before the first.
    """

{head}
        self.model = model
        self.learning_rate = learning_rate
        self.settings = {settings}
        self.t = 0
        w = torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])
        self.state = [torch.zeros_like(w) for _ in range({count})]

    def zero_grad(self):
        """Forget the gradients."""
        self.model.zero_grad()

    @torch.no_grad()
    def step(self):
        """One step by the gradients that are there; where there is none it is 0."""
        parameters = list(self.model.parameters())
        held = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        w, g = (torch.cat([x.reshape(-1) for x in listed]) for listed in (parameters, held))
        given = {{**self.settings, "learning_rate": self.learning_rate, "t": self.t}}
        # As doubles without axes numbers leave the type of vectors as it is.
        numbers = [
            torch.tensor(given[name], dtype=torch.float64, device=w.device)
            for name in {numbers}
        ]
        w, *self.state = update(w, g, *self.state, *numbers)
        self.t += 1
        for parameter, part in zip(parameters, w.split([p.numel() for p in parameters])):
            parameter.copy_(part.reshape(parameter.shape))
'''


def with_steps(
    module: str, update: Update, title: str, rate: float, settings: Mapping[str, float]
) -> str:
    """The module of a network with steps of an optimiser: `update` and the class `Optimizer`.

    `rate` and `settings` are the defaults.
    """
    function, helpers = _update(update, title)
    carried = [TORCH_HELPERS[name] for name in helpers if f"\ndef {name}(" not in module]
    given = [
        "self",
        "model",
        f"{RATE}={rate!r}",
        *(f"{name}={value!r}" for name, value in settings.items()),
    ]
    optimizer = OPTIMIZER.format(
        title=documentation(title),
        state=" and ".join(update.state) or "nothing",
        head="\n".join(f"    {line}" for line in signature("__init__", given)),
        settings="{" + ", ".join(f'"{name}": {name}' for name in settings) + "}",
        count=len(update.state),
        numbers="[" + ", ".join(f'"{name}"' for name in update.scalars) + "]",
    )
    parts = [module, *carried, function, optimizer]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _update(update: Update, title: str) -> tuple[str, list[str]]:
    """The function `update`, and the helpers that it calls."""
    vectors = (PARAMETERS, GRADIENT, *update.state)
    results = tuple(Ref(update.made.get(name, name)) for name in (PARAMETERS, *update.state))
    inputs = (*vectors, *update.scalars)
    function = replace(update.function, inputs=inputs, outputs=results)
    body = TorchBody(function, {name: name for name in inputs})
    lines = body.lines()
    if not update.state:
        lines[-1] = f"return ({lines[-1].removeprefix('return ')},)"
    said = [f'"""One step of {documentation(title)}: the new parameters and the new state.', ""]
    said += [documentation(line) for line in update.lines]
    said += ["", "w stands for the parameters and g for the gradient."]
    said += ["t is the number of steps before this one."] * (STEPS in update.scalars)
    shown = [f"    {line}" if line else "" for line in (*said, '"""', *lines)]
    return "\n".join([*signature("update", inputs), *shown]), sorted(body.helpers)
