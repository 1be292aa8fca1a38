"""Backpropagation through time in closed form, for PyTorch's LSTM, GRU and RNN.

The formulas are the derivatives, by hand, of those in the documentation of `torch.nn.LSTM`, `GRU`
and `RNN`. All sequences are [timesteps, samples, channels], in the order in which the layer works.
What can be computed for all timesteps at once is; a loop over timesteps does the rest.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Final, Protocol

import torch
from torch import Tensor

from tb_rnngrad.torch._functional import Weights


@dataclass(frozen=True)
class Totals:
    """Total gradients of one layer in one direction.

    Attributes:
        hidden_state: dL/dh_t, [timesteps, samples, outputs].
        gates: dL/d(pre-activation), [timesteps, samples, gates * units].
        recurrent: dL/d(W_hh h + b_hh), of the same shape. Only the n gate of a GRU differs, where
            r multiplies this sum.
        cell_state: dL/dc_t of an LSTM, [timesteps, samples, units]; else None.
    """

    hidden_state: Tensor
    gates: Tensor
    recurrent: Tensor
    cell_state: Tensor | None = None


class Recurrence(Protocol):
    """One layer in one direction after its forward pass."""

    def totals(self, above: Tensor, cell_above: Tensor | None) -> Totals:
        """Return the total gradients.

        Args:
            above: what arrives at h_t from outside of the recurrence, [timesteps, samples,
                outputs].
            cell_above: the same for an LSTM's c_t, [timesteps, samples, units]; None: nothing.
        """


class Lstm:
    """An LSTM, with or without projection.

    Attributes:
        c: the cell states, [timesteps, samples, units].
        unprojected: o_t * tanh(c_t), which `weight_hr` projects to h_t.
    """

    gates = ("i", "f", "g", "o")

    def __init__(self, weights: Weights, x: Tensor, h: Tensor, initial: Sequence[Tensor]) -> None:
        first_h, first_c = initial
        self._weights = weights
        z = _linear(x, weights.weight_ih, weights.bias_ih)
        z.flatten(0, 1).addmm_(before(h, first_h).flatten(0, 1), weights.weight_hh.T)
        if weights.bias_hh is not None:
            z += weights.bias_hh
        z = _by_gate(z, 4)
        self._i, self._f, self._g, self._o = z.unbind(2)
        z[:, :, :2].sigmoid_()
        self._g.tanh_()
        self._o.sigmoid_()
        self._first_c = first_c
        self.c = self._i * self._g
        previous = first_c
        for c, f in zip(self.c, self._f, strict=True):
            previous = c.addcmul_(f, previous)
        self._squashed = self.c.tanh()

    @property
    def unprojected(self) -> Tensor:
        return self._o * self._squashed

    def totals(self, above: Tensor, cell_above: Tensor | None) -> Totals:
        i, f, g, o, squashed = self._i, self._f, self._g, self._o, self._squashed
        weight_hh, weight_hr = self._weights.weight_hh, self._weights.weight_hr
        dh, dc = torch.empty_like(above), torch.empty_like(self.c)
        dz = above.new_empty(*self.c.shape[:2], weight_hh.shape[0])
        # First the slopes of c_t by the gates i, f, g, and of h_t by o; in the loop dL/dc_t and
        # dL/dh_t multiply them. In place, as allocating takes longer than the arithmetic.
        by_gate = _by_gate(dz, 4)
        torch.mul(g, i, out=by_gate[:, :, 0]).mul_(1 - i)
        torch.mul(before(self.c, self._first_c), f, out=by_gate[:, :, 1]).mul_(1 - f)
        torch.mul(g, g, out=by_gate[:, :, 2]).neg_().add_(1).mul_(i)
        torch.mul(squashed, o, out=by_gate[:, :, 3]).mul_(1 - o)
        dz_ifg, dz_o = by_gate.split([3, 1], dim=2)
        to_c = squashed.square().neg_().add_(1).mul_(o)
        later_z, later_c = torch.zeros_like(dz[0]), torch.zeros_like(dc[0])
        for t in reversed(range(len(dh))):
            torch.addmm(above[t], later_z, weight_hh, out=dh[t])
            d_unprojected = dh[t] if weight_hr is None else dh[t] @ weight_hr
            if cell_above is not None:
                later_c = later_c + cell_above[t]
            torch.addcmul(later_c, d_unprojected, to_c[t], out=dc[t])
            dz_ifg[t].mul_(dc[t].unsqueeze(1))
            dz_o[t, :, 0].mul_(d_unprojected)
            later_z, later_c = dz[t], dc[t] * f[t]
        return Totals(dh, dz, dz, dc)


class Gru:
    """A GRU as in PyTorch: r multiplies what W_hn and b_hn make of the state."""

    gates = ("r", "z", "n")

    def __init__(self, weights: Weights, x: Tensor, h: Tensor, initial: Sequence[Tensor]) -> None:
        self._weights = weights
        self._h_before = before(h, initial[0])
        from_x = _by_gate(_linear(x, weights.weight_ih, weights.bias_ih), 3)
        from_h = _by_gate(_linear(self._h_before, weights.weight_hh, weights.bias_hh), 3)
        self._r, self._z = (from_x[:, :, :2] + from_h[:, :, :2]).sigmoid_().unbind(2)
        self._inner = from_h[:, :, 2]
        self._n = from_x[:, :, 2].addcmul_(self._r, self._inner).tanh_()

    def totals(self, above: Tensor, cell_above: Tensor | None) -> Totals:
        r, z, n = self._r, self._z, self._n
        weight_hh = self._weights.weight_hh
        to_n = (1 - n**2).mul_(1 - z)
        dh = torch.empty_like(above)
        recurrent = above.new_empty(*dh.shape[:2], weight_hh.shape[0])
        # First the slopes of h_t by the gates; in the loop dL/dh_t multiplies them.
        by_gate = _by_gate(recurrent, 3)
        torch.mul(to_n, r, out=by_gate[:, :, 2])
        torch.mul(by_gate[:, :, 2], self._inner, out=by_gate[:, :, 0]).mul_(1 - r)
        torch.mul(self._h_before - n, z, out=by_gate[:, :, 1]).mul_(1 - z)
        dh[-1] = above[-1]
        for t in reversed(range(len(dh))):
            by_gate[t].mul_(dh[t].unsqueeze(1))
            if t:
                torch.addcmul(above[t - 1], dh[t], z[t], out=dh[t - 1])
                dh[t - 1].addmm_(recurrent[t], weight_hh)
        gates = recurrent.clone()
        torch.mul(dh, to_n, out=_by_gate(gates, 3)[:, :, 2])
        return Totals(dh, gates, recurrent)


class _Rnn:
    """The Elman network; its one gate is the hidden state's pre-activation."""

    gates = ("h",)

    def __init__(self, weights: Weights, x: Tensor, h: Tensor, initial: Sequence[Tensor]) -> None:
        self._weights = weights
        self._slope = self.slope(h)

    @staticmethod
    def slope(h: Tensor) -> Tensor:
        """Return the derivative of the nonlinearity, from its result."""
        raise NotImplementedError

    def totals(self, above: Tensor, cell_above: Tensor | None) -> Totals:
        dh, dz = torch.empty_like(above), torch.empty_like(above)
        later = torch.zeros_like(dz[0])
        for t in reversed(range(len(dh))):
            torch.addmm(above[t], later, self._weights.weight_hh, out=dh[t])
            later = torch.mul(dh[t], self._slope[t], out=dz[t])
        return Totals(dh, dz, dz)


class RnnTanh(_Rnn):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_t-1 + b_hh)."""

    @staticmethod
    def slope(h: Tensor) -> Tensor:
        return 1 - h**2


class RnnRelu(_Rnn):
    """The same with ReLU."""

    @staticmethod
    def slope(h: Tensor) -> Tensor:
        return (h > 0).to(h.dtype)


_KINDS: Final[Mapping[str, type[Lstm | Gru | RnnTanh | RnnRelu]]] = MappingProxyType(
    {"lstm": Lstm, "gru": Gru, "rnn_tanh": RnnTanh, "rnn_relu": RnnRelu}
)


def recurrence_of(
    kind: str, weights: Weights, x: Tensor, h: Tensor, initial: Sequence[Tensor]
) -> Recurrence:
    """Return a layer in one direction after its forward pass.

    Args:
        kind: as `FusedCall.kind`.
        weights: its weights.
        x: its input, [timesteps, samples, features].
        h: the hidden states that it computed, [timesteps, samples, outputs].
        initial: h_0 and, for an LSTM, c_0; each [samples, units].
    """
    return _KINDS[kind](weights, x, h, initial)


def gates_of(kind: str) -> Sequence[str]:
    """Return the names of a kind's gates, in the order of the rows of `weight_ih`."""
    return _KINDS[kind].gates


def before(states: Tensor, initial: Tensor) -> Tensor:
    """Return the state that each timestep starts from."""
    return torch.cat([initial.unsqueeze(0), states[:-1]])


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.nn.functional.linear(x, weight, bias)


def _by_gate(z: Tensor, gates: int) -> Tensor:
    """Return [timesteps, samples, gates * units] as [timesteps, samples, gates, units]."""
    return z.view(*z.shape[:2], gates, -1)
