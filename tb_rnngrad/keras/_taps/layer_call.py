"""One call of one recurrent layer, and the buffers that its taps fill."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field

from tb_rnngrad.keras._taps.gradient_buffer import GradientBuffer
from tb_rnngrad.keras._taps.writes import GraphOutputs, RunCounter
from tb_rnngrad.keras._tensorflow import Loop


@dataclass
class LayerCall:
    """One call of one recurrent layer.

    Attributes:
        of: the quantities that its taps capture.
        replica: the replica of a distribution strategy that ran it.
        runs: the run counter of the graph that was being built, or None.
        results: the outputs of our own graph that was being built, or None.
        loop: the body of the innermost loop that was being built, or None.
        looped: whether the layer reached Keras' loop over timesteps.
        hidden: for cells with several states, the position of the hidden state once it is known.
        buffers: what its taps fill, by names from this module and `taps`.
    """

    of: frozenset[str]
    replica: int
    runs: RunCounter | None = None
    results: GraphOutputs | None = None
    loop: Loop | None = None
    looped: bool = False
    hidden: dict[int, int] = field(default_factory=dict)
    buffers: defaultdict[str, GradientBuffer] = field(init=False)

    def __post_init__(self) -> None:
        """Make every buffer belong to this graph."""
        self.buffers = defaultdict(lambda: GradientBuffer(self.runs, self.results, self.loop))
