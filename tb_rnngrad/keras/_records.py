"""Turns what the taps captured into records, and says what is doubtful about them."""

from __future__ import annotations

import warnings
from collections.abc import Sequence

from tb_rnngrad._capture import records
from tb_rnngrad._capture.captured import Captured, single_timesteps
from tb_rnngrad._capture.records import Records
from tb_rnngrad.keras._taps.layout import Found, doubts, layers_of
from tb_rnngrad.keras._taps.taps import Taps


def records_of(found: Sequence[Captured], taps: Taps, single: bool) -> dict[str, Records]:
    """Return layer name -> record, or layer name -> dict of records by quantity.

    Raises:
        ValueError: if nothing of a layer was captured.
    """
    check_reached(found, taps)
    warn_of_doubts(found, stacklevel=4)
    return records.records_of(found, taps.adapter.name, single)


def warn_of_doubts(found: Sequence[Captured], stacklevel: int) -> None:
    """Warn about records that are less than a whole sequence or gradient."""
    sentence = single_timesteps(found)
    for told in filter(None, (sentence, *doubts(found).values())):
        warnings.warn(told, stacklevel=stacklevel)


def check_reached(found: Found, taps: Taps) -> None:
    """Raise ValueError if nothing of a layer was captured."""
    seen = layers_of(found)
    for view, of in taps.asked:
        if view.name not in seen:
            reason = "the loss does not depend on it, or it was not called"
            if any(id(part.layer) in taps.unrecorded for part in view.parts):
                reason = (
                    "it was called where no tape records, as under keras.remat or "
                    "tf.recompute_grad, which run it once more in the backward pass; expected to "
                    "be asked about a model without them"
                )
            raise ValueError(f"nothing of layer {view.name!r} was seen ({', '.join(of)}): {reason}")
