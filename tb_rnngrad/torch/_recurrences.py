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

    def before_first(self, totals: Totals) -> tuple[Tensor, Tensor]:
        """Return dL/dh_0, and the sum of its terms' magnitudes; each [samples, outputs]."""


class Lstm:
    """An LSTM, with or without projection.

    Attributes:
        f: the forget gates, [timesteps, samples, units].
        c: the cell states, likewise.
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
        self._i, self.f, self._g, self._o = z.unbind(2)
        z[:, :, :2].sigmoid_()
        self._g.tanh_()
        self._o.sigmoid_()
        self._first_c = first_c
        self.c = self._i * self._g
        previous = first_c
        for c, f in zip(self.c, self.f, strict=True):
            previous = c.addcmul_(f, previous)
        self._squashed = self.c.tanh()

    @property
    def unprojected(self) -> Tensor:
        return self._o * self._squashed

    def slopes(self) -> tuple[Tensor, Tensor]:
        """Return how the states follow the pre-activations.

        Returns:
            [timesteps, samples, 4, units]: the slopes of c_t by the pre-activations of i, f and g,
            and of o_t * tanh(c_t) by that of o; [timesteps, samples, units]: the slope of
            o_t * tanh(c_t) by c_t.
        """
        i, f, g, o, squashed = self._i, self.f, self._g, self._o, self._squashed
        slopes = i.new_empty(*i.shape[:2], 4, i.shape[2])
        # In place, as allocating takes longer than the arithmetic.
        torch.mul(g, i, out=slopes[:, :, 0]).mul_(1 - i)
        torch.mul(before(self.c, self._first_c), f, out=slopes[:, :, 1]).mul_(1 - f)
        torch.mul(g, g, out=slopes[:, :, 2]).neg_().add_(1).mul_(i)
        torch.mul(squashed, o, out=slopes[:, :, 3]).mul_(1 - o)
        return slopes, squashed.square().neg_().add_(1).mul_(o)

    def without_path(self, dc: Tensor, dh: Tensor) -> Tensor:
        """Return what arrives at c_t from outside of a single timestep, given all that does."""
        return dc - dh * self._o * (1 - self._squashed**2)

    def totals(self, above: Tensor, cell_above: Tensor | None) -> Totals:
        weight_hh, weight_hr = self._weights.weight_hh, self._weights.weight_hr
        dh, dc = torch.empty_like(above), torch.empty_like(self.c)
        # In the loop dL/dc_t and dL/dh_t multiply the slopes.
        by_gate, to_c = self.slopes()
        dz = by_gate.flatten(2)
        dz_ifg, dz_o = by_gate.split([3, 1], dim=2)
        later_z, later_c = torch.zeros_like(dz[0]), torch.zeros_like(dc[0])
        for t in reversed(range(len(dh))):
            torch.addmm(above[t], later_z, weight_hh, out=dh[t])
            d_unprojected = dh[t] if weight_hr is None else dh[t] @ weight_hr
            if cell_above is not None:
                later_c = later_c + cell_above[t]
            torch.addcmul(later_c, d_unprojected, to_c[t], out=dc[t])
            dz_ifg[t].mul_(dc[t].unsqueeze(1))
            dz_o[t, :, 0].mul_(d_unprojected)
            later_z, later_c = dz[t], dc[t] * self.f[t]
        return Totals(dh, dz, dz, dc)

    def before_first(self, totals: Totals) -> tuple[Tensor, Tensor]:
        return _through(totals.recurrent[0], self._weights.weight_hh)


class Gru:
    """A GRU as in PyTorch: r multiplies what W_hn and b_hn make of the state.

    Attributes:
        z: the update gates, [timesteps, samples, units].
    """

    gates = ("r", "z", "n")

    def __init__(self, weights: Weights, x: Tensor, h: Tensor, initial: Sequence[Tensor]) -> None:
        self._weights = weights
        self._h_before = before(h, initial[0])
        from_x = _by_gate(_linear(x, weights.weight_ih, weights.bias_ih), 3)
        from_h = _by_gate(_linear(self._h_before, weights.weight_hh, weights.bias_hh), 3)
        self._r, self.z = (from_x[:, :, :2] + from_h[:, :, :2]).sigmoid_().unbind(2)
        self._inner = from_h[:, :, 2]
        self._n = from_x[:, :, 2].addcmul_(self._r, self._inner).tanh_()

    def slopes(self) -> tuple[Tensor, Tensor]:
        """Return how h_t follows the pre-activations.

        Returns:
            [timesteps, samples, 3, units]: the slopes by the pre-activations of r and z, and by
            what r multiplies; [timesteps, samples, units]: the slope by the pre-activation of n.
        """
        r, z, n = self._r, self.z, self._n
        to_n = (1 - n**2).mul_(1 - z)
        slopes = r.new_empty(*r.shape[:2], 3, r.shape[2])
        torch.mul(to_n, r, out=slopes[:, :, 2])
        torch.mul(slopes[:, :, 2], self._inner, out=slopes[:, :, 0]).mul_(1 - r)
        torch.mul(self._h_before - n, z, out=slopes[:, :, 1]).mul_(1 - z)
        return slopes, to_n

    def totals(self, above: Tensor, cell_above: Tensor | None) -> Totals:
        weight_hh = self._weights.weight_hh
        dh = torch.empty_like(above)
        # In the loop dL/dh_t multiplies the slopes.
        by_gate, to_n = self.slopes()
        recurrent = by_gate.flatten(2)
        dh[-1] = above[-1]
        for t in reversed(range(len(dh))):
            by_gate[t].mul_(dh[t].unsqueeze(1))
            if t:
                torch.addcmul(above[t - 1], dh[t], self.z[t], out=dh[t - 1])
                dh[t - 1].addmm_(recurrent[t], weight_hh)
        gates = recurrent.clone()
        torch.mul(dh, to_n, out=_by_gate(gates, 3)[:, :, 2])
        return Totals(dh, gates, recurrent)

    def before_first(self, totals: Totals) -> tuple[Tensor, Tensor]:
        kept = totals.hidden_state[0] * self.z[0]
        value, size = _through(totals.recurrent[0], self._weights.weight_hh)
        return value + kept, size + kept.abs()


class Rnn:
    """The Elman network; its one gate is the hidden state's pre-activation.

    Attributes:
        slope: that of h_t by its pre-activation, [timesteps, samples, units].
    """

    gates = ("h",)

    def __init__(self, weights: Weights, x: Tensor, h: Tensor, initial: Sequence[Tensor]) -> None:
        self._weights = weights
        self.slope = self._slope_at(h)

    @staticmethod
    def _slope_at(h: Tensor) -> Tensor:
        """Return the derivative of the nonlinearity, from its result."""
        raise NotImplementedError

    def totals(self, above: Tensor, cell_above: Tensor | None) -> Totals:
        dh, dz = torch.empty_like(above), torch.empty_like(above)
        later = torch.zeros_like(dz[0])
        for t in reversed(range(len(dh))):
            torch.addmm(above[t], later, self._weights.weight_hh, out=dh[t])
            later = torch.mul(dh[t], self.slope[t], out=dz[t])
        return Totals(dh, dz, dz)

    def before_first(self, totals: Totals) -> tuple[Tensor, Tensor]:
        return _through(totals.recurrent[0], self._weights.weight_hh)


class RnnTanh(Rnn):
    """h_t = tanh(W_ih x_t + b_ih + W_hh h_t-1 + b_hh)."""

    @staticmethod
    def _slope_at(h: Tensor) -> Tensor:
        return 1 - h**2


class RnnRelu(Rnn):
    """The same with ReLU."""

    @staticmethod
    def _slope_at(h: Tensor) -> Tensor:
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


def _through(gradient: Tensor, weight: Tensor) -> tuple[Tensor, Tensor]:
    """Return a product with a weight, and the sum of its terms' magnitudes."""
    return gradient @ weight, gradient.abs() @ weight.abs()


def _linear(x: Tensor, weight: Tensor, bias: Tensor | None) -> Tensor:
    return torch.nn.functional.linear(x, weight, bias)


def _by_gate(z: Tensor, gates: int) -> Tensor:
    """Return [timesteps, samples, gates * units] as [timesteps, samples, gates, units]."""
    return z.view(*z.shape[:2], gates, -1)
