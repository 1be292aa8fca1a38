"""Log from anything that gives arrays: three linear recurrences, their gradients by hand.

h_t = a h_t-1 + x_t with the loss on the last h alone: dL/dh_t is a ** (T - 1 - t) times what
arrives at the end, so a run fades, stays or explodes as its `a` says. Run it, then

    tensorboard --logdir logs/recurrences
"""

import numpy as np

import tb_rnngrad

SAMPLES, TIMESTEPS, UNITS = 8, 100, 16


def main() -> None:
    rng = np.random.default_rng(0)
    for name, a in {"fades": 0.9, "stays": 1.0, "explodes": 1.05}.items():
        with tb_rnngrad.SummaryWriter(f"logs/recurrences/{name}") as writer:
            for step in range(20):
                arriving = rng.normal(size=(SAMPLES, 1, UNITS))
                lag = np.arange(TIMESTEPS)[::-1, np.newaxis]
                writer.add_sequence("recurrence", arriving * a**lag, global_step=step)
        series = tb_rnngrad.read("logs/recurrences", run=name)
        norms = series.flow.values[-1, ::-1, 0]
        half_life = tb_rnngrad.flow.exponential_fit(norms).half_life
        print(f"{name}: a = {a}, half-life {half_life:.1f} timesteps")


if __name__ == "__main__":
    main()
