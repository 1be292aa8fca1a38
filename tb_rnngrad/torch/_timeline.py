"""Between PyTorch's layouts of sequences and one of ours."""

from __future__ import annotations

import torch
from torch import Tensor


class Timeline:
    """The time axis of one call: [timesteps, samples, channels], padded where it was packed.

    Args:
        batch_sizes: of a packed sequence: how many samples are in each timestep; None where all
            samples have all timesteps.
        batch_first: whether samples come first in tensors that are not packed.
    """

    def __init__(self, batch_sizes: Tensor | None, batch_first: bool) -> None:
        self._is_real: Tensor | None = None  # [timesteps, samples]
        self._lengths: Tensor | None = None
        self._batch_first = batch_first
        if batch_sizes is not None:
            samples = torch.arange(int(batch_sizes[0]))
            self._is_real = samples < batch_sizes.unsqueeze(1)
            self._lengths = self._is_real.sum(0)

    def padded(self, data: Tensor) -> Tensor:
        """Return an input or output of the call in this layout."""
        if self._is_real is None:
            return data.transpose(0, 1) if self._batch_first else data
        # Cells of a packed sequence are ordered by timestep, then by sample.
        result = data.new_zeros(*self._is_real.shape, data.shape[-1])
        result[self._is_real.to(data.device)] = data
        return result

    def reversed(self, data: Tensor) -> Tensor:
        """Return every sample from its last real timestep to its first, padding behind."""
        if self._lengths is None:
            return data.flip(0)
        timesteps = torch.arange(len(data)).unsqueeze(1)
        index = torch.where(timesteps < self._lengths, self._lengths - 1 - timesteps, timesteps)
        return data[index.to(data.device), torch.arange(data.shape[1], device=data.device)]

    def add_at_end(self, data: Tensor, final: Tensor) -> None:
        """Add [samples, channels] in place to the last real timestep of every sample."""
        if self._lengths is None:
            data[-1] += final
        else:
            last = (self._lengths - 1).to(data.device)
            data[last, torch.arange(len(final), device=data.device)] += final

    def with_zeros(self, data: Tensor) -> Tensor:
        """Return a sequence whose padding is exactly 0."""
        if self._is_real is None:
            return data
        return data.where(self._is_real.to(data.device).unsqueeze(2), torch.zeros_like(data))

    def in_samples(self, data: Tensor, order: Tensor | None) -> Tensor:
        """Return [samples, timesteps, channels] in the user's order, padding exactly 0."""
        return _ordered(self.with_zeros(data).transpose(0, 1), order)

    def mask(self, order: Tensor | None) -> Tensor | None:
        """Return which timesteps are real, [samples, timesteps] of bool; None where all are."""
        return None if self._is_real is None else _ordered(self._is_real.T, order)


def _ordered(data: Tensor, order: Tensor | None) -> Tensor:
    return data if order is None else data[order.to(data.device)]
