"""When does a network begin to remember? A SimpleRNN and an LSTM learn two tasks with known lags.

The adding problem and the copying task, after Hochreiter and Schmidhuber (1997), "Long short-term
memory". `GradientLogger` looks at the same probe batch after every 50 training steps; the memory
horizon, read back from the logs, is drawn beside the loss. It takes some two minutes on two cores,
and needs Matplotlib. Then look at the same in TensorBoard:

    tensorboard --logdir logs/adding_and_copying
"""

import argparse
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import keras
import matplotlib.pyplot as plt
import numpy as np
from matplotlib.axes import Axes

import tb_rnngrad
import tb_rnngrad.keras

UNITS, BATCH, PROBE, STEPS_AN_EPOCH = 32, 50, 64, 50
SYMBOLS, RECALLED = 4, 5
LOGS = Path("logs/adding_and_copying")

Batch = tuple[np.ndarray, np.ndarray]
CELLS = {
    # The SimpleRNN does no better at the LSTM's rate, only more wildly.
    "SimpleRNN": (keras.layers.SimpleRNN, 1e-3),
    "LSTM": (keras.layers.LSTM, 1e-2),  # Keras' own forget bias of 1
}


@dataclass(frozen=True)
class Task:
    """What is to be learned.

    Attributes:
        batch: (random generator, samples) -> x, y.
        timesteps: of one sequence.
        outputs: units of the head.
        loss: Keras' name or object.
        without_memory: the loss of the best answer that knows nothing of the past.
    """

    batch: Callable[[np.random.Generator, int], Batch]
    timesteps: int
    outputs: int
    loss: keras.losses.Loss
    without_memory: float


def adding(timesteps: int) -> Task:
    """The sum of the two marked ones of many numbers, one in each half of the sequence."""

    def batch(rng: np.random.Generator, samples: int) -> Batch:
        half, each = timesteps // 2, np.arange(samples)
        x = np.zeros((samples, timesteps, 2), np.float32)
        x[:, :, 0] = rng.uniform(size=(samples, timesteps))
        first, second = rng.integers(half, size=samples), rng.integers(half, 2 * half, samples)
        x[each, first, 1] = x[each, second, 1] = 1
        return x, (x[each, first, 0] + x[each, second, 0])[:, np.newaxis]

    return Task(batch, timesteps, 1, keras.losses.MeanSquaredError(), 2 / 12)


def copying(delay: int) -> Task:
    """Five symbols, `delay` blanks, the last of which says "now", and the same symbols again."""
    timesteps = 2 * RECALLED + delay
    blank, now = SYMBOLS, SYMBOLS + 1

    def batch(rng: np.random.Generator, samples: int) -> Batch:
        symbols = rng.integers(SYMBOLS, size=(samples, RECALLED))
        x = np.full((samples, timesteps), blank)
        x[:, :RECALLED] = symbols
        x[:, RECALLED + delay - 1] = now
        y = np.full((samples, timesteps), blank)
        y[:, -RECALLED:] = symbols
        return np.eye(SYMBOLS + 2, dtype=np.float32)[x], y

    loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)
    guessed = RECALLED / timesteps * np.log(SYMBOLS)
    return Task(batch, timesteps, SYMBOLS + 1, loss, guessed)


def train(task: Task, cell: str, epochs: int, seed: int, log_dir: Path) -> list[float]:
    """Return the mean loss of every epoch."""
    keras.utils.set_random_seed(seed)
    rng = np.random.default_rng(seed)
    every_step = task.outputs > 1
    layer, learning_rate = CELLS[cell]
    x, y = task.batch(rng, PROBE)
    model = keras.Sequential(
        [
            keras.Input(x.shape[1:]),
            layer(UNITS, return_sequences=every_step, name="rnn"),
            keras.layers.Dense(task.outputs),
        ]
    )
    model.compile(keras.optimizers.Adam(learning_rate, clipnorm=1.0), task.loss)
    # Where every timestep has a loss, the near ones hide whether the far ones still reach back. So
    # the probe weighs all timesteps with 0 but the last, which has to recall timestep 4.
    probe = (x, y, np.eye(task.timesteps)[[-1] * PROBE]) if every_step else (x, y)

    def batches() -> Iterator[Batch]:
        while True:
            yield task.batch(rng, BATCH)

    history = model.fit(
        batches(),
        epochs=epochs,
        steps_per_epoch=STEPS_AN_EPOCH,
        shuffle=False,
        verbose=0,
        callbacks=[tb_rnngrad.keras.GradientLogger(log_dir, data=probe)],
    )
    return history.history["loss"]


def horizons(run: str) -> tuple[np.ndarray, list[float]]:
    """Return the logged steps, and how many timesteps back the gradient reached at each."""
    logged = tb_rnngrad.read(LOGS, run=run, tag="rnn/hidden_state").flow
    names = logged.statistics
    return logged.steps, [
        tb_rnngrad.flow.scalars(one, names=names)["memory_horizon"] for one in logged.values
    ]


def draw(losses: Axes, memory: Axes, name: str, task: Task, found: dict[str, list[float]]) -> None:
    losses.set_title(name)
    losses.axhline(task.without_memory, color="gray", linestyle=":", label="no memory")
    memory.axhline(task.timesteps - 1, color="gray", linestyle=":", label="whole sequence")
    for cell, loss in found.items():
        losses.semilogy(STEPS_AN_EPOCH * np.arange(1, len(loss) + 1), loss, label=cell)
        memory.plot(*horizons(f"{name}/{cell}"), label=cell)
    losses.set_ylabel("loss")
    memory.set(ylabel="memory horizon (timesteps)", xlabel="training step", ylim=(0, None))
    for axes in (losses, memory):
        axes.legend(frameon=False)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--short", action="store_true", help="short sequences, in seconds")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--figure", type=Path, default=LOGS / "adding_and_copying.svg")
    options = parser.parse_args()
    tasks = (
        {"adding": (adding(10), 12), "copying": (copying(2), 2)}
        if options.short
        else {"adding": (adding(100), 40), "copying": (copying(20), 60)}
    )
    plt.rcParams["svg.hashsalt"] = "the same picture of the same numbers"
    figure, axes = plt.subplots(2, len(tasks), figsize=(9, 5.4), layout="constrained")
    for column, (name, (task, epochs)) in enumerate(tasks.items()):
        found = {}
        for cell in CELLS:
            log_dir = LOGS / name / cell
            if log_dir.exists():
                raise SystemExit(f"{log_dir} exists already; move it away first.")
            found[cell] = train(task, cell, epochs, options.seed, log_dir)
            _, reach = horizons(f"{name}/{cell}")
            print(
                f"{name}, {cell}: loss {found[cell][-1]:.4f}, "
                f"without memory {task.without_memory:.4f}; "
                f"horizon {reach[0]:.0f} -> {reach[-1]:.0f} of {task.timesteps - 1}",
                flush=True,
            )
        draw(axes[0, column], axes[1, column], name, task, found)
    figure.savefig(options.figure, metadata={"Date": None})
    print(f"drawn to {options.figure}")


if __name__ == "__main__":
    main()
