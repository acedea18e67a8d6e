# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The wheel in an environment of its own: the command line, the collection and a new workspace, without a checkout."""

from __future__ import annotations

import json
import site
import sys
import zipfile
from pathlib import Path

import pytest

from tests.packaging import small

pytestmark = pytest.mark.slow
ANSIBLE_PROGRAMS = ("playbook", "inventory", "doc", "galaxy")


@pytest.fixture(scope="module")
def wheel(archive: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Built as it is released: the source package first, the wheel from what that holds."""
    folder = tmp_path_factory.mktemp("wheel")
    env = small.bare_environment(folder / "home")
    small.call(sys.executable, "-m", "build", "--no-isolation", "--outdir", folder, archive, cwd=folder, env=env)
    return next(folder.glob("itops-*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """bin/ of a new environment: itops from the wheel; its dependencies are those of the tests, by path.

    Files named *.pth are not followed from there, so the checkout that the tests run from is out of sight.
    """
    root = tmp_path_factory.mktemp("venv") / "env"
    env = small.bare_environment(root.parent / "home")
    small.call(sys.executable, "-m", "venv", "--without-pip", root, cwd=root.parent, env=env)
    python = root / "bin/python"
    pip = ("-m", "pip", "--python", python, "--quiet", "--disable-pip-version-check", "install", "--no-deps", "--no-index")
    small.call(sys.executable, *pip, wheel, cwd=root.parent, env=env)
    packages = next(root.glob("lib/python*/site-packages"))
    (packages / "dependencies.pth").write_text("\n".join(site.getsitepackages()) + "\n", "utf-8")
    for name in ANSIBLE_PROGRAMS:
        program = root / f"bin/ansible-{name}"
        program.write_text(f"#!{python}\nimport sys\nfrom ansible.cli.{name} import main\nsys.exit(main())\n", "utf-8")
        program.chmod(0o755)
    return root / "bin"


@pytest.fixture
def env(installed: Path, tmp_path: Path) -> dict[str, str]:
    return small.bare_environment(tmp_path / "home", installed)


@pytest.fixture
def space(installed: Path, env: dict[str, str], tmp_path: Path) -> Path:
    """What `itops init` makes in an empty folder."""
    (tmp_path / "empty").mkdir()
    small.call(installed / "itops", "init", "space", cwd=tmp_path / "empty", env=env)
    return tmp_path / "empty/space"


def test_everything_comes_from_the_wheel(installed: Path, env: dict[str, str], tmp_path: Path) -> None:
    script = "import json, sys, itops_cli, ansible_collections.itops.maintenance as m; print(json.dumps([itops_cli.__file__, *m.__path__, '', *sys.path]))"
    places = json.loads(small.call(installed / "python", "-c", script, cwd=tmp_path, env=env))
    ours, searched = [Path(p).resolve() for p in places[: places.index("")]], {Path(p).resolve() for p in places[places.index("") + 1 :] if p}
    assert len(ours) == 2 and all(path.is_relative_to(installed.parent) for path in ours)
    assert not searched & {small.REPO, small.REPO / "collections"}
    assert small.plugin_file(tmp_path, env).is_relative_to(installed.parent)


def test_a_change_through_the_command_line(installed: Path, env: dict[str, str], tmp_path: Path) -> None:
    space = small.write(tmp_path / "space")
    small.decide(space, env)
    plan = small.call(installed / "itops", "plan", small.CHANGE, "--lang", "en", cwd=space, env=env)
    assert "touch" in plan and small.host_file(space) == "first\n"
    small.call(installed / "itops", "run", small.CHANGE, cwd=space, env=env)
    small.assert_achieved(space)
    small.call(installed / "itops", "record", "verify", cwd=space, env=env)
    small.call(installed / "itops", "record", "render", "--check", cwd=space, env=env)
    small.call(installed / "itops", "status", "--collect", cwd=space, env=env)
    assert "note1" in (space / "facts/note1.json").read_text("utf-8")


def test_a_change_by_ansible_playbook(installed: Path, env: dict[str, str], tmp_path: Path) -> None:
    """With the ansible.cfg that `itops init` writes, and nothing exported."""
    small.call(installed / "itops", "init", "made", cwd=tmp_path, env=env)
    space = small.write(tmp_path / "space")
    (space / "ansible.cfg").write_bytes((tmp_path / "made/ansible.cfg").read_bytes())
    small.decide(space, env)
    small.call(installed / "ansible-playbook", "itops.maintenance.maintain", "-e", f"change={small.CHANGE}", cwd=space, env=env)
    small.assert_achieved(space)
    small.call(installed / "itops", "record", "verify", small.CHANGE, cwd=space, env=env)


@pytest.mark.parametrize(
    ("words", "status", "shown"),
    [
        (["lint"], 0, "2 clean services"),
        (["change", "list"], 0, "CHG-20261123-01"),
        (["change", "lint"], 0, "2 changes, no problem"),
        (["change", "show", "CHG-20261123-02"], 0, "plan_digest"),
        (["plan", "CHG-20261123-01", "--lang", "en"], 3, "portal-2.4.1.tar.gz: missing"),  # the patch is not there yet
        (["docs", "build"], 0, "12 written, 0 unchanged"),
        (["docs", "lint"], 0, "2 documents: 0 errors, 0 warnings"),
        (["status"], 0, "门户网站"),
        (["status", "--service", "wiki"], 0, "内部知识库"),
        (["record", "list"], 0, "no record yet"),
        (["record", "verify"], 0, "0 ledgers"),
        (["doctor"], 0, "healthy"),
        (["metrics", "textfile", "-"], 0, 'itops_maintenance_state{service="wiki",state="overdue"}'),
        (["metrics", "files", "rules"], 0, "ItopsMaintenanceOverdue"),
    ],
)
def test_commands_in_a_new_workspace(installed: Path, env: dict[str, str], space: Path, words: list[str], status: int, shown: str) -> None:
    assert shown in small.call(installed / "itops", *words, cwd=space, env=env, expect=status)


def test_the_new_workspace_is_an_inventory(installed: Path, env: dict[str, str], space: Path) -> None:
    hosts = json.loads(small.call(installed / "ansible-inventory", "--list", cwd=space, env=env))["_meta"]["hostvars"]
    assert set(hosts) == {"web-1", "web-2", "wiki-1"} and all("itops_services" in own for own in hosts.values())


def test_the_wheel_holds_the_product_only(wheel: Path) -> None:
    names = zipfile.ZipFile(wheel).namelist()
    tops = {name.partition("/")[0] for name in names}
    assert {"itops_cli", "ansible_collections"} == {top for top in tops if not top.endswith(".dist-info")}
    own = {"ansible_collections/itops/maintenance/galaxy.yml", "itops_cli/workspace/ansible.cfg", "itops_cli/workspace/itops.yml"}
    assert own <= set(names)
    assert not [name for name in names if "/tests/" in name or name.endswith((".pyc", "~")) or "__pycache__" in name]
