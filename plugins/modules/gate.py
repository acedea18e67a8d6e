# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name, on the controller; this file is its documentation.
DOCUMENTATION = r"""
module: gate
short_description: Evaluate the controller's half of a change's gate
version_added: 0.1.0
author: itops contributors (@itops)
description:
  - Proves that the record is open, evaluates every guard, writes the findings and the plan into the ledger, and fails closed.
options:
  limit:
    description: Only these hosts; the others are recorded as skipped.
    type: list
    elements: str
"""

EXAMPLES = r"""
- name: Prove the record, evaluate every guard
  itops.maintenance.gate:
  register: lineup
"""

RETURN = r"""
targets:
  description: The hosts in the order they are changed, each with its segments.
  returned: when passed
  type: list
  elements: dict
failover:
  description: Hosts that take part in the fail-over, in order.
  returned: when passed
  type: list
  elements: str
serial:
  description: Hosts changed at the same time.
  returned: when passed
  type: int
verb:
  description: What this run is for.
  returned: when passed
  type: str
"""
