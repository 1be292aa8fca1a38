"""The record (one quantity of one layer at one training step) and the checks of its fields."""

from __future__ import annotations

import json
import reprlib
from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any, Final

import ml_dtypes
import numpy as np
from numpy.typing import ArrayLike, DTypeLike, NDArray

from tb_rnngrad.labels import Ids, Labels, as_ids, as_labels, as_places, kept_of
from tb_rnngrad.norm_table import as_norms
from tb_rnngrad.quantities import check_direction, check_quantity, is_matrix

FLOAT32: Final = np.dtype(np.float32)
BFLOAT16: Final = np.dtype(ml_dtypes.bfloat16)
STORED_DTYPES: Final[Mapping[str, np.dtype[Any]]] = MappingProxyType(
    {"float32": FLOAT32, "bfloat16": BFLOAT16}
)


@dataclass(frozen=True, eq=False, repr=False)
class SequenceRecord:
    """One quantity of one layer at one training step; `np.asarray(record)` is its data.

    Attributes:
        data: [samples, timesteps, channels]; [samples, channels] if the layer emits no sequence;
            [rows, channels] if the quantity is a matrix. Floating point; NaN and Inf are kept. In
            input time order.
        mask: [samples, timesteps] of bool, True where a timestep is real; None if all are. Also
            accepted as lengths, [samples] of integers: the first `length` timesteps are real.
        channel_groups: name -> number of channels, in the order of the channels (gates,
            directions); None for one group.
        quantity: a key of `QUANTITIES`.
        layer: the layer's name, or None.
        framework: "keras", "tf_keras", "torch", or None for data from elsewhere.
        flow: [timesteps, len(flow.STATISTICS)] statistics over the whole batch, if they were
            computed before `data` was cut to a few samples. If None, they are computed from `data`.
        batch_size: number of samples in the whole batch. If None, as many as `data` has.
        part_flows: name of a part (`parts_of`) -> the flow of its channels, to go with `flow`. If
            `flow` is None, they are computed from `data`.
        direction: the order in which the layer processes its timesteps: "forward", from the first
            to the last, or "backward" (`go_backwards=True`). Statistics by lag count from the
            timestep at which the layer ends. The two halves of a Bidirectional layer (the channel
            groups "forward" and "backward") each have their own order, and "backward" swaps both.
            "both" is the sum of two such halves (their input gradient), which has no statistics by
            lag.
        details: whatever else is needed to read the numbers, as JSON values by name, such as a
            Jacobian's "wrt" and "norm" or the "state" that counts as hidden. They are the same at
            every step of a tag.
        backward_passes: the number of backward passes in the training step. The gradient is their
            plain sum, or that of the last pass alone if the details have "backward_pass": "last".
            None if unknown or if the record is not a gradient.
        ids: the ids of the batch's samples, strings or integers: one for each of `batch_size`, or
            of `data` if that is the whole batch; None if they have none.
        labels: what stands along the time axis, such as tokens: [timesteps] for all samples, or
            [samples, timesteps] of `data`. Shorter lists are filled up with "".
        samples: the place in the whole batch of each sample in `data`, ascending; None for the
            first ones.
        window: the number of timesteps after which backpropagation through time is truncated, the
            same at every step of a tag; None if it is not.
        norms: [batch, timesteps], the norm over channels of every sample of the whole batch, NaN at
            padding; None if it was not kept.

    Raises:
        ValueError: If a shape does not fit, the data is empty, the quantity or the direction is
            unknown, or the details cannot be written as JSON.
        TypeError: If the data is not floating point, or the mask is neither bool, nor 0 and 1, nor
            integer lengths.

    Example:
        >>> record = tb_rnngrad.SequenceRecord(np.ones((2, 5, 3)), mask=[5, 3], layer="lstm_1")
        >>> record.mask.sum(axis=1)
        array([5, 3])
        >>> np.linalg.norm(record, axis=2).shape
        (2, 5)
    """

    data: NDArray[Any]
    mask: NDArray[np.bool_] | None = None
    channel_groups: Mapping[str, int] | None = None
    quantity: str = "hidden_state_gradient"
    layer: str | None = None
    framework: str | None = None
    flow: NDArray[np.float32] | None = None
    batch_size: int | None = None
    direction: str = "forward"
    part_flows: Mapping[str, NDArray[np.float32]] | None = None
    details: Mapping[str, Any] | None = None
    backward_passes: int | None = None
    ids: Ids | None = None
    labels: Labels | None = None
    samples: tuple[int, ...] | None = None
    window: int | None = None
    norms: NDArray[np.float32] | None = None

    def __post_init__(self) -> None:
        """Check every field and convert it to its canonical type."""
        check_quantity(self.quantity)
        check_direction(self.direction)
        check_details(self.details)
        data = as_data(self.data, self.quantity)
        object.__setattr__(self, "data", data)
        if self.mask is not None:
            object.__setattr__(self, "mask", as_mask(self.mask, data.shape))
        if self.channel_groups is not None:
            groups = check_channel_groups(self.channel_groups, data.shape[-1])
            object.__setattr__(self, "channel_groups", groups)
        self._check_names()

    def _check_names(self) -> None:
        """Check what names samples and timesteps."""
        if self.window is not None and self.window < 1:
            raise ValueError(f"window is {self.window}; expected at least 1 timestep")
        kept, batch = len(self.data), self.batch_size or len(self.data)
        timesteps = self.sequences.shape[1]
        checked: dict[str, Any] = {}
        if self.ids is not None:
            checked["ids"] = as_ids(self.ids, batch)
        if self.labels is not None:
            checked["labels"] = as_labels(self.labels, kept, timesteps)
        if self.samples is not None:
            checked["samples"] = as_places(self.samples, kept, batch)
        if self.norms is not None:
            checked["norms"] = as_norms(self.norms, batch, timesteps)
        if checked and is_matrix(self.quantity):
            raise ValueError(f"{[*checked]} are of sequences; {self.quantity!r} is a matrix")
        for name, value in checked.items():
            object.__setattr__(self, name, value)

    def __repr__(self) -> str:
        """Return a one-line description without the values."""
        axes = "rows x channels" if is_matrix(self.quantity) else "samples x timesteps x channels"
        if self.data.ndim == 2 and not is_matrix(self.quantity):
            axes = "samples x channels"
        size = " x ".join(map(str, self.shape))
        said = [f"{size} ({axes}) {self.data.dtype}"]
        if self.mask is not None:
            said.append(f"{np.count_nonzero(~self.mask)} of {self.mask.size} timesteps padding")
        if self.batch_size not in (None, self.shape[0]) and not is_matrix(self.quantity):
            said.append(f"of a batch of {self.batch_size}")
        if self.channel_groups is not None:
            groups = (f"{name} {count}" for name, count in self.channel_groups.items())
            said.append(f"channels {' + '.join(groups)}")
        if self.direction != "forward":
            said.append(self.direction)
        if self.details is not None:
            said += (f"{name}={reprlib.repr(value)}" for name, value in self.details.items())
        layer = "" if self.layer is None else f" of {self.layer!r}"
        return f"<SequenceRecord {self.quantity}{layer}: {', '.join(said)}>"

    def __array__(self, dtype: DTypeLike | None = None, copy: bool | None = None) -> NDArray[Any]:
        """Return the data alone, for NumPy functions."""
        return np.array(self.data, dtype) if copy else np.asarray(self.data, dtype)

    @property
    def shape(self) -> tuple[int, ...]:
        """The shape of the data."""
        return self.data.shape

    @property
    def kept_ids(self) -> Ids | None:
        """The ids of the samples in the data; None if samples have no ids."""
        if self.ids is None:
            return None
        return kept_of(self.ids, self.samples, len(self.data))

    @property
    def sequences(self) -> NDArray[Any]:
        """The data as [samples, timesteps, channels], whatever its rank.

        A matrix is one sample; a record without a time axis has one timestep.
        """
        if self.data.ndim == 3:
            return self.data
        return self.data[np.newaxis] if is_matrix(self.quantity) else self.data[:, np.newaxis]


def check_details(details: Mapping[str, Any] | None) -> None:
    """Raise ValueError unless `details` can be written as JSON."""
    if details is None:
        return
    try:
        json.dumps(details, allow_nan=False)
    except (TypeError, ValueError) as error:
        raise ValueError(
            f"details are {details!r}; expected JSON values by name: {error}"
        ) from error


def check_rank(rank: int | None, quantity: str) -> None:
    """Raise ValueError unless data of this rank can be a record of `quantity`."""
    if is_matrix(quantity):
        if rank != 2:
            raise ValueError(
                f"data of quantity {quantity!r} has rank {rank}; expected [rows, channels]"
            )
    elif rank not in (2, 3):
        raise ValueError(
            f"data has rank {rank}; expected [samples, timesteps, channels], "
            "or [samples, channels] where the layer emits no sequence"
        )


def is_floating(dtype: np.dtype[Any]) -> bool:
    """Return whether `dtype` is real floating point; ml_dtypes' bfloat16 counts."""
    return bool(np.issubdtype(dtype, np.floating)) or dtype == BFLOAT16


def as_data(data: ArrayLike, quantity: str) -> NDArray[Any]:
    """Return `data` as an array for a record of `quantity`.

    Raises:
        TypeError: If the data is not floating point.
        ValueError: If the rank does not fit `quantity`, or the data is empty.
    """
    array = np.asarray(data)
    if not is_floating(array.dtype):
        raise TypeError(
            f"data has dtype {array.dtype}; expected floating point "
            "(float16, bfloat16, float32 or float64)"
        )
    check_rank(array.ndim, quantity)
    if array.size == 0:
        raise ValueError(f"data has shape {array.shape}, which holds no value; expected at least 1")
    return array


def as_mask(mask: ArrayLike, data_shape: tuple[int, ...]) -> NDArray[np.bool_]:
    """Return `mask`, or the mask that lengths [samples] describe, as [samples, timesteps] of bool.

    Raises:
        ValueError: If the data has no time axis, or the shape or a length does not fit the data.
        TypeError: If the mask has values other than True and False or 0 and 1.
    """
    if len(data_shape) != 3:
        raise ValueError(
            f"data of shape {data_shape} has no time axis, so it takes no mask; "
            "a mask marks the real timesteps of [samples, timesteps, channels]"
        )
    samples, timesteps = data_shape[:2]
    array = np.asarray(mask)
    if array.ndim == 1 and np.issubdtype(array.dtype, np.integer):
        if array.shape != (samples,):
            raise ValueError(f"mask gives {array.size} lengths; data has {samples} samples")
        if array.min() < 0 or array.max() > timesteps:
            wrong = array[(array < 0) | (array > timesteps)][0]
            raise ValueError(f"mask gives the length {wrong}; expected 0 to {timesteps} timesteps")
        return np.arange(timesteps) < array[:, np.newaxis]
    if array.shape != (samples, timesteps):
        raise ValueError(
            f"mask has shape {array.shape}; expected [samples, timesteps] = "
            f"({samples}, {timesteps}), or lengths [samples] = ({samples},) of integers"
        )
    if array.dtype != np.bool_ and not np.isin(array, (0, 1)).all():
        raise TypeError(
            f"mask has dtype {array.dtype} and values other than 0 and 1; expected bool"
        )
    return array.astype(np.bool_, copy=False)


def check_channel_groups(groups: Mapping[str, int], channels: int) -> dict[str, int]:
    """Return the groups as a plain dict.

    Raises:
        ValueError: If a group is empty or the sizes do not add up to `channels`.
    """
    checked = {str(name): int(size) for name, size in groups.items()}
    empty = [name for name, size in checked.items() if size < 1]
    if empty:
        raise ValueError(
            f"channel group {empty[0]!r} has {checked[empty[0]]} channels; expected 1+"
        )
    if sum(checked.values()) != channels:
        raise ValueError(
            f"channel_groups {checked} name {sum(checked.values())} channels; data has {channels}"
        )
    return checked


def check_stored_dtype(dtype: str) -> np.dtype[Any]:
    """Return the NumPy dtype that `dtype` names; ValueError if records cannot be stored in it."""
    if dtype not in STORED_DTYPES:
        why = " (float16 turns gradients under 6e-8 into 0)" if str(dtype) == "float16" else ""
        raise ValueError(f"dtype is {dtype!r}{why}; expected 'float32' or 'bfloat16'")
    return STORED_DTYPES[dtype]


def check_max_outputs(max_outputs: int) -> None:
    """Raise ValueError unless `max_outputs` is at least 1."""
    if max_outputs < 1:
        raise ValueError(f"max_outputs is {max_outputs}; expected at least 1 sample to keep")
