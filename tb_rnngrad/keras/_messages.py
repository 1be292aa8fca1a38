"""What is said to the user while somebody else's training runs."""

from __future__ import annotations

import logging
import re
import warnings
from typing import Final

_LOGGER: Final = logging.getLogger("tb_rnngrad")
_MOST: Final = 1000  # characters of somebody else's message

_AROUND: Final = re.compile(
    r"""Exception\ encountered\ when\ calling\ (?:layer\ '[^']*'\ \(type\ \w+\)\.|\S+)
    | ^\s*\w+(?:Error|Exception):\ (?=\S)
    | \[\[\{\{node\ .*?\}\}\]\] | \[Op:__\w+\] | Graph\ execution\ error:""",
    re.VERBOSE | re.MULTILINE,
)


def tell(message: str) -> None:
    """Warn of something that is no reason to end training.

    Where warnings are errors it goes to the "tb_rnngrad" logger of `logging` instead, which prints
    it unless told otherwise.
    """
    try:
        warnings.warn(message, RuntimeWarning, stacklevel=2)
    except RuntimeWarning:
        _LOGGER.warning(message)


def in_a_sentence(error: BaseException) -> str:
    """Return what an error says, without what Keras and TensorFlow put around it.

    Their traces come first and fill pages; the sentence that matters stands behind the last file.
    """
    text = re.sub(r"\x1b\[\d*m", "", str(error))
    text = re.split(r"(?:Call a|A)rguments received by", text)[0]
    *_, behind = re.split(r'^ *File ".*', text, flags=re.MULTILINE)
    if behind != text:  # the line of code that the file is quoted with goes, too
        behind = behind.partition("\n\n")[2]
    said = " ".join(_AROUND.sub(" ", behind or text).split()) or type(error).__name__
    return said if len(said) <= _MOST else f"{said[:_MOST]} ..."
