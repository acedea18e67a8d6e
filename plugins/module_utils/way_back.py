# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the end of a way back is worth: proven, unproven or failed."""

from __future__ import annotations

from typing import Any

from .dispatch import VERIFYING
from .step import OK, StepResult

ROLLED_BACK = "rolled_back"
UNVERIFIED = "rolled_back_unverified"
FAILED = "rollback_failed"


def verdict(outcomes: list[tuple[dict[str, Any], StepResult]]) -> tuple[str, str]:
    """The segment's result, and why it is not better ("" when it is the best)."""
    for step, result in outcomes:
        if not result.ok and step.get("type") not in VERIFYING:
            return FAILED, f"{step.get('id')}: {result.reason}"
    proofs = [(step, result) for step, result in outcomes if step.get("type") in VERIFYING]
    for step, result in proofs:
        if not result.ok:
            return UNVERIFIED, f"{step.get('id')}: {result.reason}"
    if not any(result.result == OK for _step, result in proofs):
        return UNVERIFIED, "nothing verified the way back (no check and no fingerprint)"
    return ROLLED_BACK, ""
