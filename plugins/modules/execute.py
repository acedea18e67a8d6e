#!/usr/bin/python
# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Documentation of the action plugin of the same name; nothing of this file is ever sent to a host."""

from __future__ import annotations

DOCUMENTATION = r"""
module: execute
short_description: Carry out one planned segment of a change on a host
version_added: 0.1.0
author:
  - itops contributors (@itops)
description:
  - Sends a segment of steps to the host, which carries it out as one transaction by itself.
    One lock, one step at a time, each judged by its expectation and kept in a journal on the host.
  - An unattended segment that goes wrong is rolled back on the host at once, whether or not the controller is still connected.
  - The controller follows the journal. A lost connection is rejoined, the segment is never started twice.
options:
  segment:
    description: Id of the segment within the host's plan, such as C(patch-1).
    type: str
    required: true
  rejoin_within:
    description: Seconds to try to reach a host again whose connection was lost, before it counts as lost.
    type: int
    default: 300
attributes:
  check_mode:
    description: Nothing is started in check mode.
    support: full
  diff_mode:
    description: Steps say what they have changed in their feedback.
    support: none
  platform:
    description: Hosts with Python 3.8 or newer.
    platforms: posix
    support: full
requirements:
  - Python 3.8 or newer on the host, nothing else.
"""

EXAMPLES = r"""
- name: Carry out the segment that makes the backup
  itops.maintenance.execute:
    segment: backup

- name: Update, and wait ten minutes for a host that cannot be reached
  itops.maintenance.execute:
    segment: patch-1
    rejoin_within: 600
"""

RETURN = r"""
result:
  description: How the segment ended.
  returned: when its end is known
  type: str
  sample: rolled_back
step:
  description: Id of the step at which it stopped, empty when none did.
  returned: when its end is known
  type: str
  sample: update-2
message:
  description: Why it stopped, in words.
  returned: when its end is known
  type: str
  sample: exit status 1, expected 0; last line 'no such table'
"""
