"""What a request to `/tensor` or `/histogram` asks for, checked."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from tensorboard import errors

from tb_rnngrad import record
from tb_rnngrad.plugin.entries import Entry
from tb_rnngrad.plugin.request import Parameters
from tb_rnngrad.views import view as views
from tb_rnngrad.views.arrangement import Arrangement
from tb_rnngrad.views.histograms import Binning

_MOST_BINS: Final = 512


@dataclass(frozen=True)
class TensorQuery:
    """What `/tensor` is asked for, as far as it can be said without the record.

    Attributes:
        run: the run.
        tag: the tag.
        step: the step.
        wall_time: the wall time that the step should have; None: any.
        reduction: a key of `views.REDUCTIONS`, or None for one sample.
        sample: which of the samples kept.
        arrangement: how timesteps are reordered before samples are reduced.
        height: at most so many rows of channels; None: as many as there are.
        width: at most so many timesteps; None: as many as there are.
        dtype: the dtype of the answer.
        marks_padding: whether padding is a NaN of its own.
    """

    run: str
    tag: str
    step: int
    wall_time: float | None
    reduction: str | None
    sample: int
    arrangement: Arrangement
    height: int | None
    width: int | None
    dtype: str
    marks_padding: bool

    @classmethod
    def of(cls, parameters: Parameters) -> TensorQuery:
        """Return the query that a request's parameters describe."""
        dtype = parameters.choice("dtype", tuple(record.STORED_DTYPES), "float32")
        padding = parameters.choice("padding", ("keep", "mark"), "keep")
        reduction = parameters.choice("reduce", tuple(views.REDUCTIONS), None)
        if reduction is not None and parameters.text("sample") is not None:
            raise errors.InvalidArgumentError("give either sample or reduce, not both")
        return cls(
            sample=parameters.integer("sample", least=0) or 0,
            arrangement=Arrangement(
                by_lag=parameters.choice("time", ("timestep", "lag"), "timestep") == "lag",
                reversed=parameters.ranges("reversed"),
            ),
            height=parameters.integer("height", least=1),
            width=parameters.integer("width", least=1),
            wall_time=parameters.number("wall_time"),
            run=parameters.required("run"),
            tag=parameters.required("tag"),
            step=parameters.required_integer("step"),
            reduction=reduction,
            dtype=dtype,
            marks_padding=padding == "mark",
        )

    def sample_of(self, entry: Entry) -> int:
        """Return the sample's index; refuse the request if the record does not keep it."""
        kept = len(entry.keys) - 1
        if self.sample >= kept:
            raise errors.NotFoundError(
                f"no sample {self.sample} at step {entry.step} of {entry.tag!r} in the run "
                f"{entry.run!r}; it keeps {kept}, numbered from 0"
            )
        return self.sample

    def check_channels(self, channels: int) -> None:
        """Refuse the request if it reverses channels that are not there."""
        for start, stop in self.arrangement.reversed:
            if stop > channels:
                raise errors.InvalidArgumentError(
                    f"reversed names the channels {start}:{stop}; there are {channels}"
                )


@dataclass(frozen=True)
class HistogramQuery:
    """What `/histogram` is asked for.

    Attributes:
        run: the run.
        tag: the tag.
        step: the step; None: the course over all steps.
        wall_time: the wall time that the step should have; None: any.
        binning: the bins.
    """

    run: str
    tag: str
    step: int | None
    wall_time: float | None
    binning: Binning

    @classmethod
    def of(cls, parameters: Parameters) -> HistogramQuery:
        """Return the query that a request's parameters describe."""
        run, tag = parameters.required("run"), parameters.required("tag")
        of = parameters.choice("of", ("values", "magnitudes"), "values")
        binning = Binning(parameters.edges("edges", _MOST_BINS), of == "magnitudes")
        step, wall_time = parameters.integer("step"), parameters.number("wall_time")
        if step is None and wall_time is not None:
            raise errors.InvalidArgumentError("wall_time is given without step; expected both")
        return cls(run, tag, step, wall_time, binning)
