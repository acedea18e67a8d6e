# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What the reference says of events and guards: prose that no schema holds. Tests hold it against what the code writes and asks."""

from __future__ import annotations

# There is no schema of events: tests/unit/test_docs.py holds this table against what the code writes.
EVENTS = (
    ("decided", "controller", "A person decided something about the change; signed where they have a key. `plan` stands in the first one about a plan.",
     "change, decision, plan_digest, by, name, account, at, remark, details, plan, signature"),
    ("references_open", "controller", "Closing was refused: these references could not be closed.", "references (reference, ok, reason, system, detail)"),
    ("run_opened", "controller", "The record of a run is open.", "argv_verb, playbook, check, entry, user, controller, awx, versions, locks, terminal, pid"),
    ("gate", "controller, host", "Every guard with its answer; with a host, that host's own half.", "result (passed, refused), findings"),
    ("files_compared", "controller", "Staging against the notice.", "verdict, files (name, size, algorithm, expected, actual, verdict)"),
    ("planned", "controller", "A snapshot of all that is carried out: change, records, order, steps.",
     "change, change_digest, plan_digest, services, people, hosts, skipped, mode, segments, steps, tolerated, can_roll_back"),
    ("confirmation_requested", "controller", "A person is asked.", "token, segment, question, choices"),
    ("confirmation_given", "controller", "What the person answered, and through which channel.", "token, answer, by, channel, reason"),
    ("cancel_requested", "controller, host", "Somebody asked to stop; it takes effect at the next step boundary.", "signal, by"),
    ("segment_requested", "controller", "A host is about to be asked for a segment.", "segment"),
    ("segment_refused", "controller", "It is certain that the host did not begin it.", "segment, message"),
    ("segment_started", "host", "The host has begun.", "segment, detached, pid, journal"),
    ("step_started", "host", "One step has begun.", "segment, step, seq, kind, type, title, display, run_as, attempt"),
    ("step_finished", "host", "One step has ended and was judged.",
     "those of step_started; result (ok, abnormal, skipped), rc, changed, feedback, output, reason, started, ended, duration_ms, data, match, match_faults"),
    ("backup_made", "host", "A backup exists and was read back; told again with every further site.",
     "archive, manifest, sha256, manifest_sha256, size, files, bytes, fingerprint, sites"),
    ("confirm_wait", "host", "The host waits to hear that the change has not cut it off.", "within_s, until"),
    ("segment_finished", "host", "How the segment ended.",
     "segment, result (done, abnormal, cancelled, rolled_back, rolled_back_unverified, rollback_failed), changed, step, message, duration_ms"),
    ("segment_interrupted", "controller", "The runner on the host is gone and left no end.", "segment, message"),
    ("contact_lost", "controller", "The host does not answer; `final` when the time to rejoin is over.", "message, waited_ms, final"),
    ("contact_regained", "controller", "It answers again.", ""),
    ("task", "controller", "One of Ansible's own tasks in the run.", "name, action, result, message, duration_ms"),
    ("torn_line", "controller", "A crash left half a line; it was set aside as evidence.", "evidence, bytes"),
    ("run_closed", "controller", "The last event of a run: its outcome.", "result, backout, exit, hosts, stats, reason"),
)  # fmt: skip
# tests/unit/test_lifecycle.py holds this against the guards there are.
GUARDS = (
    ("ledger", "The change's own events verify; a decision that is not proved to be its person's is said and does not count."),
    ("notice", "A patch has the supplier's notice (M1)."),
    ("incident", "An emergency names its incident."),
    ("assessed", "Somebody has assessed its complexity, and no rule has come to hold since (M1). Held for simple against the rules: by an approver or owner."),
    ("category", "A standard change is simple."),
    ("complex", "A rule holds, or a person holds it for complex."),
    ("simple", "No rule holds, or a person who may has overridden them with a reason."),
    ("supplier", "The supplier has confirmed content and rollback, with evidence; or an approver or owner waived it with a reason (M1)."),
    ("precedent", "There is a successful precedent or a runbook (M4)."),
    ("reported", "The plan was reported upward, and every required channel delivered it (M3). Not asked of a simple change."),
    ("approved", "An approver, a deputy of one or the owner approved this very plan, and does not execute it (M3)."),
    ("announced", "Everybody concerned was told, and every required channel delivered it (M3). Not asked of a simple change."),
    ("window", "The planned window lies where the business is low, the supplier reachable and nothing frozen (M2)."),
    ("files", "Staging holds exactly the notice's files (M5)."),
    ("checklist", "The list of steps was confirmed as it is now (M7)."),
    ("in_window", "It is now within the window, and the rest of the run fits (M2)."),
    ("executor", "The account that runs it belongs to its executor (or their deputy), and not to who approved it."),
    ("verified", "Record and reports are what the ledger says (M9)."),
    ("reviewed", "Somebody else than the executor has reviewed the last run (M9)."),
    ("announced_afterwards", "An emergency was reported and announced at last."),
    ("references", "Every related event and ticket is closed, or left open with a reason (M9)."),
    ("closed", "A person has closed it. Its record is not changed any more."),
)
ENVELOPE = (
    ("seq", "Number in this stream, from 1 without a gap."),
    ("at", "When it was written: RFC 3339 with offset, to the millisecond."),
    ("kind", "One of the kinds below."),
    ("actor", "Who caused it, where a person did."),
    ("run", "Id of the run, `R<UTC time>-<4 hex>`."),
    ("host", "The host it is about; empty where it is about the run."),
    ("phase", "`gate`, `backup`, `patch`, `verify`, `failover`, `rollback` or `close`."),
    ("data", "What belongs to this kind."),
    ("prev", "`hash` of the event before; in the first one SHA-256 of `itops-ledger`, a line feed and the change's id."),
    ("hash", "SHA-256 of the canonical form (RFC 8785) of all the others."),
)
