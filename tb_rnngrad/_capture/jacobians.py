"""From a layer's per-step Jacobians to records and numbers, for all frameworks.

A framework adds the `Run`: a layer's pass through a batch, and its derivatives.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Final, Protocol

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad import jacobian
from tb_rnngrad._capture.timesteps import resolved
from tb_rnngrad.record import SequenceRecord

WRT: Final = ("input", "state")

Progress = Callable[[str, int], AbstractContextManager[Callable[[], None]]]
"""(title, number of timesteps) -> a context with the function to call after every timestep."""


class Run(Protocol):
    """One recurrent layer's pass through one batch, in the order of its loop over timesteps."""

    @property
    def samples(self) -> int:
        """Number of samples."""

    @property
    def timesteps(self) -> int:
        """Number of timesteps."""

    @property
    def states(self) -> int:
        """Size of all states together."""

    @property
    def hidden(self) -> NDArray[np.intp]:
        """Which of all states, side by side, make up the hidden state that the layer returns."""

    @property
    def real(self) -> NDArray[np.bool_]:
        """Whether each timestep of the loop is real, [samples, timesteps]."""

    @property
    def order(self) -> NDArray[np.intp]:
        """The timestep of the input that each timestep of the loop reads, [samples, timesteps]."""

    def jacobians(
        self, sample: int, with_entries: bool
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return ds_t/ds_t-1 [timesteps, states, states], ds_t/dx_t [timesteps, states, features].

        A padded timestep passes the state on unchanged. Without `with_entries`, the second is None.
        """


@dataclass(frozen=True)
class JacobianQuery:
    """What a state Jacobian shows: its arguments as the user gave them.

    Attributes:
        wrt: a name in `WRT`.
        at: the timesteps of the rows; None: all.
        norm: a key of `jacobian.NORMS`.

    Raises:
        ValueError: if `wrt` or `norm` is unknown.
    """

    wrt: str
    at: Sequence[int] | None
    norm: str

    def __post_init__(self) -> None:
        """Check the names."""
        if self.wrt not in WRT:
            raise ValueError(f"wrt is {self.wrt!r}; expected one of {', '.join(WRT)}")
        if self.norm not in jacobian.NORMS:
            raise ValueError(f"norm is {self.norm!r}; expected one of {', '.join(jacobian.NORMS)}")

    def record(
        self, name: str, runs: Sequence[Run], framework: str, progress: Progress
    ) -> SequenceRecord:
        """Return the record of one layer, reduced over all samples of its runs.

        Raises:
            ValueError: if a timestep in `at` does not exist.
        """
        timesteps = runs[0].timesteps
        rows = self._rows(timesteps)
        total = sum(run.samples for run in runs) * timesteps
        with progress(name, total) as advance:
            logs = [
                self._log10_norms(run, sample, rows, advance)
                for run in runs
                for sample in range(run.samples)
            ]
        return SequenceRecord(
            _mean_where_known(np.stack(logs)).astype(np.float32),
            quantity="state_jacobian",
            layer=name,
            framework=framework,
            details={
                "at": None if self.at is None else [int(t) for t in self.at],
                "wrt": self.wrt,
                "norm": self.norm,
                "reduced_by": "geometric mean over samples",
            },
        )

    def _rows(self, timesteps: int) -> list[int]:
        if self.at is None:
            return list(range(timesteps))
        if not len(self.at):
            raise ValueError("at is empty; expected at least one timestep, or None for all")
        return resolved(self.at, timesteps, "the layer")

    def _log10_norms(
        self, run: Run, sample: int, rows: Sequence[int], advance: Callable[[], None]
    ) -> NDArray[np.float64]:
        """Return [rows, timesteps] in input time order; NaN at padding."""
        transitions, entries = run.jacobians(sample, with_entries=self.wrt == "input")
        position = np.argsort(run.order[sample])  # where in the loop each timestep is
        at = position[list(rows)]
        logs = jacobian.log10_norms(
            transitions, entries, run.hidden, at.tolist(), self.norm, advance
        )
        real = run.real[sample]
        logs[~real[at]] = np.nan
        logs[:, ~real] = np.nan
        return logs[:, position]


def check_number_of_exponents(k: int) -> None:
    """Raise ValueError if `k` is below 1."""
    if k < 1:
        raise ValueError(f"k is {k}; expected at least 1")


def exponents_of(runs: Sequence[Run], k: int) -> NDArray[np.float64]:
    """Return the largest Lyapunov exponents of one layer, [samples, k].

    A state of fewer than k numbers has as many exponents as numbers. All runs of one sample follow
    each other, as in records.
    """
    exponents = []
    for sample in range(runs[0].samples):
        for run in runs:
            transitions, _ = run.jacobians(sample, with_entries=False)
            real = transitions[run.real[sample]]
            exponents.append(jacobian.lyapunov_exponents(real, min(k, run.states)))
    return np.stack(exponents)


def sensitivity_of(runs: Sequence[Run], moved: Sequence[NDArray[Any]]) -> NDArray[np.floating[Any]]:
    """Return one layer's slope of the mean hidden state, [timesteps], in input time order.

    Args:
        runs: the layer's runs.
        moved: for each run, the derivative of its hidden states as all inputs rise together,
            [samples, timesteps, units], in the order of the loop.

    Returns:
        The mean over units and samples; NaN where a timestep is padding in every sample.
    """
    each = [_slopes(run, one) for run, one in zip(runs, moved, strict=True)]
    slopes = np.concatenate(each)
    return _mean_where_known(slopes).astype(slopes.dtype)


def _slopes(run: Run, moved: NDArray[Any]) -> NDArray[np.floating[Any]]:
    """Return [samples, timesteps] in input time order; NaN at padding."""
    dtype = np.result_type(moved.dtype, np.float32)
    slopes: NDArray[np.floating[Any]] = np.mean(moved, axis=2, dtype=dtype)
    slopes[~run.real] = np.nan
    in_input_order = np.empty_like(slopes)
    np.put_along_axis(in_input_order, run.order, slopes, axis=1)
    return in_input_order


def _mean_where_known(values: NDArray[Any]) -> NDArray[Any]:
    """Return the mean over the first axis, ignoring NaN; NaN where all are."""
    known = ~np.isnan(values)
    count = known.sum(axis=0)
    total = np.where(known, values, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)
