"""How Sphinx builds the documentation; `make docs` runs it."""

from importlib.metadata import version as version_of

from docutils import nodes
from sphinx.addnodes import pending_xref
from sphinx.application import Sphinx
from sphinx.environment import BuildEnvironment

project = "tb_rnngrad"
author = "The tb_rnngrad authors"
version = release = version_of("tb_rnngrad")
html_title = f"tb_rnngrad {release}"
html_theme = "furo"
html_copy_source = False
html_show_copyright = False

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx.ext.napoleon"]
exclude_patterns = ["_build", "README.md"]  # index.rst includes README.md

# Headings have the anchors that they have on code hosts, so that links work in both places.
myst_heading_anchors = 3

# Every reference has to lead somewhere. Types of other packages have no pages here.
nitpicky = True
nitpick_ignore_regex = [(r"py:.*", r"(?!tb_rnngrad\b).*")]
default_role = "py:obj"

# Docstrings need no PyTorch, of which pip may take a build of several gigabytes, and no trainers.
autodoc_mock_imports = ["torch", "lightning", "transformers"]
autodoc_typehints = "none"  # the docstrings say what types cannot: shapes, units, choices
autodoc_preserve_defaults = True
autodoc_member_order = "bysource"
autodoc_default_options = {"members": True}
python_maximum_signature_line_length = 80
napoleon_numpy_docstring = False
napoleon_use_ivar = True
add_module_names = False
smartquotes_action = "De"  # dashes and dots, but not quotes: quoted names are code, to be copied


def public(
    app: Sphinx, env: BuildEnvironment, node: pending_xref, content: nodes.TextElement
) -> nodes.Element | None:
    """Return a link for names that docstrings write from tb_rnngrad on: `flow.Thresholds`."""
    name = f"tb_rnngrad.{node['reftarget']}"
    python = env.get_domain("py")
    return python.resolve_xref(env, node["refdoc"], app.builder, "obj", name, node, content)


def setup(app: Sphinx) -> None:
    """Let docstrings of every module name what is public in the same way."""
    app.connect("missing-reference", public)
