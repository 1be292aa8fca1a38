"""Chooses where to read from: which store fits TensorBoard's loader."""

from __future__ import annotations

from concurrent.futures import Executor
from typing import Any

from tensorboard.data import provider as tb_provider

from tb_rnngrad.plugin.multiplexer_store import MultiplexerStore, is_multiplexer
from tb_rnngrad.plugin.provider_store import ProviderStore
from tb_rnngrad.plugin.sources import Store


def store_of(provider: tb_provider.DataProvider, multiplexer: Any, pool: Executor) -> Store:
    """Return the store that fits TensorBoard's loader.

    Args:
        provider: the loader's data provider.
        multiplexer: the Python loader's event multiplexer; None with any other loader.
        pool: in which calls to a data provider wait in parallel.
    """
    if is_multiplexer(multiplexer):
        return MultiplexerStore(multiplexer)
    return ProviderStore(provider, pool)
