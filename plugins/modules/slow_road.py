# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later

# The work is done by the action plugin of the same name, on the controller; this file is its documentation.
DOCUMENTATION = r"""
module: slow_road
short_description: Note the beginning and the end of a step that Ansible itself carries out
version_added: 0.1.0
author: itops contributors (@itops)
description:
  - Packages and task files are carried out by Ansible's own modules; this puts them into the ledger,
    with the same guards and confirmations as a host transaction.
options:
  segment:
    description: Id of the planned segment.
    type: str
    required: true
  state:
    description: What to note.
    type: str
    choices: [begun, done, failed]
    required: true
  feedback:
    description: What the step said.
    type: str
    default: ''
"""

EXAMPLES = r"""
- name: Begin, if it may begin
  itops.maintenance.slow_road:
    segment: patch-2
    state: begun
  register: step
"""

RETURN = r"""
go:
  description: Whether the step may be carried out.
  returned: when begun
  type: bool
args:
  description: The step's arguments.
  returned: when begun
  type: dict
verb:
  description: C(update) or C(restore).
  returned: when begun
  type: str
"""
