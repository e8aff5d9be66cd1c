"""A Debian system with its own kernel in QEMU, emulated so that every machine can: boot, run, end.

Rules: the disk is a snapshot, so that every boot is the same; commands go over ssh by a port that only this machine
sees; the guest reaches no network. Image and code disk are made by the scripts beside this file.
"""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import time
from pathlib import Path

HERE = Path(__file__).parent
BOOT_S = 900.0  # a minute where the host has nothing else to do
KERNEL = (
    "root=/dev/vda rw console=ttyS0 quiet net.ifnames=0 mitigations=off audit=0 "
    # Without these a busy host's guest gives up its disk.
    "systemd.default_device_timeout_sec=600 systemd.default_timeout_start_sec=600"
)
TOOLS = {"qemu-system-x86_64": "qemu-system-x86", "mmdebstrap": "mmdebstrap", "mke2fs": "e2fsprogs", "ssh": "ssh"}


def obstacle() -> str:
    """Why no guest can be made here; "" where one can."""
    missing = sorted({package for tool, package in TOOLS.items() if shutil.which(tool) is None})
    if missing:
        return f"a guest with a kernel of its own needs {' '.join(missing)}"
    if os.geteuid() != 0:
        return "a guest's image can be made by root only"
    return ""


class GuestFailed(RuntimeError):
    """It did not boot; the text holds the end of its console."""


class Guest:
    def __init__(self, folder: Path) -> None:
        """`folder`: for the code disk, the console and the ssh connection; short, for a socket's path."""
        self._folder = folder
        self._image = Path()
        self._port = 0
        self._qemu: subprocess.Popen[bytes] | None = None

    def make(self, sounds: Path) -> None:
        """The image, if there is none that fits, and the disk with the program, its tests and these sounds."""
        made = subprocess.run([HERE / "image.sh"], check=True, stdout=subprocess.PIPE, text=True)
        self._image = Path(made.stdout.strip())
        subprocess.run([HERE / "code.sh", self._image, self._folder / "code.img", sounds], check=True)

    def boot(self) -> float:
        """Returns how many seconds it took until a command could run. Raises GuestFailed."""
        begun = time.monotonic()
        self._port = _free_port()
        with (self._folder / "qemu.log").open("wb") as log:
            self._qemu = subprocess.Popen(self._command(), stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        while self.run("systemctl is-system-running --wait", BOOT_S).returncode not in (0, 1):  # 1: degraded
            if self._qemu.poll() is not None or time.monotonic() - begun > BOOT_S:
                raise GuestFailed("\n".join(self.console().splitlines()[-20:]))
            time.sleep(0.5)  # a port that is not yet open has no event
        return time.monotonic() - begun

    def run(self, command: str, timeout_s: float) -> subprocess.CompletedProcess[str]:
        """As root; 255 where no connection comes about."""
        return subprocess.run([*self._ssh(), command], capture_output=True, text=True, timeout=timeout_s)

    def console(self) -> str:
        parts = [self._folder / name for name in ("qemu.log", "console")]
        return "".join(part.read_text(errors="replace") for part in parts if part.exists())

    def stop(self) -> None:
        """At once: nothing of it is kept."""
        if self._qemu is not None:
            subprocess.run([*self._ssh(), "-O", "exit"], capture_output=True, timeout=20)
            self._qemu.kill()
            self._qemu.wait()
            self._qemu = None

    def _command(self) -> list[str]:
        return [
            *("qemu-system-x86_64", "-M", "q35", "-accel", "tcg,thread=multi", "-cpu", "max"),
            *("-smp", "2", "-m", "3072", "-nodefaults", "-no-user-config", "-display", "none"),
            *("-serial", f"file:{self._folder / 'console'}"),
            *("-kernel", str(self._image / "vmlinuz"), "-initrd", str(self._image / "initrd.img"), "-append", KERNEL),
            *("-drive", f"file={self._image / 'disk.img'},format=raw,if=virtio,snapshot=on"),
            *("-drive", f"file={self._folder / 'code.img'},format=raw,if=virtio,readonly=on"),
            *("-nic", f"user,model=virtio-net-pci,restrict=on,hostfwd=tcp:127.0.0.1:{self._port}-:22"),
            *("-device", "virtio-rng-pci", "-device", "qemu-xhci"),
            *("-audiodev", "none,id=nobody", "-device", "usb-audio,audiodev=nobody"),
        ]

    def _ssh(self) -> list[str]:
        options = {
            "StrictHostKeyChecking": "no",
            "UserKnownHostsFile": "/dev/null",
            "LogLevel": "ERROR",
            "ConnectTimeout": "20",
            "ControlMaster": "auto",
            "ControlPersist": "yes",
            "ControlPath": str(self._folder / "ssh"),
        }
        flags = [part for name, value in options.items() for part in ("-o", f"{name}={value}")]
        return ["ssh", "-i", str(self._image / "key"), "-p", str(self._port), *flags, "root@127.0.0.1"]


def _free_port() -> int:
    with socket.socket() as sock:
        sock.bind(("127.0.0.1", 0))
        port: int = sock.getsockname()[1]
    return port
