"""What is wrong with a run's gradients, if anything: one claim a cause, each with its numbers."""

from tb_rnngrad.diagnosis._claim import NAMES, Claim
from tb_rnngrad.diagnosis._diagnose import Diagnosis, diagnose

__all__ = ["NAMES", "Claim", "Diagnosis", "diagnose"]
