"""The independent check of derivatives: oracles that share no code with the calculus."""

from gradwright.verification.check import check_derivative
from gradwright.verification.report import BlockCheck, CheckReport

__all__ = ["BlockCheck", "CheckReport", "check_derivative"]
