# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""A PDF that somebody else has made, or that comes back."""

from __future__ import annotations

import io
from pathlib import Path
from typing import Any

from ansible_collections.itops.maintenance.plugins.plugin_utils.problem import BadInput, Problem

from itops_cli.typeset import need

SIGNED = 1  # bit of /SigFlags


def read(content: bytes, file: Path) -> Any:
    """A pikepdf document with pages. Raises BadInput for one that is encrypted, broken or none."""
    pikepdf = need("pikepdf")
    try:
        pdf = pikepdf.open(io.BytesIO(content))
        pages = len(pdf.pages)
    except pikepdf.PasswordError:
        raise BadInput([Problem(str(file), 0, "", "encrypted: it cannot be stamped", remedy="ask its author for one without a password")]) from None
    except pikepdf.PdfError as error:
        raise BadInput([Problem(str(file), 0, "", f"not a whole PDF: {str(error).splitlines()[0].rpartition(': ')[2][:200]}")]) from None
    if not pages:
        raise BadInput([Problem(str(file), 0, "", "has no page")])
    return pdf


def signed(pdf: Any) -> bool:
    """Whether it has a digital signature; that ends with the first change to the file."""
    form = pdf.Root.get("/AcroForm")
    return bool(form is not None and int(form.get("/SigFlags", 0)) & SIGNED)
