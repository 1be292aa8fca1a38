"""Private names of TensorFlow, of the two Kerases and of PyTorch each have one home."""

import ast
import re
from pathlib import Path

import pytest

import tb_rnngrad

PACKAGE = Path(tb_rnngrad.__file__).parent
KERAS = PACKAGE / "keras"
TENSORFLOW_HOME = KERAS / "_tensorflow.py"
KERAS_HOME = KERAS / "_adapters"
TORCH = PACKAGE / "torch"
TORCH_HOME = TORCH / "_functional.py"
MODULES = [*PACKAGE.rglob("*.py")]

PRIVATE_OF_TENSORFLOW = re.compile(r"tensorflow\.python|tf\.__internal__|tensorflow\.__internal__")
PRIVATE_OF_KERAS = re.compile(r"\b(tf_)?keras\.src\b")
# Without an underscore, but in no documentation either.
UNDOCUMENTED = {
    "autograph_info__",
    "get_dropout_mask_for_cell",
    "inner_loop",
    "make_train_function",
    "python_function",
    "reverse_state_order",
    "train_function",
    "train_tf_function",
    "use_cudnn",
}
PUBLIC_WITH_AN_UNDERSCORE = {"_fields"}  # of a namedtuple


def private_modules(tree, pattern):
    """The modules with private parts that a module imports or reaches through an attribute."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Import):
            found = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            found = [f"{node.module}.{alias.name}" for alias in node.names]
        elif isinstance(node, ast.Attribute):
            found = [ast.unparse(node)]
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            found = [node.value] if " " not in node.value else []
        else:
            continue
        yield from (f"{node.lineno}: {name}" for name in found if pattern.search(name))


def own_names(trees):
    """The names that the package itself gives to anything."""
    for tree in trees:
        for node in ast.walk(tree):
            match node:
                case ast.FunctionDef(name=name) | ast.ClassDef(name=name) | ast.arg(arg=name):
                    yield name
                case ast.Name(id=name, ctx=ast.Store()) | ast.keyword(arg=str(name)):
                    yield name
                case ast.Attribute(value=ast.Name(id="self"), attr=name, ctx=ast.Store()):
                    yield name
                case ast.alias(name=name):
                    yield name.split(".")[-1]


def foreign_private_names(tree, own):
    """Names of attributes that look private, or are undocumented, and are not the package's own."""
    for node in ast.walk(tree):
        if isinstance(node, ast.Attribute):
            name = node.attr
        elif isinstance(node, ast.Constant) and isinstance(node.value, str):
            name = node.value
        else:
            continue
        looks_private = re.fullmatch(r"_[a-z]\w*(?<!__)", name) and name not in own
        if name in UNDOCUMENTED or (looks_private and name not in PUBLIC_WITH_AN_UNDERSCORE):
            yield f"{node.lineno}: {name}"


def parsed(path):
    return ast.parse(path.read_text())


def test_private_parts_of_tensorflow_stand_in_one_file():
    found = {
        path.relative_to(PACKAGE): [*private_modules(parsed(path), PRIVATE_OF_TENSORFLOW)]
        for path in MODULES
        if path != TENSORFLOW_HOME
    }
    assert {path: names for path, names in found.items() if names} == {}
    assert [*private_modules(parsed(TENSORFLOW_HOME), PRIVATE_OF_TENSORFLOW)]


def test_private_parts_of_the_kerases_stand_in_the_adapters():
    found = {
        path.relative_to(PACKAGE): [*private_modules(parsed(path), PRIVATE_OF_KERAS)]
        for path in MODULES
        if path.parent != KERAS_HOME
    }
    assert {path: names for path, names in found.items() if names} == {}
    assert [*private_modules(parsed(KERAS_HOME / "keras3.py"), PRIVATE_OF_KERAS)]


def test_capture_touches_private_attributes_of_others_in_these_homes_alone():
    modules = [*KERAS.rglob("*.py")]
    own = {*own_names(map(parsed, modules))}
    found = {
        path.relative_to(KERAS): [*foreign_private_names(parsed(path), own)]
        for path in modules
        if path != TENSORFLOW_HOME and path.parent != KERAS_HOME
    }
    assert {path: names for path, names in found.items() if names} == {}
    assert [*foreign_private_names(parsed(KERAS_HOME / "tf_keras.py"), own)]


def test_private_attributes_of_pytorch_are_touched_in_one_file():
    modules = [*TORCH.rglob("*.py")]
    own = {*own_names(map(parsed, modules)), *(path.stem for path in modules)}
    found = {
        path.name: [*foreign_private_names(parsed(path), own)]
        for path in modules
        if path != TORCH_HOME
    }
    assert {path: names for path, names in found.items() if names} == {}
    assert [*foreign_private_names(parsed(TORCH_HOME), own)]


@pytest.mark.parametrize(
    "line",
    [
        "layer._flatten_layers()",
        "getattr(layer, '_updates')",
        "error._keras_call_info_injected = True",
        "vars(model)['train_function']",
        "self._never_set",
    ],
)
def test_a_private_attribute_is_found(line):
    own = {*own_names([ast.parse("self._mine = 1\nother._yours = 1")])}
    assert [*foreign_private_names(ast.parse(line), own)]
    assert not [*foreign_private_names(ast.parse("one._mine"), own)]
    assert [*foreign_private_names(ast.parse("one._yours"), own)]


@pytest.mark.parametrize(
    "line",
    [
        "import tensorflow.python.eager",
        "from tensorflow.python import pywrap_tfe",
        "from tensorflow import python as p; tensorflow.python.eager",
        "tf.__internal__.FuncGraph('f')",
        "import_module('tensorflow.python.eager.context')",
    ],
)
def test_a_private_module_is_found(line):
    assert [*private_modules(ast.parse(line), PRIVATE_OF_TENSORFLOW)]
    assert not [*private_modules(ast.parse("tf.function(f)"), PRIVATE_OF_TENSORFLOW)]
