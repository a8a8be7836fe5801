"""The PyTorch target for steps of optimisers: new vectors, and what applies them to a module."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import inf

from msgspec.structs import replace

from gradwright.emit.numpy import documentation, signature
from gradwright.emit.torch_body import TorchBody
from gradwright.emit.torch_support import TORCH_HELPERS
from gradwright.program.ir import Ref
from gradwright.program.update import GRADIENT, PARAMETERS, RATE, STEPS, Update

#: The ranges of the numbers that every optimiser has.
OF_EVERY = {RATE: (0.0, False, inf), STEPS: (0, False, inf)}

OPTIMIZER = '''
STEPS_OF = {name!r}

# The numbers of a step: the least, whether that itself is left out, and what they are less than.
RANGES = {{
{ranges}
}}


def numbers(learning_rate, t, settings):
    """The numbers of a step by name; one out of its range is refused, and NaN is in none."""
    found = {{"learning_rate": learning_rate, "t": t, **settings}}
    if found.keys() != RANGES.keys():
        wanted = ", ".join(list(RANGES)[2:])
        raise ValueError(f"the settings are {{settings}}; instead: give {{wanted or 'none'}}")
    for name, value in found.items():
        least, above, below = RANGES[name]
        if not least <= value < below or (above and value == least):
            raise ValueError(f"{{name}} is {{value}}; instead: give a number "
                             f"{{'greater than' if above else 'at least'}} {{least:g}} "
                             f"and less than {{below:g}}")
    return found


class Optimizer:
    """Steps of {title} for all parameters of a module, as one vector w.

    `learning_rate` and `settings` may be changed between steps; `t` counts the steps that were
    made, and `state` {state}.
    """

{head}
        self.model = model
        self.learning_rate = learning_rate
        self.settings = {settings}
        self.t = 0
        w = torch.cat([parameter.detach().reshape(-1) for parameter in model.parameters()])
        self.state = [torch.zeros_like(w) for _ in range({count})]
        numbers(learning_rate, self.t, self.settings)

    def state_dict(self):
        """What the next steps depend on, besides the parameters."""
        return {{
            "steps_of": STEPS_OF,
            "learning_rate": self.learning_rate,
            "t": self.t,
            "settings": dict(self.settings),
            "state": [value.clone() for value in self.state],
        }}

    def load_state_dict(self, held):
        """Go on where another one of the same kind stood; the module has its own state_dict."""
        if held.get("steps_of") != STEPS_OF:
            raise ValueError(f"the steps are of {{held.get('steps_of')}}; "
                             f"instead: give those of {{STEPS_OF}}")
        numbers(held["learning_rate"], held["t"], held["settings"])
        shapes, own = ([tuple(v.shape) for v in state] for state in (held["state"], self.state))
        if shapes != own:
            raise ValueError(f"the state has the shapes {{shapes}}; instead: give {{own}}")
        self.learning_rate, self.t = held["learning_rate"], held["t"]
        self.settings = dict(held["settings"])
        self.state = [value.to(old, copy=True) for value, old in zip(held["state"], self.state)]

    def zero_grad(self):
        """Forget the gradients."""
        self.model.zero_grad()

    @torch.no_grad()
    def step(self):
        """One step by the gradients that are there; where there is none it is 0."""
        parameters = list(self.model.parameters())
        held = [torch.zeros_like(p) if p.grad is None else p.grad for p in parameters]
        w, g = (torch.cat([x.reshape(-1) for x in listed]) for listed in (parameters, held))
        given = numbers(self.learning_rate, self.t, self.settings)
        # As doubles without axes numbers leave the type of vectors as it is.
        scalars = [
            torch.tensor(given[name], dtype=torch.float64, device=w.device)
            for name in {numbers}
        ]
        w, *self.state = update(w, g, *self.state, *scalars)
        self.t += 1
        for parameter, part in zip(parameters, w.split([p.numel() for p in parameters])):
            parameter.copy_(part.reshape(parameter.shape))
'''


def with_steps(
    module: str,
    update: Update,
    title: str,
    rate: float,
    settings: Mapping[str, float],
    ranges: Mapping[str, tuple[float, bool, float]],
) -> str:
    """The module of a network with steps of an optimiser: `update` and the class `Optimizer`.

    `rate` and `settings` are the defaults. `ranges` say of each setting the least that it may be,
    whether that itself is left out, and what it is less than.
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
        name=title,
        ranges="\n".join(_range(name, *ends) for name, ends in {**OF_EVERY, **ranges}.items()),
        state=_state_text(update.state),
        head="\n".join(f"    {line}" for line in signature("__init__", given)),
        settings="{" + ", ".join(f'"{name}": {name}' for name in settings) + "}",
        count=len(update.state),
        numbers="[" + ", ".join(f'"{name}"' for name in update.scalars) + "]",
    )
    parts = [module, *carried, function, optimizer]
    return "\n\n\n".join(part.strip("\n") for part in parts) + "\n"


def _range(name: str, least: float, above: bool, below: float) -> str:
    ends = "math.inf" if below == inf else repr(below)
    return f'    "{name}": ({least!r}, {above}, {ends}),'


def _state_text(state: Sequence[str]) -> str:
    return f"has {' and '.join(state)}, zeros before the first" if state else "is empty"


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
