"""`state_jacobian`, `lyapunov_exponents`, `input_sensitivity`: how a state depends on its past.

They take the layer's own step function out of one forward pass. Running it through time gives the
states. Differentiating it at all timesteps at once gives the per-step Jacobians, which
`tb_rnngrad.jacobian` multiplies. Differentiating it along one direction while it runs gives the
sensitivity to the input.
"""

from __future__ import annotations

import contextlib
import functools
import importlib
import inspect
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import tensorflow as tf
from numpy.typing import NDArray

from tb_rnngrad import jacobian
from tb_rnngrad._capture.names import call_name
from tb_rnngrad._capture.timesteps import resolved
from tb_rnngrad.keras._adapters.base import Adapter, Rnn, patched, stands_in
from tb_rnngrad.keras._adapters.select import adapter_of
from tb_rnngrad.keras._steps.batches import batch_of
from tb_rnngrad.keras._taps.cells import StateName, States, cells_of, seating_patches, states_of
from tb_rnngrad.keras._taps.layers import Part, layers_or_alias, select
from tb_rnngrad.keras._taps.mask_runs import MaskRuns
from tb_rnngrad.keras._taps.readings import chosen_state, read_step
from tb_rnngrad.keras._taps.taps import check_not_legacy_graph
from tb_rnngrad.record import SequenceRecord

WRT: Final = ("input", "state")
# Timesteps differentiated at once: enough to keep the CPU busy, few enough to fit in memory.
_CHUNK: Final = 64
_WHY_EAGER: Final = "it runs the layer's timesteps one by one, and there they are one fixed graph"


def state_jacobian(
    model: Any,
    x: Any,
    layers: Any = None,
    wrt: str = "input",
    at: Sequence[int] | None = None,
    norm: str = "fro",
    verbose: int = 1,
    *,
    layer: Any = None,
    state: States = None,
) -> dict[str, SequenceRecord]:
    """Return how the hidden state h_t depends on every input x_s, or on every earlier state h_s.

    Needs no loss and runs in inference mode. The model stays as it was. With T = 1403 and 200 units
    on two cores, all rows take up to a minute a sample; 64 rows take some seconds.

    Args:
        model: a model, or any layer, of Keras 3 or tf_keras.
        x: inputs of one batch. For a `tf.data.Dataset` or a `PyDataset` (`Sequence`), the first
            batch is used, with a warning if there are more.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        wrt: "input": dh_t/dx_s, where x is the layer's own input (in token models, the embedding's
            output); "state": dh_t/dh_s, an LSTM's cell state at s held fixed.
        at: the timesteps t, one for each row; negative ones count from the end; None: all.
        norm: "fro" (Frobenius), "sum" (length of the gradient of the sum of units) or "spectral"
            (largest singular value; slow, as it takes an SVD for each entry).
        verbose: 1 draws a progress bar, 0 does not.
        layer: an alias of `layers`.
        state: which state of a custom cell is the hidden state, as for `gradients`.

    Returns:
        layer name -> record [rows, timesteps] of log10 of the norm, averaged over samples (so the
        geometric mean of the norms). -inf: h_t does not depend on it, such as s > t. NaN: t or s is
        padding in every sample. A Bidirectional gives "name/forward" and "name/backward"; further
        calls of a layer give "name.call2" and so on. The record's `details` hold "at" (the timestep
        of each row as it was given; None if every timestep has a row), "wrt", "norm" and
        "reduced_by" (a description).

    Raises:
        ValueError: if a layer, timestep, norm or `wrt` does not exist.
        NotImplementedError: if the layer's state is not a vector, as in ConvLSTM; if the layer is
            called with constants; if TensorFlow is in legacy graph mode.

    Example::

        jacobian = tb_rnngrad.keras.state_jacobian(model, x, at=[9, -1], verbose=0)["lstm_1"]
        decades = jacobian.data[1]  # [timesteps s]: log10 ||dh_T/dx_s||_F, T the last timestep
    """
    if wrt not in WRT:
        raise ValueError(f"wrt is {wrt!r}; expected one of {', '.join(WRT)}")
    if norm not in jacobian.NORMS:
        raise ValueError(f"norm is {norm!r}; expected one of {', '.join(jacobian.NORMS)}")
    check_not_legacy_graph("state_jacobian", _WHY_EAGER)
    x, _, _ = batch_of(x)
    adapter = adapter_of(model)
    records = {}
    details = {
        "at": None if at is None else [int(t) for t in at],
        "wrt": wrt,
        "norm": norm,
        "reduced_by": "geometric mean over samples",
    }
    for name, runs in _runs(adapter, model, x, layers_or_alias(layers, layer), state):
        timesteps = runs[0].timesteps
        rows = _rows(at, timesteps)
        logs = []
        total = sum(run.samples for run in runs) * timesteps
        with _progress(adapter, name, total, verbose) as tick:
            for run in runs:
                for sample in range(run.samples):
                    logs.append(run.log10_norms(sample, rows, wrt, norm, tick))
        records[name] = SequenceRecord(
            _mean_where_known(np.stack(logs)).astype(np.float32),
            quantity="state_jacobian",
            layer=name,
            framework=adapter.name,
            details=details,
        )
    return records


def input_sensitivity(
    model: Any, x: Any, layers: Any = None, *, state: States = None
) -> dict[str, NDArray[np.floating[Any]]]:
    """Return how much each timestep's mean hidden state moves with the input: one signed number.

    Let h [samples, timesteps, units] be the hidden states and x [samples, timesteps, features] the
    layer's own input (in token models, the embedding's output). The number at t is the sum, over
    all timesteps s up to t and all features f, of

        mean over samples b and units u of dh[b, t, u] / dx[b, s, f]

    This is the sum of all entries of the gradient that one backward pass from `mean(h[:, t])` would
    bring to x: the slope of `mean(h[:, t])` as all inputs up to t rise together. Signs count: the
    number is near 0 also where units or inputs cancel out.

    All timesteps come from one pass through time that carries the derivative along (forward-mode
    differentiation). It runs in inference mode, without a loss, and leaves the model as it was.
    T = 1403 with 200 units and 5 samples takes a few seconds on two cores.

    Args:
        model: a model, or any layer, of Keras 3 or tf_keras.
        x: inputs of one batch. For a `tf.data.Dataset` or a `PyDataset` (`Sequence`), the first
            batch is used, with a warning if there are more.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        state: which state of a custom cell is the hidden state, as for `gradients`.

    Returns:
        layer name -> [timesteps], in input time order. Padding counts neither as input nor in the
        mean; NaN where a timestep is padding in every sample. A Bidirectional gives "name/forward"
        and "name/backward" (where "up to t" means from the last timestep down to t); further calls
        of a layer give "name.call2" and so on.

    Raises:
        ValueError: if a layer does not exist.
        NotImplementedError: if the layer's state is not a vector, as in ConvLSTM; if the layer is
            called with constants; if TensorFlow is in legacy graph mode.

    Example::

        slope = tb_rnngrad.keras.input_sensitivity(model, x)["lstm_1"]  # [timesteps]
    """
    check_not_legacy_graph("input_sensitivity", _WHY_EAGER)
    x, _, _ = batch_of(x)
    found = {}
    for name, runs in _runs(adapter_of(model), model, x, layers, state):
        slopes = np.concatenate([run.slopes() for run in runs])
        found[name] = _mean_where_known(slopes).astype(slopes.dtype)
    return found


def lyapunov_exponents(
    model: Any, x: Any, layers: Any = None, k: int = 8, *, layer: Any = None
) -> dict[str, NDArray[np.float64]]:
    """Return the largest Lyapunov exponents of each recurrent layer's state.

    They say how fast nearby states diverge (above 0) or converge (below 0) per timestep, along the
    trajectory of each sample (Benettin, Galgani, Giorgilli and Strelcyn 1980; for recurrent
    networks Vogt, Puelma Touzel, Shlizerman and Lajoie 2022, "On Lyapunov exponents for RNNs").

    Args:
        model: a model, or any layer, of Keras 3 or tf_keras.
        x: inputs of one batch. For a `tf.data.Dataset` or a `PyDataset` (`Sequence`), the first
            batch is used, with a warning if there are more.
        layers: names, indices into `model.layers` or layer objects; None: every recurrent layer.
        k: how many exponents; a smaller state gives as many as it has.
        layer: an alias of `layers`.

    Returns:
        layer name -> [samples, k], as natural logarithms per timestep, largest first. Padding is
        left out. A Bidirectional gives "name/forward" and "name/backward"; further calls of a layer
        give "name.call2" and so on.

    Raises:
        ValueError: if a layer does not exist, or k is below 1.
        NotImplementedError: if the layer's state is not a vector, as in ConvLSTM; if the layer is
            called with constants; if TensorFlow is in legacy graph mode.

    Example::

        exponents = tb_rnngrad.keras.lyapunov_exponents(model, x, k=2)["lstm_1"]
        forgets = exponents[:, 0] < 0  # [samples]: the largest exponent is below 0
    """
    if k < 1:
        raise ValueError(f"k is {k}; expected at least 1")
    check_not_legacy_graph("lyapunov_exponents", _WHY_EAGER)
    x, _, _ = batch_of(x)
    found = {}
    chosen = layers_or_alias(layers, layer)
    for name, runs in _runs(adapter_of(model), model, x, chosen, asks_which_is_hidden=False):
        exponents = [
            jacobian.lyapunov_exponents(transitions[run.real[sample]], min(k, run.states))
            for sample in range(runs[0].samples)
            for run in runs  # all calls of one sample in a row, as in records
            for transitions, _ in [run.jacobians(sample, with_entries=False)]
        ]
        found[name] = np.stack(exponents)
    return found


@dataclass
class _Run:
    """One recurrent layer's pass through one batch, in the order of its loop.

    Attributes:
        step: (x_t, flat states) -> flat new states; x_t [n, features], each state [n, size].
        inputs: [samples, timesteps, features].
        first: the states before the first timestep, each [samples, size].
        real: bool [samples, timesteps].
        hidden: which of all states, side by side, make up the hidden state that the layer returns.
        is_reversed: whether the loop runs from the last timestep to the first.
    """

    step: Callable[[tf.Tensor, Sequence[tf.Tensor]], Sequence[tf.Tensor]]
    inputs: tf.Tensor
    first: Sequence[tf.Tensor]
    real: NDArray[np.bool_]
    hidden: NDArray[np.intp]
    is_reversed: bool

    def __post_init__(self) -> None:
        self._differentiating: dict[bool, Callable[..., list[tf.Tensor]]] = {}

    @property
    def samples(self) -> int:
        """Number of samples."""
        return int(self.inputs.shape[0])

    @property
    def timesteps(self) -> int:
        """Number of timesteps."""
        return int(self.inputs.shape[1])

    @property
    def states(self) -> int:
        """Size of all states together."""
        return sum(int(state.shape[-1]) for state in self.first)

    @functools.cached_property
    def trajectory(self) -> Sequence[tf.Tensor]:
        """The states before each timestep, each [timesteps, samples, size]."""

        def advanced(states: Sequence[tf.Tensor], now: _Now) -> list[tf.Tensor]:
            return now.where_real(self.step(now.x, states), states)

        after = self._scanned(advanced, list(self.first))
        return [
            tf.concat([first[tf.newaxis], states[:-1]], axis=0)
            for first, states in zip(self.first, after, strict=True)
        ]

    def slopes(self) -> NDArray[np.floating[Any]]:
        """Return [samples, timesteps]: how each mean state changes as all inputs rise.

        In input time order; NaN at padding.
        """

        def advanced(carried: _Carried, now: _Now) -> _Carried:
            states, moved = carried
            raised = tf.ones_like(now.x)
            new, new_moved = _along(self.step, now.x, states, raised, moved)
            return now.where_real(new, states), now.where_real(new_moved, moved)

        still = [tf.zeros_like(state) for state in self.first]
        _, moved = self._scanned(advanced, (list(self.first), still))
        hidden = tf.gather(tf.concat(moved, axis=-1), self.hidden, axis=-1).numpy().T
        slopes: NDArray[np.floating[Any]] = np.mean(hidden, axis=0, dtype=_at_least_float32(hidden))
        slopes[~self.real] = np.nan
        return slopes[:, ::-1] if self.is_reversed else slopes

    def _scanned(self, advanced: Callable[[Any, _Now], Any], initial: Any) -> Any:
        """Return what `advanced` gives at each timestep, stacked; it gets its previous result."""
        timesteps = tf.transpose(self.inputs, [1, 0, 2]), tf.constant(self.real.T[..., np.newaxis])
        return _as_graph(
            lambda: tf.scan(lambda carried, now: advanced(carried, _Now(*now)), timesteps, initial)
        )

    def log10_norms(
        self,
        sample: int,
        rows: Sequence[int],
        wrt: str,
        norm: str,
        advance: Callable[[], None],
    ) -> NDArray[np.float64]:
        """Return [rows, timesteps] in input time order; NaN at padding."""
        transitions, entries = self.jacobians(sample, with_entries=wrt == "input")
        at = [self.timesteps - 1 - row for row in rows] if self.is_reversed else list(rows)
        logs = jacobian.log10_norms(transitions, entries, self.hidden, at, norm, advance)
        real = self.real[sample]
        logs[~real[at]] = np.nan
        logs[:, ~real] = np.nan
        return logs[:, ::-1] if self.is_reversed else logs

    def jacobians(
        self, sample: int, with_entries: bool
    ) -> tuple[NDArray[Any], NDArray[Any] | None]:
        """Return ds_t/ds_t-1 [timesteps, states, states], ds_t/dx_t [timesteps, states, features].

        A padded timestep passes the state on unchanged.
        """
        differentiate = self._differentiate(with_entries)
        states = tf.concat([state[:, sample] for state in self.trajectory], axis=-1)
        pieces = [
            differentiate(
                self.inputs[sample, start : start + _CHUNK], states[start : start + _CHUNK]
            )
            for start in range(0, self.timesteps, _CHUNK)
        ]
        padding = ~self.real[sample]
        transitions = np.concatenate([piece[0].numpy() for piece in pieces])
        transitions[padding] = np.eye(self.states)
        if not with_entries:
            return transitions, None
        entries = np.concatenate([piece[1].numpy() for piece in pieces])
        entries[padding] = 0
        return transitions, entries

    def _differentiate(self, with_entries: bool) -> Callable[..., list[tf.Tensor]]:
        """Return the graph of `_jacobians` for any number of timesteps."""
        if with_entries not in self._differentiating:
            function = tf.function(self._jacobians, autograph=False)
            self._differentiating[with_entries] = function.get_concrete_function(
                tf.TensorSpec([None, self.inputs.shape[-1]], self.inputs.dtype),
                tf.TensorSpec([None, self.states], self.first[0].dtype),
                with_entries,
            )
        return self._differentiating[with_entries]

    def _jacobians(self, x: tf.Tensor, states: tf.Tensor, with_entries: bool) -> list[tf.Tensor]:
        sizes = [state.shape[-1] for state in self.first]
        sources = [states, x] if with_entries else [states]
        with tf.GradientTape(persistent=True, watch_accessed_variables=False) as tape:
            tape.watch(sources)
            after = tf.concat(self.step(x, tf.split(states, sizes, axis=-1)), axis=-1)
        return [
            tape.batch_jacobian(after, source, unconnected_gradients="zero") for source in sources
        ]


@dataclass(frozen=True)
class _Now:
    """One timestep of a batch.

    Attributes:
        x: [samples, features].
        real: bool [samples, 1].
    """

    x: tf.Tensor
    real: tf.Tensor

    def where_real(self, new: Sequence[tf.Tensor], old: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        """Return `new` for samples whose timestep is real, `old` for the others."""
        return [tf.where(self.real, one, before) for one, before in zip(new, old, strict=True)]


_Carried = tuple[Sequence[tf.Tensor], Sequence[tf.Tensor]]
"""States, and their derivatives."""


def _along(
    step: Callable[[tf.Tensor, Sequence[tf.Tensor]], Sequence[tf.Tensor]],
    x: tf.Tensor,
    states: Sequence[tf.Tensor],
    x_moves: tf.Tensor,
    states_move: Sequence[tf.Tensor],
) -> tuple[Sequence[tf.Tensor], Sequence[tf.Tensor]]:
    """Return the new states, and their derivative along those of x and the states: J v.

    Backpropagation gives J'u, which is linear in u. The gradient of J'u with respect to u, along v,
    is J v. So these are the derivatives that backpropagation takes, custom gradients included.
    """
    sources = [x, *states]
    with tf.GradientTape(watch_accessed_variables=False) as by_cotangents:
        with tf.GradientTape(watch_accessed_variables=False) as by_sources:
            by_sources.watch(sources)
            new = step(x, states)
        cotangents = [tf.ones_like(state) for state in new]
        by_cotangents.watch(cotangents)
        pulled_back = by_sources.gradient(new, sources, cotangents, unconnected_gradients="zero")
    moved = by_cotangents.gradient(
        pulled_back, cotangents, [x_moves, *states_move], unconnected_gradients="zero"
    )
    return new, moved


def _as_graph(function: Callable[[], Any]) -> Any:
    """Return what `function` returns, run once as a graph: eager loops take seconds longer."""
    return tf.function(function, autograph=False).get_concrete_function()()


def _at_least_float32(array: NDArray[Any]) -> np.dtype[Any]:
    return np.result_type(array.dtype, np.float32)


def _runs(
    adapter: Adapter,
    model: Any,
    x: Any,
    layers: Any,
    state: States = None,
    asks_which_is_hidden: bool = True,
) -> Iterator[tuple[str, list[_Run]]]:
    """Run the model once and yield each chosen layer's runs, by name.

    A name has several runs if the layer's calls are one batch, as in a TimeDistributed.
    """
    views = select(adapter, model, layers)
    hidden = states_of(adapter, views, state) if asks_which_is_hidden else None
    seen: dict[int, list[_Run | NotImplementedError]] = {}
    mask_runs = MaskRuns()
    patches = mask_runs.patches(views)
    for view in views:
        for part in view.parts:
            call = _watched_call(adapter, part, seen, hidden, mask_runs)
            patches += [(vars(part.layer), "call", call), *seating_patches(adapter, part.layer)]
    inputs = tf.nest.map_structure(tf.convert_to_tensor, x)
    if not model.built:
        adapter.forward(model, inputs, training=False)
    passing = [adapter.raw(variable) for variable in adapter.passing_state(model)]
    before = [variable.numpy() for variable in passing]
    standing = [
        patch
        for view in views
        for part in view.parts
        for patch in adapter.standing_patches(part.layer)
    ]
    try:
        with patched([*patches, *standing]):
            adapter.forward(model, inputs, training=False)
    finally:
        for variable, value in zip(passing, before, strict=True):
            variable.assign(value)
    for view in views:
        for part in view.parts:
            # Raise here: Keras would add lines of its own to what is raised in a layer's call.
            runs = [_run_or_raise(call) for call in seen.get(id(part.layer), [])]
            if not runs:
                raise ValueError(f"layer {view.name!r} was not called by the model's forward pass")
            calls = [runs] if view.merges_calls else [[run] for run in runs]
            for number, batched in enumerate(calls, start=1):
                name = call_name(view.name, number)
                yield f"{name}/{part.direction}" if part.direction else name, batched


def _run_or_raise(call: _Run | NotImplementedError) -> _Run:
    if isinstance(call, NotImplementedError):
        raise call
    return call


def _watched_call(
    adapter: Adapter,
    part: Part,
    seen: dict[int, list[_Run | NotImplementedError]],
    hidden: Mapping[int, StateName] | None,
    mask_runs: MaskRuns,
) -> Callable[..., Any]:
    """Return the layer's `call`, which records its run, or the reason why there is none."""
    layer = part.layer
    original = adapter.original_call(layer)
    signature = inspect.signature(original)

    def watched(rnn: Rnn) -> Rnn:
        def looped(
            step_function: Callable[..., Any], inputs: Any, initial_states: Any, **options: Any
        ) -> tuple[Any, Any, Any]:
            run = _run_of(adapter, layer, step_function, inputs, initial_states, options, hidden)
            seen.setdefault(id(layer), []).append(run)
            result: tuple[Any, Any, Any] = _as_graph(
                lambda: rnn(step_function, inputs, initial_states, **options)
            )
            return result

        return looped

    def call(*args: Any, **kwargs: Any) -> Any:
        if mask_runs.is_on:
            return original(*args, **kwargs)
        bound = signature.bind(*args, **kwargs)
        name = next(iter(signature.parameters))
        given = bound.arguments
        training = given.get("training")
        with adapter.recurrence(layer, given[name], training, watched) as inputs:
            given[name] = inputs
            return original(*bound.args, **bound.kwargs)

    return stands_in(call, original)


def _run_of(
    adapter: Adapter,
    layer: Any,
    step_function: Callable[..., Any],
    inputs: Any,
    initial_states: Any,
    options: dict[str, Any],
    hidden: Mapping[int, StateName] | None,
) -> _Run | NotImplementedError:
    x = tf.nest.flatten(inputs)[0]
    mask = options.get("mask")
    if adapter.is_time_major(layer):
        x = tf.transpose(x, [1, 0, 2])
        mask = None if mask is None else tf.transpose(mask)
    first = [tf.identity(state) for state in tf.nest.flatten(initial_states)]
    if x.shape.rank != 3 or any(state.shape.rank != 2 for state in first):
        return NotImplementedError(
            f"layer {layer.name!r} ({type(layer).__name__}) has inputs of shape {x.shape} and "
            f"states of {[tuple(state.shape) for state in first]}; a state Jacobian is known of "
            "layers whose state is a vector"
        )
    if options.get("constants"):
        return NotImplementedError(
            f"layer {layer.name!r} ({type(layer).__name__}) is called with constants; state "
            "Jacobians, exponents and sensitivities are defined only for cells that take inputs "
            "and states"
        )
    is_reversed = bool(options.get("go_backwards"))
    real = np.ones(x.shape[:2], np.bool_) if mask is None else _flat_mask(mask)
    if is_reversed:
        x, real = tf.reverse(x, [1]), real[:, ::-1]

    def step(x_t: tf.Tensor, states: Sequence[tf.Tensor]) -> list[tf.Tensor]:
        _, new = step_function(x_t, tf.nest.pack_sequence_as(initial_states, list(states)))
        return list(tf.nest.flatten(new))

    cells = cells_of(adapter, layer)
    position = cells[-1].state
    if hidden is not None and cells[-1].certain_hidden is None:
        reading = read_step(cells, step_function, inputs, initial_states, options)[-1]
        position += chosen_state(layer.name, cells[-1], reading, hidden.get(id(layer)))
    sizes = [int(state.shape[-1]) for state in first]
    start = sum(sizes[:position])
    return _Run(
        step,
        x,
        first,
        real,
        np.arange(start, start + sizes[position]),
        is_reversed,
    )


def _flat_mask(mask: Any) -> NDArray[np.bool_]:
    array: NDArray[np.bool_] = tf.nest.flatten(mask)[0].numpy().astype(np.bool_)
    return array[..., 0] if array.ndim == 3 else array


def _rows(at: Sequence[int] | None, timesteps: int) -> list[int]:
    if at is None:
        return list(range(timesteps))
    if not len(at):
        raise ValueError("at is empty; expected at least one timestep, or None for all")
    return resolved(at, timesteps, "the layer")


def _mean_where_known(logs: NDArray[np.float64]) -> NDArray[np.float64]:
    """Return the mean over samples, ignoring NaN; NaN where all are."""
    known = ~np.isnan(logs)
    count = known.sum(axis=0)
    total = np.where(known, logs, 0).sum(axis=0)
    return np.where(count > 0, total / np.maximum(count, 1), np.nan)


@contextlib.contextmanager
def _progress(
    adapter: Adapter, name: str, total: int, verbose: int
) -> Iterator[Callable[[], None]]:
    """Yield a function to call after every timestep."""
    if not verbose:
        yield lambda: None
        return
    print(name)
    bar = importlib.import_module(adapter.name).utils.Progbar(total, unit_name="timestep")
    yield lambda: bar.add(1)
