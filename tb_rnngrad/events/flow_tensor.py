"""A flow on disk: a tensor whose last two columns are a checksum.

TensorBoard's data server hands out flow statistics with a flipped bit as if they were whole, as it
does blobs. The columns hold the upper and the lower 16 bits of one number, the same in every row.
As numbers, not as the bits of one float32: those may be a NaN, which not everything that copies an
event file keeps bit by bit.

The number is the CRC32C of the other columns' bytes (float32, little-endian, row by row), XOR the
CRC32C of what is known of the event: the tag in UTF-8, then a zero byte and the step (int64), then
the wall time (float64), little-endian. Step, or wall time, is left out where the writer does not
know it.
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

from tb_rnngrad.events.blobs import Logged
from tb_rnngrad.events.metadata import CHECKSUM_COLUMNS, FormatError

_ITEM_BYTES: Final = 4


def rows_of(tensor: TensorProto) -> NDArray[np.float32]:
    """Return a flow's tensor as [timesteps, statistics and checksum].

    TensorBoard's own `make_ndarray` fills whatever shape is declared from a single value, which a
    damaged or malicious file turns into gigabytes.

    Raises:
        FormatError: it holds anything but the float32 of its shape.
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
    """Return [timesteps, statistics] with the columns of the checksum added."""
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
    """Return the statistics that were written [timesteps, statistics], without their checksum.

    Args:
        rows: as `rows_of` returns them; those of an older version have no checksum.
        statistics: the names of the columns without it.
        logged: the event that it was found in.

    Raises:
        FormatError: they are damaged, of another event, or not these statistics.
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
    """Yield what a writer may have known of an event, ever more of it."""
    identity = (logged.tag or "").encode()
    yield identity
    if logged.step is not None:
        identity += b"\0" + struct.pack("<q", logged.step)
        yield identity
        if logged.wall_time is not None:
            yield identity + struct.pack("<d", logged.wall_time)
