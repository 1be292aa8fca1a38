"""Log from a step of one's own in PyTorch: sequences of different lengths, clipped gradients.

Each sequence is noise of 5 to 30 timesteps, its class the sign of its first value alone. `capture`
goes around the forward and backward pass of every tenth step. Run it, then

    tensorboard --logdir logs/lengths_pytorch
"""

import numpy as np
import torch
from torch import nn
from torch.nn.utils.rnn import pack_padded_sequence

import tb_rnngrad
import tb_rnngrad.torch

TIMESTEPS, STEPS, EVERY = 30, 201, 10


class Model(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.gru = nn.GRU(1, 16, batch_first=True)
        self.head = nn.Linear(16, 1)

    def forward(self, x: torch.Tensor, lengths: torch.Tensor) -> torch.Tensor:
        packed = pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)
        _, last_states = self.gru(packed)
        return self.head(last_states[0]).squeeze(1)


def main() -> None:
    torch.manual_seed(0)
    torch.set_num_threads(1)  # matrices as small as these gain nothing from more
    model = Model()
    optimizer = torch.optim.Adam(model.parameters(), 1e-2)
    loss_of = nn.BCEWithLogitsLoss()

    with tb_rnngrad.SummaryWriter("logs/lengths_pytorch") as writer:
        for step in range(STEPS):
            x = torch.randn(64, TIMESTEPS, 1)
            lengths = torch.randint(5, TIMESTEPS + 1, (64,))
            y = (x[:, 0, 0] > 0).float()
            optimizer.zero_grad()
            if step % EVERY:
                loss_of(model(x, lengths), y).backward()
            else:
                with tb_rnngrad.torch.capture(model) as captured:
                    loss = loss_of(model(x, lengths), y)
                    loss.backward()
                record = captured["gru"]  # its mask has the lengths
                writer.add_sequence("gru/hidden_state", record, step)
                norms = np.linalg.norm(record, axis=2)
                left = np.median(norms[:, 0] / norms.max(axis=1))
                print(f"step {step:3}: loss {loss:.3f}, {left:.0e} is left at timestep 0")
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()


if __name__ == "__main__":
    main()
