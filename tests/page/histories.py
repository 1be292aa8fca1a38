"""Logs of flows with a known history over training, and Python's judgement of them."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from tensorboard.compat.proto.event_pb2 import Event
from tensorboard.summary.writer.event_file_writer import EventFileWriter

import tb_rnngrad
from tb_rnngrad import flow, summary

SAMPLES, TIMESTEPS, CHANNELS = 3, 40, 8
STEPS = tuple(range(0, 25))
# Tensors are logged at every eighth step, flows at every step.
TENSOR_STEPS = STEPS[::8]
LENGTHS = (40, 33, 25)
# Timesteps of the losses whose gradients are itemised.
LOSSES = (10, 25, 39)


def growing(step: int) -> np.ndarray:
    """Return a gradient that fades as a^lag, more slowly at later steps."""
    return fading(0.3 + 0.03 * step)


def failing(step: int) -> np.ndarray:
    """Return a gradient that vanishes, explodes or is NaN; two of eight channels are dead."""
    data = fading(0.3 if step < 10 else 0.95 if step < 16 else 1.3)
    data[:, :, 2:4] = 0
    if step >= 20:
        data[1, 30, 5] = np.nan
    return data


def fading(a: float) -> np.ndarray:
    """Return data of norm sqrt(channels) a^lag; samples are 1, 2 and 3 times that."""
    lags = np.arange(TIMESTEPS)[::-1, np.newaxis]
    of_sample = np.arange(1, SAMPLES + 1)[:, np.newaxis, np.newaxis]
    return (of_sample * a**lags * np.ones(CHANNELS)).astype(np.float32)


def jacobian(step: int) -> np.ndarray:
    """Return log10 |dh_t/dx_s| of the linear recurrence h_t = a h_t-1 + x_t, [t, s]."""
    lags = np.subtract.outer(np.arange(TIMESTEPS), np.arange(TIMESTEPS))
    a = 0.5 + 0.02 * step
    return np.where(lags >= 0, lags * np.log10(a), -np.inf).astype(np.float32)


def itemized(step: int) -> np.ndarray:
    """Return |dL_t/dh_s| of the same recurrence, for the losses at `LOSSES`, [samples, s, t]."""
    rows = 10.0 ** jacobian(step)[list(LOSSES)].astype(np.float64)
    return np.stack([rows.T, 3 * rows.T]).astype(np.float32)


def write_histories(logdir: Path) -> None:
    """Log run `growing`, layers lstm_1 and (ragged) lstm_2; run `failing`, lstm_1 and Jacobians."""
    with tb_rnngrad.SummaryWriter(logdir / "failing") as writer:
        for step in STEPS[::2]:
            writer.add_sequence("lstm_1", failing(step), step)
        for step in TENSOR_STEPS:
            writer.add_sequence("jacobian", jacobian(step), step, quantity="state_jacobian")
            writer.add_sequence(
                "itemized",
                itemized(step),
                step,
                quantity="itemized_gradient",
                channel_groups={f"t = {t}": 1 for t in LOSSES},
            )
    writer = EventFileWriter(str(logdir / "growing"))
    for step in STEPS:
        for tag, mask in (("lstm_1", None), ("lstm_2", LENGTHS)):
            both = summary.sequence_pb(tag, growing(step), mask=mask)
            if step not in TENSOR_STEPS:
                del both.value[0]
            writer.add_event(Event(step=step, wall_time=1000.0 + step, summary=both))
    writer.close()


def python_says(logdir: Path, run: str, tag: str, limits: flow.Thresholds) -> dict[str, Any]:
    """Return what tb_rnngrad.flow says about every step of a log."""
    logged = tb_rnngrad.read(logdir, run=run, tag=tag).flow
    names = list(logged.statistics)
    found: dict[str, Any] = {"steps": logged.steps.tolist(), "flags": []}
    horizons = []
    for rows in logged.values:
        horizons.append(flow.horizons_of(rows, limits.eps, names))
        up = flow.flags(rows, thresholds=limits, names=names)
        found["flags"].append([flag.name for flag in up])
    found["horizon"] = np.array(horizons)[:, 1]
    for name, column in (
        ("halfLife", "half_life_p50"),
        ("r2", "half_life_r2_p50"),
        ("gain", "largest_gain_p50"),
        ("farEnd", "far_end_p50"),
        ("lags", "lags_p50"),
    ):
        found[name] = logged.values[:, 0, names.index(column)].astype(float)
    return found
