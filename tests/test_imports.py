"""Importing the package or its plugin imports no framework."""

import subprocess
import sys

import pytest

MODULES = (
    "tb_rnngrad",
    "tb_rnngrad.summary",
    "tb_rnngrad.events.reader",
    "tb_rnngrad.plugin.loader",
    "tb_rnngrad.plugin.plugin",
    "tb_rnngrad.cli",
)


@pytest.mark.parametrize("module", MODULES)
def test_importing_a_module_imports_no_framework(module):
    script = f"""
import sys, {module}
import tb_rnngrad, numpy as np
tb_rnngrad.summary.sequence_pb("lstm", np.ones((1, 2, 3)))
print(sorted({{"tensorflow", "torch", "keras", "tf_keras", "jax"}} & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_captures_from_pytorch_import_no_other_framework_and_no_trainer():
    pytest.importorskip("torch.nn")
    script = """
import sys, tb_rnngrad.torch
others = {"tensorflow", "keras", "tf_keras", "jax", "lightning", "pytorch_lightning"}
print(sorted((others | {"transformers"}) & set(sys.modules)))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "[]", done.stderr


def test_what_all_captures_share_imports_where_no_framework_is_installed():
    script = """
import importlib, pkgutil, sys

class Absent:
    def find_spec(self, name, path=None, target=None):
        if name.split(".")[0] in ("tensorflow", "keras", "tf_keras", "torch", "jax"):
            raise ModuleNotFoundError(f"No module named {name!r}", name=name)

sys.meta_path.insert(0, Absent())
import tb_rnngrad._capture as shared
names = [module.name for module in pkgutil.iter_modules(shared.__path__)]
for name in names:
    importlib.import_module(f"{shared.__name__}.{name}")
print("session" in names and len(names))
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert int(done.stdout) >= 10, done.stderr


def test_the_loader_imports_nothing_heavy():
    script = """
import sys, tb_rnngrad.plugin.loader
print("tb_rnngrad.plugin.plugin" in sys.modules, "cachetools" in sys.modules)
"""
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.stdout.strip() == "False False", done.stderr


def test_an_unknown_attribute_raises_the_usual_error():
    script = "import tb_rnngrad; tb_rnngrad.nothing"
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert "module 'tb_rnngrad' has no attribute 'nothing'" in done.stderr
