# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The workflow of AWX, node by node as AWX walks it: the next one by whether the job before it was green."""

from __future__ import annotations

import pytest

from itops_cli.awx import workflow
from tests.integration.conftest import LocalHouse


def walk(house: LocalHouse, cid: str, after_patch: str = "") -> list[tuple[str, int]]:
    """From the first node on; an approval is given. Every blank answer of the survey is passed on, as AWX may do. `after_patch`: a file that appears then."""
    steps = {name: (template, success, failure) for name, template, success, failure in workflow.STEPS}
    name, walked = workflow.STEPS[0][0], []
    while name:
        template, success, failure = steps[name]
        code = 0
        if template:
            check = ["--check"] if template.job_type == "check" else []
            code = house.playbook(template.playbook, cid, *check, "-e", '{"itops_limit": ""}').returncode
        walked.append((name, code))
        if name == "patch" and after_patch:
            (house.at("b") / after_patch).touch()
        name = failure if code else success
    return walked


def test_a_good_change_goes_to_the_end(house: LocalHouse) -> None:
    cid = house.change()
    assert walk(house, cid) == [("assess", 0), ("approve", 0), ("backup", 0), ("patch", 0), ("verify", 0)]
    assert (house.version("a"), house.version("b")) == ("2.0", "2.0")
    house.sound(cid)


@pytest.mark.parametrize(("broken", "after_patch", "red"), [(True, "", ("patch", 11)), (False, "srv/current/broken", ("verify", 13))])
def test_what_went_wrong_ends_where_it_began(house: LocalHouse, broken: bool, after_patch: str, red: tuple[str, int]) -> None:
    """A patch that has gone back by itself leaves the rollback nothing to do; a check that fails later has all of it to do."""
    cid = house.change(broken=broken)
    assert walk(house, cid, after_patch)[-2:] == [red, ("rollback", 11)]
    assert (house.version("a"), house.version("b")) == ("1.0", "1.0")
    house.sound(cid)


def test_an_assessment_that_is_refused_ends_the_workflow(house: LocalHouse) -> None:
    cid = house.change()
    house.edit_change(cid, lambda data: data["notice"]["files"][0].update(size=1))
    assert [name for name, _code in walk(house, cid)] == ["assess"]
    assert house.version("b") == "1.0"
