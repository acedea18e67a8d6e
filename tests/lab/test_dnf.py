# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The provider dnf with a real dnf and rpm (Debian packages them) on this machine, whose rpm database is otherwise empty."""

from __future__ import annotations

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.integration.conftest import LocalHouse

NAME = "itops-rpm-demo"
REPOSITORY = Path("/etc/yum.repos.d") / f"{NAME}.repo"
LOCAL_PLUGIN = Path("/etc/dnf/plugins/local.conf")  # Debian's dnf keeps a repository of its own, with a key that nobody has
VERSION_FILE = Path("/opt") / NAME / "VERSION"
SPEC = """Name: {name}
Version: {version}
Release: 1
Summary: demo package of the tests
License: GPL-3.0-or-later
BuildArch: noarch
%description
Says its version.
%install
mkdir -p %{{buildroot}}/opt/{name}
echo {version} > %{{buildroot}}/opt/{name}/VERSION
%files
/opt/{name}/VERSION
"""


def build(folder: Path, version: str) -> None:
    spec = folder / f"{version}.spec"
    spec.write_text(SPEC.format(name=NAME, version=version))
    subprocess.run(
        ["rpmbuild", "-bb", "--quiet", "--define", f"_topdir {folder}/top", "--define", f"_rpmdir {folder}/repo", spec], check=True, capture_output=True
    )


def installed() -> str:
    shown = subprocess.run(["rpm", "-q", "--queryformat", "%{VERSION}", NAME], capture_output=True, text=True, check=False)
    return shown.stdout if shown.returncode == 0 else ""


@pytest.fixture
def repository(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "repo").mkdir()
    for version in ("1.0", "2.0"):
        build(tmp_path, version)
    subprocess.run(["createrepo_c", "--quiet", tmp_path / "repo"], check=True)
    plugin = LOCAL_PLUGIN.read_text() if LOCAL_PLUGIN.exists() else ""
    LOCAL_PLUGIN.write_text("[main]\nenabled = false\n")
    REPOSITORY.parent.mkdir(parents=True, exist_ok=True)
    REPOSITORY.write_text(f"[{NAME}]\nname={NAME}\nbaseurl=file://{tmp_path}/repo\nenabled=1\ngpgcheck=0\n")
    try:
        yield tmp_path / "repo"
    finally:
        REPOSITORY.unlink(missing_ok=True)
        LOCAL_PLUGIN.write_text(plugin)
        subprocess.run(["rpm", "-e", NAME], capture_output=True, check=False)
        subprocess.run(["dnf", "-q", "clean", "all"], capture_output=True, check=False)


def prepared(root: Path, version: str, expected: str) -> tuple[LocalHouse, str]:
    """One standalone host, this machine, and a change to this version of the package."""
    house = LocalHouse(root, ("a",), redundancy="standalone", failover={})
    house.write("inventory/host_vars/a.yml", {"ansible_python_interpreter": "/usr/bin/python3", "itops_dnf_backend": "dnf4"})
    house.checks = [{"type": "command", "title": "版本", "command": f"grep -q {expected} {VERSION_FILE}", "when": ["after"]},
                    {"type": "service", "title": "服务运行", "state": "running"}]  # fmt: skip
    cid = house.change(window={"start": "2026-01-01T00:00:00+08:00", "end": "2036-01-01T00:00:00+08:00"})
    names = [{"name": NAME, "version": version}]

    def packages(data: dict[str, object]) -> None:
        data["notice"]["files"] = []  # type: ignore[index]
        data["plan"]["steps"] = [  # type: ignore[index]
            {"kind": "update", "title": "更新软件包", "packages": {"provider": "dnf", "names": names}},
            {"kind": "rollback", "title": "换回原软件包", "packages": {"provider": "dnf", "names": names}},
        ]
        data["plan"]["not_applicable"] = {"stop": "无需停止", "start": "无需启动"}  # type: ignore[index]

    house.edit_change(cid, packages)
    (house.root / "staging" / cid / "shop-2.0.tar.gz").unlink()
    return house, cid


def test_exact_version_and_back_without_the_repository(repository: Path, tmp_path: Path) -> None:
    subprocess.run(["dnf", "-q", "-y", "install", f"{NAME}-1.0"], check=True, capture_output=True)
    house, cid = prepared(tmp_path / "house", "2.0", "2.0")
    done = house.itops("run", cid)
    assert done.returncode == 0, done.stdout + done.stderr
    assert installed() == "2.0"
    REPOSITORY.unlink()
    back = house.itops("rollback", cid)
    assert back.returncode == 11, back.stdout + back.stderr
    assert installed() == "1.0"
    house.sound(cid)


def test_a_bad_package_that_was_not_there_before_is_removed_again(repository: Path, tmp_path: Path) -> None:
    house, cid = prepared(tmp_path / "house", "2.0", "3.0")
    done = house.itops("run", cid)
    assert done.returncode == 11, done.stdout + done.stderr
    assert installed() == ""
    house.sound(cid)
