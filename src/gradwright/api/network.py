"""A network as users hold it: described by text, derived, run, checked, trained."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np

from gradwright.api.network_checking import SAMPLES, check_network
from gradwright.errors import UnsupportedError
from gradwright.explain.document import as_latex, as_text
from gradwright.explain.network import Section, sections
from gradwright.nn.initialise import initialise
from gradwright.nn.network import NetworkModel
from gradwright.nn.parameters import Parameters
from gradwright.nn.targets import prepare_inputs, prepare_targets, sample_targets
from gradwright.verification.report import CheckReport

SCHEMA = "gradwright.network/1"

Array = Any
Progress = Callable[[str, int, int], None]
