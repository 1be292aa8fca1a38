"""Log from a PyTorch training loop: does an LSTM see the first of 20 timesteps?

Each sequence is noise, its class the sign of its first value alone, so that the loss can only fall
once the gradient reaches timestep 0. Run it, then

    tensorboard --logdir logs/first_value_pytorch
"""

import torch
from torch import nn

import tb_rnngrad
import tb_rnngrad.torch

TIMESTEPS, STEPS, EVERY = 20, 201, 20


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(1, 16, batch_first=True)
        self.head = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.head(self.lstm(x)[0][:, -1]).squeeze(1)


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # matrices as small as these gain nothing from more
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    loss_of = nn.BCEWithLogitsLoss()
    folder = "logs/first_value_pytorch"
    logger = tb_rnngrad.torch.GradientLogger(
        folder, model, optimizer, of=["hidden_state", "gates"], update_freq=EVERY, flow_freq=1
    )

    for step in range(STEPS):
        x = torch.randn(64, TIMESTEPS, 1)
        loss = loss_of(model(x), (x[:, 0, 0] > 0).float())
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        if step % EVERY == 0:
            print(f"step {step:3}: loss {loss.item():.3f}")

    logger.close()
    rows = tb_rnngrad.read(folder, tag="lstm/hidden_state").flow.values[-1]
    horizon = tb_rnngrad.flow.scalars(rows)["memory_horizon"]
    print(f"the gradient reaches {horizon:.0f} of {TIMESTEPS - 1} timesteps back")


if __name__ == "__main__":
    main()
