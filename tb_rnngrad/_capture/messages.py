"""Messages to the user while their training runs."""

from __future__ import annotations

import logging
import re
import warnings
from typing import Final

_LOGGER: Final = logging.getLogger("tb_rnngrad")
_MOST: Final = 1000  # characters kept of another library's message

_AROUND: Final = re.compile(
    r"""Exception\ encountered\ when\ calling\ (?:layer\ '[^']*'\ \(type\ \w+\)\.|\S+)
    | ^\s*\w+(?:Error|Exception):\ (?=\S)
    | \[\[\{\{node\ .*?\}\}\]\] | \[Op:__\w+\] | Graph\ execution\ error:""",
    re.VERBOSE | re.MULTILINE,
)


def tell(message: str) -> None:
    """Warn about something that should not end training.

    If warnings are errors, the message goes to the "tb_rnngrad" logger of `logging` instead, which
    prints it by default.
    """
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    except RuntimeWarning:
        _LOGGER.warning(message)


def in_a_sentence(error: BaseException) -> str:
    """Return an error's message without what Keras and TensorFlow put around it.

    Their traces come first and fill pages; the sentence that matters follows the last file.
    """
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    text = re.split(r"(?:Call a|A)rguments received by", text)[0]
    *_, behind = re.split(r'^ *File ".*', text, flags=re.MULTILINE)
    if behind != text:  # also drop the line of code quoted after the file
        behind = behind.partition("\n\n")[2]
    said = " ".join(_AROUND.sub(" ", behind or text).split()) or type(error).__name__
    return said if len(said) <= _MOST else f"{said[:_MOST]} ..."
