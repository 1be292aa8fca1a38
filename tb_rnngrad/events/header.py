"""What a record's header says, and whether that agrees with the record, its tag and its event."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tb_rnngrad.events.metadata import FormatError, Metadata
from tb_rnngrad.labels import Ids, Labels
from tb_rnngrad.quantities import QUANTITIES
from tb_rnngrad.record import FLOAT32


@dataclass(frozen=True)
class Logged:
    """The tag, step and wall time of the event in which a value was logged.

    The value repeats them, so that a reader notices when either copy is damaged. TensorBoard's data
    server does not notice a flipped bit in an event's step, for example.

    Attributes:
        tag: the value's tag.
        step: the event's step; None if the writer did not know it.
        wall_time: the event's wall time; None if the writer did not know it.
    """

    tag: str | None = None
    step: int | None = None
    wall_time: float | None = None

    def check(self, found: Logged) -> None:
        """Raise FormatError if the value was found in another event."""
        for what, own in vars(self).items():
            listed = getattr(found, what)
            if own is not None and listed is not None and own != listed:
                raise FormatError(
                    f"it was logged with the {what.replace('_', ' ')} {own!r}, but its event says "
                    f"{listed!r}: one of them is damaged"
                )


@dataclass(frozen=True, eq=False)
class Header:
    """A record's first blob.

    Attributes:
        shape: shape of the whole batch, before samples were dropped.
        batch: number of samples in the whole batch; 1 if the record is a matrix.
        dtype: the dtype in which the samples are stored.
        kept: number of samples that follow.
        mask: [kept, timesteps] of bool, or None if every timestep is real.
        extremes: [kept, 2] float32, the smallest and the largest finite value of each kept sample
            at real timesteps; NaN if a sample has none.
        flushed: number of nonzero values in the kept samples that became 0 in the stored dtype.
        overflowed: number of finite values in the kept samples that became infinite in it.
        backward_passes: as in a `SequenceRecord`.
        logged: the event that holds the record; fields that the writer did not know are None.
        ids, labels, samples, norms: as in a `SequenceRecord`.
    """

    shape: tuple[int, ...]
    batch: int
    dtype: str
    kept: int
    mask: NDArray[np.bool_] | None
    extremes: NDArray[np.float32]
    flushed: int
    overflowed: int
    backward_passes: int | None = None
    logged: Logged = Logged()
    ids: Ids | None = None
    labels: Labels | None = None
    samples: tuple[int, ...] | None = None
    norms: NDArray[Any] | None = None

    @property
    def nbytes(self) -> int:
        """The size of its arrays in bytes."""
        arrays = self.extremes, self.mask, self.norms
        return sum(0 if one is None else one.nbytes for one in arrays)

    @property
    def sample_shape(self) -> tuple[int, int]:
        """[timesteps, channels] of each sample; [rows, channels] for a matrix."""
        *leading, channels = self.shape
        whole_matrix = len(leading) == 1 and self.batch == 1
        return (leading[-1] if len(leading) == 2 or whole_matrix else 1), channels

    def check(self, metadata: Metadata, blobs: int, logged: Logged) -> None:
        """Raise FormatError if the header contradicts the tag's metadata, the blobs or the event.

        Args:
            metadata: the tag's metadata.
            blobs: the number of the record's blobs, including this one.
            logged: the event in which the record was found.
        """
        if blobs != self.kept + 1:
            raise FormatError(
                f"its header says that it keeps {self.kept} samples; it has {blobs - 1}"
            )
        quantity = QUANTITIES.get(metadata.quantity)
        if quantity is not None and quantity.is_matrix != self._is_matrix(quantity.is_matrix):
            raise FormatError(
                f"its tag is of the quantity {metadata.quantity!r}; its header gives the shape "
                f"{list(self.shape)} and a batch of {self.batch}"
            )
        groups = metadata.channel_groups
        if groups is not None and sum(groups.values()) != self.shape[-1]:
            raise FormatError(
                f"its tag's channel groups have {sum(groups.values())} channels; its header says "
                f"{self.shape[-1]}"
            )
        self.logged.check(logged)

    def check_own_agreement(self) -> None:
        """Raise FormatError if its fields contradict each other."""
        *leading, _ = self.shape
        if self.batch != leading[0] and (len(leading) == 2 or self.batch != 1):
            raise FormatError(
                f"the header says that a batch of shape {list(self.shape)} has {self.batch} samples"
            )
        if self.kept > self.batch:
            raise FormatError(f"the header says that {self.kept} of {self.batch} samples are kept")
        if self.extremes.shape != (self.kept, 2) or self.extremes.dtype != FLOAT32:
            raise FormatError(
                f"the header's extremes are {self.extremes.dtype} {list(self.extremes.shape)}; "
                f"expected float32 {[self.kept, 2]}"
            )
        self._check_names()
        if self.mask is not None:
            expected = (self.kept, self.shape[1])
            if len(leading) != 2 or self.mask.shape != expected:
                raise FormatError(
                    f"the header's mask has shape {list(self.mask.shape)}; expected "
                    f"{list(expected)} or none without a time axis"
                )

    def _check_names(self) -> None:
        """Raise FormatError unless ids, labels and places of samples fit the batch."""
        if self.ids is not None and len(self.ids) != self.batch:
            raise FormatError(f"the header has {len(self.ids)} ids of {self.batch} samples")
        if self.samples is not None and (
            len(self.samples) != self.kept
            or [*self.samples] != sorted({*self.samples})
            or self.samples[-1] >= self.batch
        ):
            raise FormatError(
                f"the header says that samples {[*self.samples]} of {self.batch} are kept; "
                f"expected {self.kept} ascending places"
            )
        if self.norms is not None and self.norms.shape != (self.batch, self.sample_shape[0]):
            raise FormatError(
                f"the header's norms have shape {[*self.norms.shape]}; expected "
                f"{[self.batch, self.sample_shape[0]]}"
            )
        if self.labels is None:
            return
        nested = [isinstance(one, tuple) for one in self.labels]
        is_nested = any(nested)
        if is_nested and not all(nested):
            raise FormatError("the header mixes labels of timesteps with lists of labels")
        lists = self.labels if is_nested else (self.labels,)
        timesteps = self.sample_shape[0]
        if (is_nested and len(lists) != self.kept) or any(len(one) != timesteps for one in lists):
            raise FormatError(
                f"the header has {len(lists)} lists of labels, the first of {len(lists[0])}; "
                f"expected {self.kept} or 1 of {timesteps}"
            )

    def _is_matrix(self, expected: bool) -> bool:
        """Return whether the shape is a matrix's; `expected` if it could also be a batch's."""
        if len(self.shape) == 3 or self.batch != 1:
            return False
        return expected if self.shape[0] == 1 else True
