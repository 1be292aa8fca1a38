"""Assertions about how far gradients reach, and about flags."""

from __future__ import annotations

from typing import Final

import numpy as np

from tb_rnngrad import flow
from tb_rnngrad.flow import Thresholds
from tb_rnngrad.flow._thresholds import DEFAULT_THRESHOLDS
from tb_rnngrad.testing._sources import Given, Judged, every_step, last_steps

_SAMPLES: Final = {
    "p05": "95% of the samples",
    "p50": "the median sample",
    "p95": "5% of the samples",
}


def assert_reaches(
    logdir_or_records: Given,
    lag: int,
    eps: float = 0.01,
    *,
    run: str | None = None,
    tag: str | None = None,
    quantile: str = "p50",
) -> None:
    """Fail unless each gradient reaches `lag` timesteps back, at the last step.

    Reaching means a memory horizon of at least `lag`: the norm is at least `eps` times the sample's
    largest norm at that lag or further back.

    Args:
        logdir_or_records: a directory of logs; one tag of it, as `tb_rnngrad.read` returns it; a
            record; or several records, in a sequence or by name, as `gradients` and `capture`
            return them. Of a directory, hidden-state gradients are checked, if it has any.
        lag: number of timesteps, at least 1.
        eps: the share of the largest norm that has to be left.
        run: check only this run of the directory.
        tag: check only this tag of the directory, whatever gradient through time it holds.
        quantile: which sample has to reach so far: "p50" for the median one, "p05" so that 95 % of
            the samples do, "p95" so that 5 % do.

    Raises:
        AssertionError: If one does not reach so far, if its sequences are shorter, or if no sample
            can be judged. The message names each with its numbers.
        ValueError: If there is no gradient through time, or an argument is out of range.
        TypeError: If it holds something other than records.

    Example:
        >>> gradient = np.ones((4, 100, 3)) * 0.9 ** np.arange(99, -1, -1.0).reshape(1, 100, 1)
        >>> record = tb_rnngrad.SequenceRecord(gradient, layer="lstm")
        >>> tb_rnngrad.testing.assert_reaches(record, 40)
        >>> tb_rnngrad.testing.assert_reaches(record, 50)
        Traceback (most recent call last):
        AssertionError: lstm: the gradient of the median sample reaches 43 of 99 timesteps back at \
0.01 of its largest norm; expected at least 50
    """
    if lag < 1:
        raise ValueError(f"lag is {lag}; expected at least 1 timestep")
    if quantile not in _SAMPLES:
        raise ValueError(f"quantile is {quantile!r}; expected one of {', '.join(_SAMPLES)}")
    found = last_steps(logdir_or_records, run, tag)
    wrong = [why for one in found if (why := _why_short(one, lag, eps, quantile)) is not None]
    if wrong:
        raise AssertionError("; ".join(wrong))


def _why_short(one: Judged, lag: int, eps: float, quantile: str) -> str | None:
    horizons = flow.horizons_of(one.rows, eps, one.names)
    horizon = horizons[[*_SAMPLES].index(quantile)]
    if horizon >= lag:
        return None
    if np.isnan(horizon):
        return (
            f"{one.where}: no sample has finite norms that are not all 0, at two lags or more, so "
            f"none reaches {lag} timesteps back"
        )
    lags = _lags(one)
    if lags < lag:
        return f"{one.where}: the median sample has {lags:.0f} lags; expected at least {lag}"
    return (
        f"{one.where}: the gradient of {_SAMPLES[quantile]} reaches {horizon:.0f} of {lags:.0f} "
        f"timesteps back at {eps:g} of its largest norm; expected at least {lag}"
    )


def _lags(one: Judged) -> float:
    if "lags_p50" not in one.names:
        return float(len(one.rows) - 1)
    return float(np.nanmax(one.rows[:, one.names.index("lags_p50")]))


def assert_no_flags(
    logdir_or_records: Given,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
    *,
    run: str | None = None,
    tag: str | None = None,
    at_every_step: bool = False,
) -> None:
    """Fail if a gradient vanishes, explodes, is cut or not finite, or leaves channels dead.

    Args:
        logdir_or_records: see `assert_reaches`.
        thresholds: the thresholds of the flags. One at its limit switches its flag off:
            `Thresholds(vanishing=0)`.
        run: see `assert_reaches`.
        tag: see `assert_reaches`.
        at_every_step: judge every logged step, not only the last one.

    Raises:
        AssertionError: If a flag is up; the message names each with its numbers.
        ValueError: If there is no gradient through time.
        TypeError: If it holds something other than records.

    Example:
        >>> record = tb_rnngrad.SequenceRecord(np.ones((4, 10, 3)), layer="lstm")
        >>> tb_rnngrad.testing.assert_no_flags(record)
    """
    found = every_step(logdir_or_records, run, tag)
    wrong = [
        f"{one.where}: {flag.name}: {flag.sentence}"
        for steps in found
        for one in (steps if at_every_step else steps[-1:])
        for flag in flow.flags(one.rows, one.quantity, thresholds, one.names)
    ]
    if wrong:
        raise AssertionError("; ".join(wrong))
