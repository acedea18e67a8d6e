# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""References to secrets, and the command line that reads them: each store for real, each refusal without the value."""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from ansible_collections.itops.maintenance.plugins.plugin_utils import secret_ref, workspace
from ansible_collections.itops.maintenance.plugins.plugin_utils.secret_ref import Unresolved

from itops_cli import credentials
from itops_cli.errors import Exit
from tests.house import BIN
from tests.unit import make

SECRET = "S3cr3t-planted-77"
TOKEN = "hvs.planted-token"


@pytest.fixture
def ws(tmp_path: Path) -> workspace.Workspace:
    return workspace.load(make.workspace(tmp_path / "space"))


def refused(ref: str, ws: workspace.Workspace) -> str:
    with pytest.raises(Exit) as caught:
        credentials.resolve(ref, ws)
    assert caught.value.code == 2 and SECRET not in caught.value.message and "→" in caught.value.message
    return caught.value.message


@pytest.mark.parametrize(
    ("text", "kind", "place", "key"),
    [
        ("env:SHOP_PASSWORD", "env", "SHOP_PASSWORD", ""),
        ("file:secrets/shop", "file", "secrets/shop", ""),
        ("ansible-vault:vault/all.yml#shop.db", "ansible-vault", "vault/all.yml", "shop.db"),
        ("vault:kv/ops/shop#password", "vault", "ops/shop", "password"),
        ("hashi_vault:kv/ops/shop#password", "vault", "ops/shop", "password"),
        ("pass:运维/门户 网站", "pass", "运维/门户 网站", ""),
    ],
)
def test_every_form(text: str, kind: str, place: str, key: str) -> None:
    found = secret_ref.parse(text)
    assert (found.kind, found.place, found.key, str(found)) == (kind, place, key, text)
    assert secret_ref.is_reference(text)


@pytest.mark.parametrize(
    "text",
    [
        "", SECRET, "keepass:ops/web", "https://example.com/hook?key=1", "command:cat /etc/shadow", "env:1A", "env:A B", "env:",
        "file:", "file:-x", "file:a\nb",
        "pass:-c shop", "pass:../shop", "pass:a/../../b", "ansible-vault:all.yml", "ansible-vault:#key", "vault:kv#key", "vault:kv/ops/shop",
        "vault:kv/../x#key",
        "vault:kv/a b#key", "env:A\x1b[2J",
    ],
)  # fmt: skip
def test_anything_else_is_refused_without_repeating_it(text: str) -> None:
    with pytest.raises(Unresolved) as caught:
        secret_ref.parse(text)
    assert "env:NAME" in caught.value.remedy
    assert SECRET not in str(caught.value) and "/etc/shadow" not in str(caught.value)


def test_from_the_environment(ws: workspace.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", SECRET)
    assert credentials.resolve("env:SHOP_PASSWORD", ws) == SECRET
    monkeypatch.delenv("SHOP_PASSWORD")
    assert "env:SHOP_PASSWORD" in refused("env:SHOP_PASSWORD", ws)


@pytest.mark.parametrize("value", ["", "  ", "ab"])
def test_a_value_that_cannot_be_kept_out_of_the_record_is_none(value: str, ws: workspace.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SHOP_PASSWORD", value)
    refused("env:SHOP_PASSWORD", ws)


def test_from_the_first_line_of_a_file(ws: workspace.Workspace) -> None:
    path = ws.root / "shop.secret"
    path.write_text(f"{SECRET}\nlogin: deploy\n")
    path.chmod(0o600)
    assert credentials.resolve("file:shop.secret", ws) == SECRET, "relative to the workspace"
    assert credentials.resolve(f"file:{path}", ws) == SECRET
    for mode in (0o604, 0o602):
        path.chmod(mode)
        assert "chmod o-rw" in refused("file:shop.secret", ws)
    assert "cannot be read" in refused("file:nowhere", ws)
    assert "ordinary file" in refused("file:.", ws) or "cannot be read" in refused("file:.", ws)


def encrypted(folder: Path, text: str, name: str = "vault.yml") -> Path:
    """A file encrypted by the real ansible-vault; the password lies beside it."""
    password, path = folder / ".vault-password", folder / name
    password.write_text("vault password\n")
    path.write_text(text)
    subprocess.run([str(BIN / "ansible-vault"), "encrypt", "--vault-password-file", str(password), str(path)], check=True, capture_output=True)
    return password


def test_from_an_ansible_vault_file(ws: workspace.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    password = encrypted(ws.root, f"shop: {SECRET}\nlist: [{SECRET}]\n")
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(password))
    assert credentials.resolve("ansible-vault:vault.yml#shop", ws) == SECRET
    for ref in ("ansible-vault:vault.yml#list", "ansible-vault:vault.yml#nothing"):
        assert ref in refused(ref, ws)
    password.write_text("another password\n")
    assert "ANSIBLE_VAULT_PASSWORD_FILE" in refused("ansible-vault:vault.yml#shop", ws)


def test_a_vault_file_in_clear_is_refused(ws: workspace.Workspace) -> None:
    (ws.root / "vault.yml").write_text(f"shop: {SECRET}\n")
    assert "ansible-vault encrypt" in refused("ansible-vault:vault.yml#shop", ws)


def test_a_vault_file_that_is_no_mapping_shows_nothing(ws: workspace.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ANSIBLE_VAULT_PASSWORD_FILE", str(encrypted(ws.root, f"{SECRET}: [unclosed\n")))
    refused("ansible-vault:vault.yml#shop", ws)


def test_from_pass(ws: workspace.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    tool = tmp_path / "bin/pass"
    tool.parent.mkdir()
    tool.write_text(
        f'#!/bin/sh\n[ "$1 $2" = "show ops/门户 shop" ] || {{ echo "$2 is not in the password store" >&2; exit 1; }}\necho {SECRET}\necho login: deploy\n'
    )
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tool.parent), prepend=":")
    assert credentials.resolve("pass:ops/门户 shop", ws) == SECRET
    assert "not in the password store" in refused("pass:other", ws)
    tool.unlink()
    assert "pass cannot be run" in refused("pass:ops/shop", ws) or "not in the password store" in refused("pass:ops/shop", ws)


class Vault(BaseHTTPRequestHandler):
    """The read of a secret as HashiCorp documents it for the key/value engine, version 2."""

    def do_GET(self) -> None:
        if self.headers["X-Vault-Token"] != TOKEN:
            status, body = 403, {"errors": ["permission denied"]}
        elif self.path == "/v1/kv/data/ops/shop":
            status, body = 200, {"data": {"data": {"password": SECRET}, "metadata": {"version": 3}}}
        elif self.path == "/v1/kv/data/moved":
            status, body = 307, {}
        else:
            status, body = 404, {"errors": []}
        self.send_response(status)
        self.send_header("Location", "/v1/kv/data/ops/shop")
        self.end_headers()
        self.wfile.write(json.dumps(body).encode())

    def log_message(self, *_args: object) -> None:
        pass


@pytest.fixture
def vault(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Iterator[str]:
    server = ThreadingHTTPServer(("127.0.0.1", 0), Vault)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    monkeypatch.setenv("VAULT_ADDR", f"http://127.0.0.1:{server.server_port}")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.delenv("VAULT_TOKEN", raising=False)
    yield "vault:kv/ops/shop#password"
    server.shutdown()
    server.server_close()


def test_from_hashicorp_vault(vault: str, ws: workspace.Workspace, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert "vault login" in refused(vault, ws)
    (tmp_path / ".vault-token").write_text(TOKEN)
    assert credentials.resolve(vault, ws) == SECRET
    assert "no text under the key" in refused("vault:kv/ops/shop#other", ws)
    assert "404" in refused("vault:kv/ops/other#password", ws)
    assert "307" in refused("vault:kv/moved#password", ws), "the token is not carried to another place"
    monkeypatch.setenv("VAULT_TOKEN", "wrong")
    assert "403" in refused(vault, ws)


def test_a_vault_that_is_not_there(ws: workspace.Workspace, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("VAULT_ADDR", "http://127.0.0.1:9")
    monkeypatch.setenv("VAULT_TOKEN", TOKEN)
    said = refused("vault:kv/ops/shop#password", ws)
    assert "vault:kv/ops/shop#password" in said and TOKEN not in said


def service(**kept: str) -> dict[str, object]:
    return {**make.web(), "credentials": kept}


@pytest.mark.parametrize(
    ("kept", "ok", "said"),
    [
        ({"custody": "software", "ref": "pass:web"}, True, "pass:web"),
        ({"custody": "document", "ref": "保险柜 7 号"}, False, "a person types it"),
        ({"custody": "software", "ref": "keepass:ops/web"}, False, "keepass:ops/web"),
        ({"custody": "software"}, False, "names no place"),
    ],
)
def test_the_gate_says_which_credential_cannot_be_read(kept: dict[str, str], ok: bool, said: str) -> None:
    plan = {"steps": [{"command": "register --token %{credential}"}]}
    found = list(secret_ref.findings(plan, {"web": service(**kept)}, ["web"]))
    assert [f.ok for f in found] == [ok] and said in found[0].message
    assert ok or "inventory/services/web.yml" in found[0].remedy
    assert list(secret_ref.findings({"steps": []}, {"web": service(**kept)}, ["web"])) == [], "a plan that needs none is not asked"
