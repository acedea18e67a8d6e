# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""Detached signatures: what proves a file does, and everything near it does not."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from itops_cli.notices.signatures import Keys, SignatureError, minisign_key, verify
from tests.unit.signers import Gpg, Minisigner, gpg

CONTENT = b"portal 2.4.1\n" * 1000
# The example of minisign's own documentation, with the id it prints for it: our reading of the format is not only compared with itself.
PUBLISHED_KEY = "RWQf6LRCGA9i53mlYecO4IzT51TGPpvWucNSCh1CBM0QTaLn73Y7GFO3"


@pytest.fixture
def file(tmp_path: Path) -> Path:
    path = tmp_path / "app.tar.gz"
    path.write_bytes(CONTENT)
    return path


def refused(path: Path, signature: bytes, keys: Keys) -> SignatureError:
    with pytest.raises(SignatureError) as error:
        verify(path, signature, keys)
    assert error.value.remedy
    return error.value


# ------------------------------------------------------------------ minisign


@pytest.mark.parametrize("legacy", [False, True])
def test_minisign_proves_with_key_id_and_trusted_comment(file: Path, legacy: bool) -> None:
    signer = Minisigner()
    proof = verify(file, signer.sign(CONTENT, legacy=legacy), Keys((minisign_key(signer.public),)))
    assert (proof.kind, proof.key, proof.comment) == ("minisign", "0807060504030201", "timestamp:1 file:app")


@pytest.mark.parametrize("legacy", [False, True])
def test_an_empty_file_can_be_proved(tmp_path: Path, legacy: bool) -> None:
    (tmp_path / "empty").touch()
    signer = Minisigner()
    assert verify(tmp_path / "empty", signer.sign(b"", legacy=legacy), Keys((minisign_key(signer.public),)))


@pytest.mark.parametrize("legacy", [False, True])
def test_minisign_of_another_file_is_refused_and_speaks_against_it(file: Path, legacy: bool) -> None:
    signer = Minisigner()
    error = refused(file, signer.sign(CONTENT + b"x", legacy=legacy), Keys((minisign_key(signer.public),)))
    assert "not of this file" in str(error) and error.damning


def test_a_changed_trusted_comment_is_refused(file: Path) -> None:
    signer = Minisigner()
    signature = signer.sign(CONTENT).replace(b"file:app", b"file:sys")
    assert "trusted comment" in str(refused(file, signature, Keys((minisign_key(signer.public),))))


def test_a_stranger_with_the_same_key_id_is_refused(file: Path) -> None:
    assert refused(file, Minisigner().sign(CONTENT), Keys((minisign_key(Minisigner().public),))).damning


def test_the_right_one_of_several_keys_is_taken_and_a_missing_one_is_named(file: Path) -> None:
    one, other = Minisigner(), Minisigner(b"\xff" * 8)
    assert verify(file, other.sign(CONTENT), Keys((minisign_key(one.public), minisign_key(other.public)))).key == "F" * 16
    error = refused(file, other.sign(CONTENT), Keys((minisign_key(one.public),)))
    assert "F" * 16 in str(error) and not error.damning
    assert "--minisign-key" in refused(file, one.sign(CONTENT), Keys()).remedy


def test_a_key_may_be_given_as_text_or_as_file(tmp_path: Path) -> None:
    signer = Minisigner()
    (tmp_path / "minisign.pub").write_text(signer.file, "utf-8")
    assert minisign_key(str(tmp_path / "minisign.pub")).number == minisign_key(signer.public).number == "0807060504030201"
    assert minisign_key(PUBLISHED_KEY).number == "E7620F1842B4E81F"


@pytest.mark.parametrize("given", ["", "hello", PUBLISHED_KEY[:-4], PUBLISHED_KEY + "\n" + PUBLISHED_KEY, "QUJD"])
def test_what_is_no_key_is_refused(given: str) -> None:
    with pytest.raises(SignatureError, match="not a public key"):
        minisign_key(given)


@pytest.mark.parametrize("cut", [(b"\ntrusted comment: ", b"\ncomment: "), (b"RU", b"!!"), (b"\n", b"")])
def test_half_a_signature_is_refused(file: Path, cut: tuple[bytes, bytes]) -> None:
    signer = Minisigner()
    assert "not a whole signature" in str(refused(file, signer.sign(CONTENT).replace(*cut), Keys((minisign_key(signer.public),))))


# ------------------------------------------------------------------ OpenPGP


@pytest.fixture(scope="module")
def supplier() -> Iterator[Gpg]:
    """In a short path: gpg's agent listens on a socket there."""
    with tempfile.TemporaryDirectory(prefix="itops-gpg-") as folder, gpg(Path(folder, "home")) as found:
        yield found


@pytest.mark.parametrize("armoured", [False, True])
def test_openpgp_proves_with_the_whole_fingerprint(file: Path, supplier: Gpg, tmp_path: Path, armoured: bool) -> None:
    words = ["--armor"] if armoured else []
    keyring = supplier.ring(tmp_path / "keys", *words)
    proof = verify(file, supplier.sign(CONTENT, *words), Keys(keyring=keyring))
    assert (proof.kind, proof.key, proof.comment) == ("openpgp", supplier.fingerprint, "Supplier <supplier@example.org>")


def test_openpgp_of_another_file_is_refused(file: Path, supplier: Gpg, tmp_path: Path) -> None:
    error = refused(file, supplier.sign(CONTENT + b"x"), Keys(keyring=supplier.ring(tmp_path / "keys")))
    assert "not of this file" in str(error) and error.damning


def test_an_expired_signature_is_refused(file: Path, supplier: Gpg, tmp_path: Path) -> None:
    old = supplier.sign(CONTENT, "--faked-system-time", "20200101T000000!", "--ignore-time-conflict", "--ignore-valid-from", "--default-sig-expire", "1d")
    assert refused(file, old, Keys(keyring=supplier.ring(tmp_path / "keys")))


def test_a_signature_over_sha1_is_refused(file: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="itops-gpg-") as folder, gpg(Path(folder, "home"), algorithm="rsa2048") as old:
        keys = Keys(keyring=old.ring(tmp_path / "keys"))
        assert verify(file, old.sign(CONTENT), keys)
        refused(file, old.sign(CONTENT, "--digest-algo", "SHA1"), keys)


def test_a_revoked_key_proves_nothing(file: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="itops-gpg-") as folder, gpg(Path(folder, "home")) as gone:
        signature = gone.sign(CONTENT)
        revocation = (gone.home / f"openpgp-revocs.d/{gone.fingerprint}.rev").read_text("utf-8").replace(":-----BEGIN", "-----BEGIN")
        assert verify(file, signature, Keys(keyring=gone.ring(tmp_path / "keys")))
        gone.run("--import", stdin=revocation.encode())
        assert "revoked" in str(refused(file, signature, Keys(keyring=gone.ring(tmp_path / "keys"))))


def test_an_expired_key_proves_nothing(file: Path, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="itops-gpg-") as folder, gpg(Path(folder, "home")) as old:
        past = ("--faked-system-time", "20200101T000000!")
        old.run(*past, "--quick-generate-key", "Old <old@example.org>", "ed25519", "sign", "1d")
        signature = old.sign(CONTENT, *past, "--local-user", "old@example.org")
        assert "expired key" in str(refused(file, signature, Keys(keyring=old.ring(tmp_path / "keys"))))


def test_a_key_that_is_not_in_the_keyring_is_named(file: Path, supplier: Gpg, tmp_path: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="itops-gpg-") as folder, gpg(Path(folder, "home"), "Other <o@example.org>") as other:
        error = refused(file, other.sign(CONTENT), Keys(keyring=supplier.ring(tmp_path / "keys")))
        assert other.fingerprint.endswith(str(error).split("key ")[1].split(",")[0]) and not error.damning


def test_without_keyring_or_with_one_that_cannot_be_read_it_is_refused(file: Path, supplier: Gpg, tmp_path: Path) -> None:
    signature = supplier.sign(CONTENT, "--armor")
    assert "--keyring" in refused(file, signature, Keys()).remedy
    (tmp_path / "bad").write_bytes(b"-----BEGIN PGP PUBLIC KEY BLOCK-----\n\n!!!!\n-----END PGP PUBLIC KEY BLOCK-----\n")
    assert "damaged" in str(refused(file, signature, Keys(keyring=tmp_path / "bad")))
    (tmp_path / "empty").touch()
    assert refused(file, signature, Keys(keyring=tmp_path / "empty"))


def test_without_gpgv_the_remedy_is_its_package(file: Path, supplier: Gpg, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    signature, keyring = supplier.sign(CONTENT), supplier.ring(tmp_path / "keys")
    assert shutil.which("gpgv")
    monkeypatch.setenv("PATH", str(tmp_path))
    assert "apt-get install gpgv" in refused(file, signature, Keys(keyring=keyring)).remedy


@pytest.mark.parametrize("signature", [b"", b"<html>", b"\x80", b"-----BEGIN PGP SIGNATURE-----\n\n!!\n"])
def test_what_is_no_signature_is_refused(file: Path, supplier: Gpg, tmp_path: Path, signature: bytes) -> None:
    refused(file, signature, Keys((minisign_key(PUBLISHED_KEY),), supplier.ring(tmp_path / "keys")))
