# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name, on the controller; this file is its documentation.
DOCUMENTATION = r"""
module: reconcile
short_description: Read a host's journals into the ledger and say what is left to do
version_added: 0.1.0
author: itops contributors (@itops)
description:
  - Imports every journal line that the ledger lacks, follows a segment that still runs, and decides whether the controller has to roll the host back.
options:
  requested:
    description: Whether the rollback was asked for, also where the change was achieved.
    type: bool
    default: false
"""

EXAMPLES = r"""
- name: Learn where the host stands
  itops.maintenance.reconcile:
  register: standing
"""

RETURN = r"""
standing:
  description: C(untouched), C(done), C(failed) or C(rolled_back).
  returned: success
  type: str
segments:
  description: Rollback segments that are due.
  returned: success
  type: list
  elements: dict
"""
