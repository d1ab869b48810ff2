"""The peer of the setup nasbench: the graph code of the package nasbench-pytorch, loaded without torch or with it."""

from __future__ import annotations

import sys
from importlib import import_module
from importlib.metadata import distribution
from importlib.util import module_from_spec, spec_from_file_location
from types import ModuleType, SimpleNamespace
from unittest import mock


def load_peer() -> SimpleNamespace:
    """`ModelSpec` and `hash_module` of nasbench_pytorch.

    Its package imports torch, of which these two need nothing: `ModelSpec` only wraps its finished matrix in a tensor.
    """
    torch = ModuleType("torch")
    torch.tensor = lambda matrix: matrix  # type: ignore[attr-defined]
    package = ModuleType("nasbench_pytorch.model")
    stand_ins = {"torch": torch, "nasbench_pytorch": ModuleType("nasbench_pytorch"), "nasbench_pytorch.model": package}
    with mock.patch.dict(sys.modules, stand_ins):
        package.graph_util = _load_module("graph_util")  # type: ignore[attr-defined]
        model_spec = _load_module("model_spec")
    return SimpleNamespace(ModelSpec=model_spec.ModelSpec, hash_module=package.graph_util.hash_module)


def load_peer_with_torch() -> SimpleNamespace:
    """The same two as the package itself has them; needs torch."""
    model_spec, graph_util = (import_module(f"nasbench_pytorch.model.{name}") for name in ("model_spec", "graph_util"))
    return SimpleNamespace(ModelSpec=model_spec.ModelSpec, hash_module=graph_util.hash_module)


def _load_module(name: str) -> ModuleType:
    path = distribution("nasbench-pytorch").locate_file(f"nasbench_pytorch/model/{name}.py")
    found = spec_from_file_location(f"peer_{name}", str(path))
    assert found is not None
    assert found.loader is not None
    module = module_from_spec(found)
    found.loader.exec_module(module)
    return module
