"""Recurrent layers unrolled in NumPy, forward and backward, without any Keras.

All arrays are float64, [samples, timesteps, channels]. The backward passes are textbook BPTT: from
dL/dy_t, the gradient with respect to the returned sequence, back through time.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass
class Bptt:
    """Results of a backward pass, each [samples, timesteps, channels] or shaped like the weight."""

    hidden_state: np.ndarray
    gates: np.ndarray
    input: np.ndarray
    kernel: np.ndarray
    recurrent_kernel: np.ndarray
    bias: np.ndarray
    h: np.ndarray
    cell_state: np.ndarray | None = None
    c: np.ndarray | None = None


def sigmoid(z):
    return 1 / (1 + np.exp(-z))


def simple_rnn(x, weights, dy):
    """h_t = tanh(x_t K + h_t-1 R + b)."""
    kernel, recurrent, bias = weights
    samples, timesteps, _ = x.shape
    units = recurrent.shape[0]
    h = np.zeros((samples, timesteps + 1, units))
    for t in range(timesteps):
        h[:, t + 1] = np.tanh(x[:, t] @ kernel + h[:, t] @ recurrent + bias)
    dh, dz = np.zeros_like(h[:, 1:]), np.zeros_like(h[:, 1:])
    carried = np.zeros((samples, units))
    for t in reversed(range(timesteps)):
        dh[:, t] = dy[:, t] + carried
        dz[:, t] = dh[:, t] * (1 - h[:, t + 1] ** 2)
        carried = dz[:, t] @ recurrent.T
    return Bptt(
        hidden_state=dh,
        gates=dz,
        input=dz @ kernel.T,
        kernel=np.einsum("btx,btu->xu", x, dz),
        recurrent_kernel=np.einsum("bth,btu->hu", h[:, :-1], dz),
        bias=dz.sum((0, 1)),
        h=h[:, 1:],
    )


def lstm(x, weights, dy):
    """Hochreiter and Schmidhuber 1997 with forget gate; gates in Keras' order i, f, c, o."""
    kernel, recurrent, bias = weights
    samples, timesteps, _ = x.shape
    units = recurrent.shape[0]
    h = np.zeros((samples, timesteps + 1, units))
    c = np.zeros_like(h)
    kept = []
    for t in range(timesteps):
        z = x[:, t] @ kernel + h[:, t] @ recurrent + bias
        zi, zf, zc, zo = np.split(z, 4, axis=1)
        i, f, g, o = sigmoid(zi), sigmoid(zf), np.tanh(zc), sigmoid(zo)
        c[:, t + 1] = f * c[:, t] + i * g
        h[:, t + 1] = o * np.tanh(c[:, t + 1])
        kept.append((i, f, g, o))
    dh, dc = np.zeros_like(h[:, 1:]), np.zeros_like(h[:, 1:])
    dz = np.zeros((samples, timesteps, 4 * units))
    dh_next, dc_next = np.zeros((samples, units)), np.zeros((samples, units))
    for t in reversed(range(timesteps)):
        i, f, g, o = kept[t]
        squashed = np.tanh(c[:, t + 1])
        dh[:, t] = dy[:, t] + dh_next
        dc[:, t] = dc_next + dh[:, t] * o * (1 - squashed**2)
        dz[:, t] = np.concatenate(
            [
                dc[:, t] * g * i * (1 - i),
                dc[:, t] * c[:, t] * f * (1 - f),
                dc[:, t] * i * (1 - g**2),
                dh[:, t] * squashed * o * (1 - o),
            ],
            axis=1,
        )
        dh_next, dc_next = dz[:, t] @ recurrent.T, dc[:, t] * f
    return Bptt(
        hidden_state=dh,
        gates=dz,
        input=dz @ kernel.T,
        kernel=np.einsum("btx,btu->xu", x, dz),
        recurrent_kernel=np.einsum("bth,btu->hu", h[:, :-1], dz),
        bias=dz.sum((0, 1)),
        h=h[:, 1:],
        cell_state=dc,
        c=c[:, 1:],
    )


def gru(x, weights, dy, reset_after):
    """Cho et al. 2014; gates in Keras' order z, r, h; the reset gate applies before or after R."""
    kernel, recurrent, bias = weights
    samples, timesteps, _ = x.shape
    units = recurrent.shape[0]
    input_bias, recurrent_bias = bias if reset_after else (bias, np.zeros(3 * units))
    rz, rr, rh = np.split(recurrent, 3, axis=1)
    bz, br, bh = np.split(recurrent_bias, 3)
    h = np.zeros((samples, timesteps + 1, units))
    kept = []
    for t in range(timesteps):
        xz, xr, xh = np.split(x[:, t] @ kernel + input_bias, 3, axis=1)
        z = sigmoid(xz + h[:, t] @ rz + bz)
        r = sigmoid(xr + h[:, t] @ rr + br)
        inner = r * (h[:, t] @ rh + bh) if reset_after else (r * h[:, t]) @ rh
        candidate = np.tanh(xh + inner)
        h[:, t + 1] = z * h[:, t] + (1 - z) * candidate
        kept.append((z, r, candidate))
    dh = np.zeros_like(h[:, 1:])
    dz = np.zeros((samples, timesteps, 3 * units))
    d_inner = np.zeros((samples, timesteps, 3 * units))
    d_recurrent = np.zeros_like(recurrent)
    carried = np.zeros((samples, units))
    for t in reversed(range(timesteps)):
        z, r, candidate = kept[t]
        before = h[:, t]
        dh[:, t] = dy[:, t] + carried
        dzh = dh[:, t] * (1 - z) * (1 - candidate**2)
        dzz = dh[:, t] * (before - candidate) * z * (1 - z)
        if reset_after:
            dzr = dzh * (before @ rh + bh) * r * (1 - r)
            carried = dh[:, t] * z + dzz @ rz.T + dzr @ rr.T + (dzh * r) @ rh.T
            d_inner[:, t] = np.concatenate([dzz, dzr, dzh * r], axis=1)
            d_recurrent += before.T @ d_inner[:, t]
        else:
            d_reset = dzh @ rh.T
            dzr = d_reset * before * r * (1 - r)
            carried = dh[:, t] * z + dzz @ rz.T + dzr @ rr.T + d_reset * r
            d_recurrent += np.concatenate(
                [before.T @ dzz, before.T @ dzr, (r * before).T @ dzh], axis=1
            )
        dz[:, t] = np.concatenate([dzz, dzr, dzh], axis=1)
    d_bias = dz.sum((0, 1))
    return Bptt(
        hidden_state=dh,
        gates=dz,
        input=dz @ kernel.T,
        kernel=np.einsum("btx,btu->xu", x, dz),
        recurrent_kernel=d_recurrent,
        bias=np.stack([d_bias, d_inner.sum((0, 1))]) if reset_after else d_bias,
        h=h[:, 1:],
    )
