"""A flow on disk: a tensor whose last two columns are a checksum.

The checksum is there because TensorBoard's data server serves flow statistics with a flipped bit
without an error, as it does blobs. The two columns hold the upper and the lower 16 bits of one
integer, the same in every row. They hold them as numbers, not as the bits of one float32: those
bits could be a NaN, and not every tool that copies an event file keeps the bits of a NaN.

The integer is the CRC32C of the other columns' bytes (float32, little-endian, row by row), XOR the
CRC32C of what the writer knows about the event: the tag in UTF-8, then a zero byte and the step
(int64), then the wall time (float64), all little-endian. A writer that does not know the step or
the wall time leaves it out.
"""

from __future__ import annotations

import math
import struct
from collections.abc import Iterator
from typing import Final

import google_crc32c
import numpy as np
from numpy.typing import ArrayLike, NDArray
from tensorboard.compat.proto.tensor_pb2 import TensorProto
from tensorboard.compat.proto.types_pb2 import DT_FLOAT

from tb_rnngrad.events.header import Logged
from tb_rnngrad.events.metadata import CHECKSUM_COLUMNS, FormatError

_ITEM_BYTES: Final = 4


def rows_of(tensor: TensorProto) -> NDArray[np.float32]:
    """Return a flow's tensor as [timesteps, statistics and checksum].

    Does not use TensorBoard's `make_ndarray`, which fills any declared shape from a single value: a
    damaged or malicious file could make it allocate gigabytes.

    Raises:
        FormatError: If the tensor is not a float32 matrix with exactly the values of its shape.
    """
    shape = [dim.size for dim in tensor.tensor_shape.dim]
    content = tensor.tensor_content
    held = len(content) // _ITEM_BYTES if content else len(tensor.float_val)
    if (
        tensor.dtype != DT_FLOAT
        or len(shape) != 2
        or min(shape) < 1
        or held != math.prod(shape)
        or len(content) % _ITEM_BYTES
    ):
        raise FormatError(
            f"the flow is a tensor of type {tensor.dtype} and shape {shape} that holds {held} "
            "values; expected float32 [timesteps, statistics]"
        )
    values = np.frombuffer(content, "<f4") if content else np.array(tensor.float_val, np.float32)
    return values.reshape(shape)


def with_checksum(rows: ArrayLike, logged: Logged) -> NDArray[np.float32]:
    """Return `rows`, [timesteps, statistics], with the checksum columns appended."""
    statistics = np.ascontiguousarray(rows, "<f4")
    identity = list(_identities(logged))[-1]
    checksum = google_crc32c.value(statistics) ^ google_crc32c.value(identity)
    whole = np.empty((len(statistics), statistics.shape[1] + len(CHECKSUM_COLUMNS)), "<f4")
    whole[:, : statistics.shape[1]] = statistics
    whole[:, statistics.shape[1] :] = divmod(checksum, 2**16)
    return whole


def checked(
    rows: NDArray[np.float32], statistics: tuple[str, ...], logged: Logged
) -> NDArray[np.float32]:
    """Verify the checksum and return the statistics, [timesteps, statistics], without it.

    Args:
        rows: as `rows_of` returns them; rows of an older version have no checksum.
        statistics: the names of the columns, without the checksum's.
        logged: the event in which the flow was found.

    Raises:
        FormatError: If the rows are damaged, belong to another event, or do not match `statistics`.
    """
    expected = len(statistics)
    if rows.shape[1] == expected:
        return rows
    if rows.shape[1] != expected + len(CHECKSUM_COLUMNS):
        raise FormatError(
            f"the flow has {rows.shape[1]} columns; its tag names {expected} statistics. Where a "
            "newer tb_rnngrad went on with a run of an older one, log into a run of its own"
        )
    values = np.ascontiguousarray(rows[:, :expected])
    own = rows[:, expected:].astype(np.float64)
    actual = google_crc32c.value(values)
    for identity in _identities(logged):
        if (own == divmod(actual ^ google_crc32c.value(identity), 2**16)).all():
            return values
    raise FormatError("the flow is damaged: its values or its step are not those of its checksum")


def _identities(logged: Logged) -> Iterator[bytes]:
    """Yield the bytes that a writer may have known of the event, from least to most."""
    identity = (logged.tag or "").encode()
    yield identity
    if logged.step is not None:
        identity += b"\0" + struct.pack("<q", logged.step)
        yield identity
        if logged.wall_time is not None:
            yield identity + struct.pack("<d", logged.wall_time)
