"""One of two processes that train one network: `python data_parallel.py FOLDER RANK`.

Saves what `test_torch_parallel.py` compares.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import nn

import tb_rnngrad.torch

STEPS = 3


class Net(nn.Module):
    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.GRU(2, 3, batch_first=True))
        self.head = nn.Linear(3, 1)

    def forward(self, x):
        return self.head(self.encoder(x)[0][:, -1]).square().mean()


def net():
    torch.manual_seed(1)
    return Net()


def batches(rank):
    generator = torch.Generator().manual_seed(rank)
    return [torch.randn(4, 5, 2, generator=generator) for _ in range(STEPS)]


def train(rank, log_dir=None):
    """Train in parallel; return the weights."""
    parallel = nn.parallel.DistributedDataParallel(net())
    optimizer = torch.optim.Adam(parallel.parameters(), 0.1)
    logger = None
    if log_dir is not None:
        logger = tb_rnngrad.torch.GradientLogger(
            log_dir, parallel, optimizer, of=["hidden_state", "weights"], update_freq=1
        )
    for x in batches(rank):
        optimizer.zero_grad()
        parallel(x).backward()
        optimizer.step()
    if logger is not None:
        logger.close()
    return parallel.module.state_dict()


def main() -> None:
    folder, rank = Path(sys.argv[1]), int(sys.argv[2])
    torch.set_num_threads(1)
    torch.distributed.init_process_group(
        "gloo", init_method=f"file://{folder}/rendezvous", rank=rank, world_size=2
    )
    plain = train(rank)
    logged = train(rank, folder / "logs" / str(rank))
    parallel, x = nn.parallel.DistributedDataParallel(net()), batches(rank)[0]
    with tb_rnngrad.torch.capture(parallel) as captured:
        parallel(x).backward()
    found = {name: torch.from_numpy(record.data) for name, record in captured.items()}
    torch.save({"plain": plain, "logged": logged, "found": found}, folder / f"{rank}.pt")
    torch.distributed.destroy_process_group()


if __name__ == "__main__":
    main()
