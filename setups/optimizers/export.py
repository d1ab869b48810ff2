"""A program as Python source: a torch optimizer, and an optax transformation, each a module that needs nothing of ours.

The program itself is one function in both, on all weights of a group in one vector, because norms go over all of them.
"""

from __future__ import annotations

from setups.optimizers.functions import EPSILON, FUNCTIONS
from setups.optimizers.program import INPUTS, Program, Statement, unpack, variable_name
from setups.optimizers.text import format_program

# With {0} to {2} the arguments; other functions are called by their names.
_FORMS = {
    "exp10": "10.0 ** {0}",
    "log": "xp.log(xp.abs({0}))",
    "log10": "xp.log10(xp.abs({0}))",
    "log2": "xp.log2(xp.abs({0}))",
    "log1p": "xp.log(xp.abs(1.0 + {0}))",
    "sqrt": "xp.sqrt(xp.abs({0}))",
    "cube": "{0} * {0} * {0}",
    "cbrt": "xp.sign({0}) * xp.abs({0}) ** (1.0 / 3.0)",
    "reciprocal": "1.0 / {0}",
    "negative": "-{0}",
    "norm": "xp.sqrt(xp.sum({0} * {0}))",
    "global_norm": "xp.sqrt(xp.sum({0} * {0}))",
    "dot": "xp.sum({0} * {1})",
    "cosine_sim": "xp.sum({0} * {1}) / (xp.sqrt(xp.sum({0} * {0})) * xp.sqrt(xp.sum({1} * {1})))",
    "clip_by_global_norm": "xp.minimum(number(1.0), {1} / xp.sqrt(xp.sum({0} * {0}))) * {0}",
    "power": "{0} ** {1}",
    "interp": "(1.0 - {2}) * {0} + {2} * {1}",
    "add": "{0} + {1}",
    "subtract": "{0} - {1}",
    "multiply": "{0} * {1}",
    "divide": f"{{0}} / ({{1}} + {EPSILON!r})",
    "get_pi": "number(3.141592653589793)",
    "get_e": "number(2.718281828459045)",
    "get_eps": f"number({EPSILON!r})",
}

_HEAD = '''"""An optimizer that ufh found.

{text}
`lr` is the schedule's value: the program scales it itself.
"""

'''

_TORCH = '''import torch


class FoundOptimizer(torch.optim.Optimizer):
    """All weights of a group are one vector to the program; `lr` is what a schedule may change."""

    def __init__(self, params, lr=1.0):
        super().__init__(params, {"lr": lr})

    @torch.no_grad()
    def step(self, closure=None):
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [p for p in group["params"] if p.grad is not None]
            if not params:
                continue
            w = torch.cat([p.reshape(-1) for p in params])
            g = torch.cat([p.grad.reshape(-1) for p in params])
            states = [self.state[p] for p in params]
            for p, state in zip(params, states):
                if not state:
                    state["m"], state["v"] = torch.zeros_like(p), torch.zeros_like(p)
            m, v = (torch.cat([state[name].reshape(-1) for state in states]) for name in "mv")

            def number(value):
                return torch.as_tensor(value, dtype=w.dtype, device=w.device)

            update, m, v = train(torch, number, w, g, m, v, number(group["lr"]))
            sizes = [p.numel() for p in params]
            for p, state, u, new_m, new_v in zip(params, states, *(x.split(sizes) for x in (update, m, v))):
                p.sub_(u.view_as(p))
                state["m"], state["v"] = new_m.reshape(p.shape).clone(), new_v.reshape(p.shape).clone()
        return loss
'''

_OPTAX = '''import jax.numpy as jnp
import optax
from jax.flatten_util import ravel_pytree


def found_optimizer(learning_rate=1.0):
    """The transformation; `learning_rate` is a number or a schedule of the step."""

    def init(params):
        flat = ravel_pytree(params)[0]
        return jnp.zeros((), jnp.int32), jnp.zeros_like(flat), jnp.zeros_like(flat)

    def update(gradients, state, params):
        count, m, v = state
        w, unravel = ravel_pytree(params)
        g = ravel_pytree(gradients)[0]

        def number(value):
            return jnp.asarray(value, w.dtype)

        lr = learning_rate(count) if callable(learning_rate) else learning_rate
        change, m, v = train(jnp, number, w, g, m, v, number(lr))
        return unravel(-change), (count + 1, m, v)

    return optax.GradientTransformation(init, update)
'''


def torch_text(program: Program) -> str:
    """The source of a module with ``FoundOptimizer(params, lr)``, a ``torch.optim.Optimizer``."""
    return _HEAD.format(text=format_program(program)) + _TORCH + "\n\n" + _function(program)


def optax_text(program: Program) -> str:
    """The source of a module with ``found_optimizer(learning_rate)``, which makes an optax transformation."""
    return _HEAD.format(text=format_program(program)) + _OPTAX + "\n\n" + _function(program)


def _function(program: Program) -> str:
    lines = [f"def train(xp, number, {', '.join(INPUTS)}):"]
    lines += [f"    {_statement(statement)}" for statement in unpack(program)]
    lines.append("    return update, m, v")
    return "\n".join(lines) + "\n"


def _statement(statement: Statement) -> str:
    name = FUNCTIONS[statement.function].name
    arguments = [
        f"number({_literal(one)})" if isinstance(one, float) else variable_name(one) for one in statement.arguments
    ]
    right = _FORMS[name].format(*arguments) if name in _FORMS else f"xp.{name}({', '.join(arguments)})"
    return f"{variable_name(statement.target)} = {right}"


def _literal(value: float) -> str:
    return repr(value) if value - value == 0.0 else f'float("{value}")'
