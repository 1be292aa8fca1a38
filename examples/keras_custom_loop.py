"""Log from a Keras training loop of one's own: does an LSTM see the first of 20 timesteps?

Each sequence is noise, its class the sign of its first value alone, so that the loss can only fall
once the gradient reaches timestep 0. Run it, then

    tensorboard --logdir logs/first_value
"""

import keras
import numpy as np
import tensorflow as tf

import tb_rnngrad
import tb_rnngrad.keras

TIMESTEPS, STEPS, EVERY = 20, 201, 20


def batch(rng: np.random.Generator) -> tuple[tf.Tensor, tf.Tensor]:
    x = rng.normal(size=(64, TIMESTEPS, 1)).astype(np.float32)
    return tf.constant(x), tf.constant((x[:, 0] > 0).astype(np.float32))


def main() -> None:
    keras.utils.set_random_seed(0)
    rng = np.random.default_rng(0)
    model = keras.Sequential(
        [
            keras.Input((TIMESTEPS, 1)),
            keras.layers.LSTM(16, name="lstm"),
            keras.layers.Dense(1, activation="sigmoid"),
        ]
    )
    optimizer = keras.optimizers.Adam(1e-2)
    loss_of = keras.losses.BinaryCrossentropy()

    @tf.function
    def train_step(x: tf.Tensor, y: tf.Tensor) -> tf.Tensor:
        with tf.GradientTape() as tape:
            loss = loss_of(y, model(x, training=True))
        gradients = tape.gradient(loss, model.trainable_variables)
        optimizer.apply_gradients(zip(gradients, model.trainable_variables, strict=True))
        return loss

    with tb_rnngrad.SummaryWriter("logs/first_value") as writer:
        for step in range(STEPS):
            x, y = batch(rng)
            if step % EVERY:
                train_step(x, y)
                continue
            with tb_rnngrad.keras.capture(model, of=["hidden_state", "gates"]) as captured:
                loss = train_step(x, y)
            for name, record in captured["lstm"].items():
                writer.add_sequence(f"lstm/{name}", record, step)
            norms = np.linalg.norm(captured["lstm"]["hidden_state"], axis=2).mean(axis=0)
            reach = np.log10(norms[0] / norms[-1])
            print(f"step {step:3}: loss {loss:.3f}, timestep 0 gets 10^{reach:.1f} of the last's")


if __name__ == "__main__":
    main()
