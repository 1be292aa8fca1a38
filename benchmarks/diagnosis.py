"""Trains networks that are ill for a known reason, and sound ones, and prints what the doctor says.

Writes the table of docs/explanation/diagnosis.md. A diagnosis is right if it makes every claim that
the cause must lead to, and no claim beyond those that it may lead to. All trainings take about four
minutes on two busy cores; they need Keras and PyTorch.

    python benchmarks/diagnosis.py [--write]
"""

from __future__ import annotations

import argparse
import os
import re
import tempfile
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import keras
import numpy as np
import torch

import tb_rnngrad
import tb_rnngrad.keras
from tb_rnngrad.diagnosis import diagnose

PAGE = Path(__file__).parent.parent / "docs" / "explanation" / "diagnosis.md"
BEGIN, END = "<!-- benchmarks/diagnosis.py: begin -->", "<!-- benchmarks/diagnosis.py: end -->"
SAMPLES, TIMESTEPS, RECALLED, UNITS, BATCH = 1024, 40, 20, 16, 64
OF = ("hidden_state", "gates", "states", "weights", "weight_gradients")


@dataclass(frozen=True)
class Case:
    """A training whose cause is known.

    Attributes:
        cause: what was put in.
        must: the claims that it has to lead to.
        may: claims that it may lead to besides.
        train: trains and logs into a directory.
    """

    cause: str
    must: set[str]
    may: set[str]
    train: Callable[[Path], object]


# --- Keras: the first timestep decides the class, or the class is random ---


def sequences(random: bool = False) -> tuple[np.ndarray, np.ndarray]:
    """Return noise whose first timestep says the class; `random` classes are independent of it."""
    rng = np.random.default_rng(0)
    x = rng.normal(size=(SAMPLES, TIMESTEPS, 2)).astype(np.float32) * 0.3
    y = rng.integers(2, size=SAMPLES)
    x[:, 0, 0] += 3 * (2 * y - 1)
    return x, rng.integers(2, size=SAMPLES) if random else y


def recalled() -> tuple[np.ndarray, np.ndarray]:
    """Return noise, and as the target the first timestep's first value."""
    x = np.random.default_rng(0).normal(size=(SAMPLES, RECALLED, 2)).astype(np.float32)
    x[:, 1:] *= 0.1
    return x, x[:, 0, 0].copy()


def fit(
    logdir: Path,
    layer: keras.layers.Layer,
    optimizer: keras.optimizers.Optimizer | str = "adam",
    epochs: int = 5,
    prepare: Callable[[keras.layers.Layer], None] | None = None,
    data: tuple[np.ndarray, np.ndarray] | None = None,
    batch: int = BATCH,
    linear: bool = False,
    every: int | None = None,
) -> float:
    """Train a layer and a head, and log twenty steps or more of it."""
    keras.utils.set_random_seed(1)
    x, y = sequences() if data is None else data
    activation, loss = ("linear", "mse") if linear else ("sigmoid", "binary_crossentropy")
    model = keras.Sequential(
        [keras.Input(x.shape[1:]), layer, keras.layers.Dense(1, activation=activation)]
    )
    if prepare is not None:
        prepare(layer)
    model.compile(optimizer, loss)
    every = every or max(1, epochs * len(x) // batch // 20)
    logger = tb_rnngrad.keras.GradientLogger(logdir, of=OF, update_freq=every)
    found = model.fit(x, y, batch_size=batch, epochs=epochs, verbose=0, callbacks=[logger])
    return found.history["loss"][-1]


def learned(logdir: Path, layer: keras.layers.Layer, rate: float, **options: object) -> None:
    """Train a layer to recall the first value; end if it does not, for then it is not sound."""
    loss = fit(logdir, layer, Adam(rate), epochs=40, data=recalled(), linear=True, **options)
    if not loss < 0.2:
        raise SystemExit(f"{layer.name} has not learned: its loss is {loss:.3g} of 1")


def scaled(factor: float) -> Callable[[keras.layers.Layer], None]:
    """Return a change that multiplies the recurrent weights."""

    def change(layer: keras.layers.Layer) -> None:
        weights = layer.get_weights()
        weights[1] *= factor
        layer.set_weights(weights)

    return change


def dying(layer: keras.layers.Layer) -> None:
    """Give every unit a bias that no input outweighs."""
    weights = layer.get_weights()
    weights[2] -= 30
    layer.set_weights(weights)


def closed_forget_gate(layer: keras.layers.Layer) -> None:
    """Give the forget gate a bias of -5."""
    weights = layer.get_weights()
    weights[2][UNITS : 2 * UNITS] = -5
    layer.set_weights(weights)


def with_nan() -> tuple[np.ndarray, np.ndarray]:
    """Return the sequences, with one value missing."""
    x, y = sequences()
    x[700, 20, 1] = np.nan
    return x, y


def masked(logdir: Path, inverted: bool) -> None:
    """Train on sequences of different lengths, with their mask or its opposite."""
    keras.utils.set_random_seed(1)
    x, y = recalled()
    lengths = np.random.default_rng(2).integers(5, RECALLED + 1, SAMPLES)
    lengths[::8] = RECALLED  # the longest of its batch fills it
    real = np.arange(RECALLED) < lengths[:, np.newaxis]
    x = np.where(real[:, :, np.newaxis], x, 0)
    inputs, mask = keras.Input((RECALLED, 2)), keras.Input((RECALLED,), dtype="bool")
    states = keras.layers.LSTM(UNITS)(inputs, mask=mask)
    model = keras.Model([inputs, mask], keras.layers.Dense(1)(states))
    model.compile(keras.optimizers.Adam(0.01), "mse")
    logger = tb_rnngrad.keras.GradientLogger(logdir, of=OF, update_freq=16)
    given = [x, ~real if inverted else real]
    model.fit(given, y, batch_size=BATCH, epochs=30, verbose=0, callbacks=[logger])


# --- PyTorch: cells stepped by hand, so that states can be detached and gates be logged ---


@dataclass
class Steps:
    """What one training step by hand leaves to log, each a list of [samples, units] by timestep."""

    states: list[torch.Tensor]
    gates: list[torch.Tensor]


def step_by_hand(
    logdir: Path,
    cell: Callable[[torch.Tensor, torch.Tensor, int], tuple[torch.Tensor, torch.Tensor | None]],
    steps: int = 12,
    log_states: bool = True,
    poison: float = 0,
    rate: float = 0.1,
    ragged: bool = False,
) -> None:
    """Train a head on the last state of a cell, and log the gradients by all of its states."""
    torch.manual_seed(0)
    rng = np.random.default_rng(0)
    head = torch.nn.Linear(UNITS, 1)
    optimizer = torch.optim.SGD(head.parameters(), rate)
    with tb_rnngrad.SummaryWriter(logdir) as writer:
        for step in range(steps):
            x = torch.tensor(rng.normal(size=(BATCH, TIMESTEPS, UNITS)), dtype=torch.float32)
            y = torch.tensor(rng.normal(size=(BATCH, 1)), dtype=torch.float32)
            start = np.zeros(BATCH, int)
            if ragged:
                start = rng.integers(0, TIMESTEPS - 5, BATCH)
            if poison:
                x[17, :, 0] = poison
            state, states, gates = torch.zeros(BATCH, UNITS, requires_grad=True), [], []
            for t in range(TIMESTEPS):
                began = torch.tensor(start <= t)[:, None]
                new, gate = cell(x[:, t], state, t)
                state = torch.where(began, new, torch.zeros_like(new))
                state.retain_grad()
                states.append(state)
                if gate is not None:
                    gates.append(gate)
            optimizer.zero_grad()
            ((head(state) - y) ** 2).mean().backward()
            optimizer.step()
            for tag, values, quantity in (
                ("rnn/hidden_state", [gradient_of(one) for one in states], "hidden_state_gradient"),
                ("rnn/states/h", states if log_states else [], "hidden_state"),
                ("rnn/gate_activations", gates, "gate_activation"),
            ):
                if not values:
                    continue
                data = torch.stack([one.detach() for one in values], 1).numpy()
                groups = dict.fromkeys("ifo", UNITS) if quantity == "gate_activation" else None
                record = tb_rnngrad.SequenceRecord(
                    data, quantity=quantity, layer="rnn", channel_groups=groups
                )
                writer.add_sequence(tag, record, global_step=step)


def gradient_of(state: torch.Tensor) -> torch.Tensor:
    """Return a state's gradient; 0 if the loss does not depend on the state."""
    return torch.zeros_like(state) if state.grad is None else state.grad


def gru(detached: Iterable[int] = (), scale: float = 1) -> Callable:
    """Return a GRU cell whose state is detached before some timesteps."""
    torch.manual_seed(1)
    cell, at = torch.nn.GRUCell(UNITS, UNITS), set(detached)

    def call(x: torch.Tensor, state: torch.Tensor, t: int) -> tuple[torch.Tensor, None]:
        return scale * cell(x, state.detach() if t in at else state), None

    return call


def rnn(bias: float = 0, detached: bool = False, relu: bool = False, scale: float = 1) -> Callable:
    """Return a plain recurrent cell."""
    torch.manual_seed(1)
    cell = torch.nn.RNNCell(UNITS, UNITS, nonlinearity="relu" if relu else "tanh")
    with torch.no_grad():
        cell.bias_hh += bias
        cell.weight_hh *= scale

    def call(x: torch.Tensor, state: torch.Tensor, t: int) -> tuple[torch.Tensor, None]:
        return cell(x, state.detach() if detached else state), None

    return call


def lstm(forget_bias: float) -> Callable:
    """Return a cell that keeps its state as an LSTM does, and shows its gates."""
    torch.manual_seed(1)
    gates = torch.nn.Linear(2 * UNITS, 3 * UNITS)
    candidate = torch.nn.Linear(UNITS, UNITS)
    with torch.no_grad():
        gates.weight *= 0.5
        gates.bias[UNITS : 2 * UNITS] = forget_bias

    def call(x: torch.Tensor, state: torch.Tensor, t: int) -> tuple[torch.Tensor, torch.Tensor]:
        opened = torch.sigmoid(gates(torch.cat([x, state], 1)))
        i, f, _ = opened.chunk(3, 1)
        return f * state + i * torch.tanh(candidate(x)), opened

    return call


def driven(x: torch.Tensor, state: torch.Tensor, t: int) -> tuple[torch.Tensor, None]:
    """Keep a state with the gain that the first channel of the input says."""
    gain = torch.where(x[:, :1] > 1e2, x[:, :1] / 1e3, torch.full_like(x[:, :1], 0.98))
    return gain * state + 0.1 * x, None


def output_alone(logdir: Path) -> None:
    """Log the output gradient of an LSTM, and nothing else."""
    x, y = sequences()
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            keras.layers.LSTM(UNITS, return_sequences=True),
            keras.layers.Lambda(lambda h: h[:, -1]),
            keras.layers.Dense(1),
        ]
    )
    model.compile("adam", "mse")
    logger = tb_rnngrad.keras.GradientLogger(logdir, of="output", update_freq=4)
    model.fit(x, y, batch_size=BATCH, verbose=0, callbacks=[logger])


SimpleRNN, LSTM, GRU = keras.layers.SimpleRNN, keras.layers.LSTM, keras.layers.GRU
Adam, SGD = keras.optimizers.Adam, keras.optimizers.SGD

CASES = [
    Case(
        "SimpleRNN, recurrent weights 0.3 of Keras' own",
        {"vanishing"},
        set(),
        lambda to: fit(to, SimpleRNN(UNITS), SGD(1e-3), prepare=scaled(0.3)),
    ),
    Case(
        "SimpleRNN with sigmoid units",
        {"vanishing"},
        set(),
        lambda to: fit(to, SimpleRNN(UNITS, activation="sigmoid"), Adam(1e-3)),
    ),
    Case(
        "linear SimpleRNN, recurrent weights 1.5 times Keras' own",
        {"exploding"},
        {"non_finite"},  # the loss overflows in the end
        lambda to: fit(
            to,
            SimpleRNN(UNITS, activation="linear"),
            SGD(1e-12),
            prepare=scaled(1.5),
            linear=True,
        ),
    ),
    Case(
        "SimpleRNN with ReLU, too high a learning rate (SGD, 1)",
        {"non_finite"},
        {"exploding", "dead", "vanishing"},
        lambda to: fit(to, SimpleRNN(UNITS, activation="relu"), SGD(1.0), linear=True),
    ),
    Case(
        "SimpleRNN with tanh, recurrent weights 20 times Keras' own",
        {"saturated", "vanishing"},
        {"exploding"},  # where no unit is saturated, as chaos would have it
        lambda to: fit(to, SimpleRNN(UNITS), SGD(1e-4), prepare=scaled(20.0)),
    ),
    Case(
        "SimpleRNN with ReLU, biases of -30: every unit is dead",
        {"dead"},
        set(),
        lambda to: fit(to, SimpleRNN(UNITS, activation="relu"), SGD(1e-3), prepare=dying),
    ),
    Case(
        "LSTM, forget bias -5",
        {"vanishing"},
        set(),
        lambda to: fit(
            to, LSTM(UNITS, unit_forget_bias=False), SGD(1e-3), prepare=closed_forget_gate
        ),
    ),
    Case(
        "the same in PyTorch, with gate activations logged",
        {"vanishing", "saturated"},
        set(),
        lambda to: step_by_hand(to, lstm(-5)),
    ),
    Case(
        "GRU, state detached 12 timesteps before the end",
        {"cut"},
        set(),
        lambda to: step_by_hand(to, gru([TIMESTEPS - 12])),
    ),
    Case(
        "GRU, state detached every 16 timesteps",
        {"cut"},
        set(),
        lambda to: step_by_hand(to, gru(range(0, TIMESTEPS, 16))),
    ),
    Case(
        "RNN, state detached at every timestep, states logged",
        {"cut"},
        set(),
        lambda to: step_by_hand(to, rnn(detached=True)),
    ),
    Case(
        "the same, states not logged",
        {"cannot_say"},
        set(),
        lambda to: step_by_hand(to, rnn(detached=True), log_states=False),
    ),
    Case(
        "RNN with ReLU in PyTorch, biases of -30, states logged",
        {"dead"},
        set(),
        lambda to: step_by_hand(to, rnn(bias=-30, relu=True)),
    ),
    Case(
        "left-padded sequences whose mask was not logged",
        {"cannot_say"},
        set(),
        lambda to: step_by_hand(to, gru(), ragged=True),
    ),
    Case(
        "one sample of 64 whose input makes its state grow 1.5 times a timestep",
        {"exploding"},
        set(),
        lambda to: step_by_hand(to, driven, poison=1500.0, rate=1e-20),
    ),
    Case(
        "one NaN in the data",
        {"non_finite"},
        {"vanishing", "cannot_say", "dead"},
        lambda to: fit(to, GRU(UNITS), SGD(1e-3), data=with_nan()),
    ),
    Case(
        "LSTM, the mask the wrong way round",
        {"cannot_say"},
        {"vanishing", "noisy"},
        lambda to: masked(to, inverted=True),
    ),
    Case(
        "LSTM, classes at random, two samples a batch",
        {"noisy"},
        {"vanishing"},
        lambda to: fit(
            to, LSTM(UNITS), SGD(1e-4), epochs=1, data=sequences(random=True), batch=2, every=1
        ),
    ),
    Case("LSTM, only its output gradient logged", {"cannot_say"}, set(), output_alone),
    Case(
        "sound: LSTM that learns",
        {"healthy"},
        set(),
        lambda to: learned(to, LSTM(UNITS), 0.01),
    ),
    Case(
        "sound: the same, every step logged",
        {"healthy"},
        set(),
        lambda to: learned(to, LSTM(UNITS), 0.01, every=1),
    ),
    Case(
        "sound: GRU that learns",
        {"healthy"},
        set(),
        lambda to: learned(to, GRU(UNITS), 0.01),
    ),
    Case(
        "sound: SimpleRNN that learns",
        {"healthy"},
        set(),
        lambda to: learned(to, SimpleRNN(UNITS), 1e-3),
    ),
    Case(
        "sound: bidirectional GRU that learns; its backward half ends at what is asked for",
        {"healthy"},
        {"cannot_say"},  # the forward half has nothing to remember
        lambda to: learned(to, keras.layers.Bidirectional(GRU(UNITS)), 0.01),
    ),
    Case(
        "sound: LSTM that learns from sequences of different lengths, with their mask",
        {"healthy"},
        set(),
        lambda to: masked(to, inverted=False),
    ),
]


def main() -> None:
    """Train every case, and print or write the table."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--write", action="store_true", help="write the table into the page")
    parser.add_argument("--only", help="only causes that contain this")
    given = parser.parse_args()
    lines = ["| cause | what it said | right? |", "|---|---|---|"]
    wrong = 0
    for case in CASES:
        if given.only and given.only not in case.cause:
            continue
        with tempfile.TemporaryDirectory() as folder:
            case.train(Path(folder))
            found = [one for one in diagnose(folder) if judged(one.tag)]
        names = {claim.name for one in found for claim in one.claims}
        is_right = case.must <= names <= case.must | case.may
        wrong += not is_right
        said = "<br>".join(
            dict.fromkeys(
                f"**{claim.name}** {direction(one, found)}{claim.sentence}"
                for one in found
                for claim in one.claims
            )
        )
        lines.append(f"| {case.cause} | {said} | {'right' if is_right else 'WRONG'} |")
        print(lines[-1], flush=True)
    count = len(lines) - 2
    lines.append(f"\n{count - wrong} of {count} are right.")
    print(lines[-1])
    if given.write:
        page = PAGE.read_text()
        table = "\n".join([BEGIN, "", *lines, "", END])
        PAGE.write_text(re.sub(f"{BEGIN}.*{END}", lambda _: table, page, flags=re.DOTALL))


def judged(tag: str) -> bool:
    """Return whether a tag's diagnosis counts: gate gradients repeat their layer's."""
    return not tag.endswith("/gates")


def direction(one: tb_rnngrad.diagnosis.Diagnosis, found: list) -> str:
    """Return the direction, where there are two."""
    return f"({one.direction}) " if len({other.direction for other in found}) > 1 else ""


if __name__ == "__main__":
    main()
