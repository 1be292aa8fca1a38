"""The diagnosis of every run, tag and direction in a directory of logs."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final

from tb_rnngrad.diagnosis import (
    _cut,
    _dead,
    _exploding,
    _healthy,
    _noisy,
    _non_finite,
    _saturated,
    _vanishing,
)
from tb_rnngrad.diagnosis._claim import Claim
from tb_rnngrad.diagnosis._evidence import Evidence, evidence_in
from tb_rnngrad.events.logdir import LogDirectory
from tb_rnngrad.flow import Thresholds
from tb_rnngrad.flow._thresholds import DEFAULT_THRESHOLDS

_CAUSES: Final[tuple[Callable[[Evidence], Claim | None], ...]] = (
    _non_finite.claim,
    _exploding.claim,
    _cut.claim,
    _vanishing.claim,
    _dead.claim,
    _saturated.claim,
    _noisy.claim,
    _healthy.doubt_of_mask,
)


@dataclass(frozen=True)
class Diagnosis:
    """What can be claimed of one tag's gradient, in one direction.

    Attributes:
        run: the run's name, as TensorBoard shows it.
        tag: the tag; of stacked cells, with the cell's name ("rnn/hidden_state/cell_1").
        direction: the order in which the layer, or this half of it, processes timesteps.
        step: the last logged step.
        claims: what is wrong, worst first, and what makes that doubtful ("cannot_say"); or one
            claim, "healthy" or "cannot_say".
    """

    run: str
    tag: str
    direction: str
    step: int
    claims: tuple[Claim, ...]

    def to_json(self) -> dict[str, Any]:
        """Return the diagnosis as `tb-rnngrad check --json` prints it."""
        return {
            "run": self.run,
            "tag": self.tag,
            "direction": self.direction,
            "step": self.step,
            "diagnosis": [claim.to_json() for claim in self.claims],
        }


def diagnose(
    logdir: LogDirectory,
    run: str | None = None,
    tag: str | None = None,
    thresholds: Thresholds = DEFAULT_THRESHOLDS,
) -> list[Diagnosis]:
    """Return what is wrong with the gradients in a directory of logs, if anything.

    docs/explanation/diagnosis.md says what each claim rests on, and on which known causes it was
    tried.

    Args:
        logdir: the directory that you would pass to TensorBoard, or a URL that fsspec reads.
        run: only this run.
        tag: only this tag.
        thresholds: the thresholds of flags.

    Returns:
        One diagnosis for each run, each tag with a gradient along time, and each direction or
        stacked cell of it.

    Raises:
        FileNotFoundError: If there is no such directory.
        ValueError: If there is no such run or tag, or no gradient along time at all. A tag whose
            metadata cannot be read is left out with a warning.

    Example::

        for found in tb_rnngrad.diagnosis.diagnose("logs"):
            print(found.run, found.tag, [claim.name for claim in found.claims])
    """
    return [_of(evidence) for evidence in evidence_in(logdir, run, tag, thresholds)]


def _of(evidence: Evidence) -> Diagnosis:
    series = evidence.series
    claims = [claim for cause in _CAUSES if (claim := cause(evidence)) is not None]
    cell = "/".join(name for name in evidence.part.split("/") if name.startswith("cell_"))
    steps = evidence.flow.steps if len(evidence.flow.steps) else series.steps
    return Diagnosis(
        series.run,
        f"{series.tag}/{cell}" if cell else series.tag,
        evidence.direction,
        int(steps[-1]),
        tuple(claims) or (_healthy.claim(evidence),),
    )
