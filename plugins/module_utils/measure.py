# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""What a host is like right now, for the status table: load, memory, room, uptime, what kind of machine, state of a service."""

from __future__ import annotations

import os
import shutil
import time
from pathlib import Path
from typing import Any

from . import process
from .become import BecomeError
from .service_control import UNKNOWN, control_of, has_status
from .step import Context, StepFailed

CPU_SECONDS = 1.0  # how long the load is watched
ASK_SECONDS = 30.0  # a service that does not say how it is within this time is unknown
CONTAINERS = ("openvz", "lxc", "lxc-libvirt", "systemd-nspawn", "docker", "podman", "rkt", "wsl", "proot", "pouch", "container-other")
CLOUDS = {  # as the maker or the product in the firmware's own table
    "amazon ec2": "aws",
    "google": "gcp",
    "alibaba cloud": "alibaba",
    "tencent cloud": "tencent",
    "huawei cloud": "huawei",
    "openstack": "openstack",
    "digitalocean": "digitalocean",
    "hetzner": "hetzner",
}
DMI = Path("/sys/class/dmi/id")


def host() -> dict[str, Any]:
    """Percentages are whole numbers; what this system does not tell is None."""
    return {"cpu_percent": _cpu(), "mem_percent": _memory(), "uptime_s": _uptime(), "virtualization": _machine()}


def disks(paths: list[str]) -> list[dict[str, Any]]:
    """The file system below each path; of a path that is not there, the one it would be on. Sizes in bytes."""
    return [found for found in map(_disk, paths) if found]


def service(ctx: Context, control: dict[str, Any]) -> dict[str, str]:
    """state in one word ("" where there is no way to ask), and what the provider said."""
    if not control or not has_status(control):
        return {"state": "", "text": ""}
    try:
        found = control_of(ctx, control).status()
    except (StepFailed, BecomeError, OSError) as error:
        return {"state": UNKNOWN, "text": str(error)}
    return {"state": found.word, "text": " ".join(found.text.split())[:300]}


def context(place: Path) -> Context:
    """To ask a service outside of any transaction; `place` is a private folder that goes away."""
    return Context({}, place, place, place, place, {"timeout": ASK_SECONDS})


def _cpu() -> int | None:
    before = _ticks()
    time.sleep(CPU_SECONDS)
    after = _ticks()
    if not before or not after or sum(after) <= sum(before):
        return None
    passed = [new - old for new, old in zip(after, before)]
    idle = passed[3] + passed[4]
    return max(0, min(100, round(100 * (sum(passed) - idle) / sum(passed))))


def _ticks() -> list[int]:
    """user, nice, system, idle, iowait, irq, softirq, steal. (Guests are counted in user already.)"""
    fields = _read("/proc/stat").split("\n", 1)[0].split()
    return [int(field) for field in fields[1:9]] if len(fields) > 8 else []


def _memory() -> int | None:
    """What is neither free nor can be given back at once."""
    fields = dict(line.split(":", 1) for line in _read("/proc/meminfo").splitlines() if ":" in line)
    try:
        total, available = (int(fields[name].split()[0]) for name in ("MemTotal", "MemAvailable"))
    except (KeyError, ValueError, IndexError):
        return None
    return max(0, min(100, round(100 * (total - available) / total))) if total else None


def _uptime() -> int | None:
    fields = _read("/proc/uptime").split()
    return int(float(fields[0])) if fields else None


def _disk(path: str) -> dict[str, Any] | None:
    """As df counts: of what an ordinary user could use, rounded up."""
    place = Path(path)
    while not os.path.exists(place) and place != place.parent:
        place = place.parent
    try:
        found, mount = os.statvfs(place), _mount(place)
    except OSError:
        return None
    used = found.f_blocks - found.f_bfree
    usable = used + found.f_bavail
    if usable <= 0:
        return None
    sizes = {"total": found.f_blocks * found.f_frsize, "free": found.f_bavail * found.f_frsize}
    return {"path": path, "mount": str(mount), "percent": min(100, -(-100 * used // usable)), **sizes}


def _mount(place: Path) -> Path:
    place = Path(os.path.realpath(place))
    while not os.path.ismount(place) and place != place.parent:
        place = place.parent
    return place


def _machine() -> dict[str, str]:
    """kind: none (bare metal), vm, container or unknown."""
    name = _detected()
    kind = "unknown" if not name else "none" if name == "none" else "container" if name in CONTAINERS else "vm"
    return {"kind": kind, "name": "" if kind in ("none", "unknown") else name, "cloud": _cloud()}


def _detected() -> str:
    """systemd's word for it; without systemd only what is certain."""
    if shutil.which("systemd-detect-virt"):
        said = process.run(["systemd-detect-virt"], timeout=ASK_SECONDS)
        if not said.error and said.output.strip():
            return said.output.split()[0]
    if os.path.exists("/.dockerenv"):
        return "docker"
    if os.path.exists("/run/.containerenv"):
        return "podman"
    return "vm-other" if " hypervisor" in _read("/proc/cpuinfo") else ""


def _cloud() -> str:
    said = " ".join(_read(DMI / name) for name in ("sys_vendor", "product_name", "chassis_vendor", "bios_vendor")).lower()
    if "7783-7084-3265-9085-8269-3286-77" in _read(DMI / "chassis_asset_tag"):
        return "azure"
    return next((cloud for word, cloud in CLOUDS.items() if word in said), "")


def _read(path: str | Path) -> str:
    try:
        return Path(path).read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""
