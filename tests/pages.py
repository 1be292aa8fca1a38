"""The code in documents and docstrings."""

from __future__ import annotations

import inspect
import re
import textwrap
from pathlib import Path

ROOT = Path(__file__).parent.parent


def snippets(document: str, language: str = "python") -> list[str]:
    """Return the blocks of code of a document, given from the project's directory on."""
    text = (ROOT / document).read_text()
    return re.findall(rf"```{language}\n(.*?)```", text, re.DOTALL)


def example_of(documented: object) -> str:
    """Return the one example of a docstring."""
    text = f"{inspect.getdoc(documented)}\n"
    (example,) = re.findall(r"Example[^:\n]*::\n\n((?: {4,}.*\n|\n)+)", text)
    return textwrap.dedent(example)
