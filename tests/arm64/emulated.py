"""An arm64 Debian system without a machine of its own: qemu translates its programs one by one, this kernel runs them.

    system = Emulated("trixie", layers, scratch)
    system.run(["uname", "-m"])         # "aarch64\n"

Rules:
- The system is an overlay, layers that nobody changes below, a scratch folder above. Every command gets mounts and
  process ids of its own, which are gone with it.
- The first process in there is a shell of the host. Were it the emulated program, its crash would be a hang: the kernel
  keeps deadly signals from the first process of such a space.
- /proc/cpuinfo tells of the processor that is emulated (Cortex-A72, a Raspberry Pi 4's). With the host's, ONNX Runtime
  ends with a segmentation fault while it is imported.
- Times say nothing about a Pi. Neither does memory protection: qemu itself writes the code that it runs, so
  MemoryDenyWriteExecute cannot be tried like this.
"""

from __future__ import annotations

import os
import subprocess
from collections.abc import Mapping, Sequence
from pathlib import Path

CPU = "cortex-a72"  # eight times as fast as qemu's default
CERTIFICATES = "/mnt/host-certificates.crt"
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
    "QEMU_CPU": CPU,
}
CORE = """processor\t: {index}
BogoMIPS\t: 108.00
Features\t: fp asimd evtstrm crc32 cpuid
CPU implementer\t: 0x41
CPU architecture: 8
CPU variant\t: 0x0
CPU part\t: 0xd08
CPU revision\t: 3
"""
# Arguments: the pairs of "host's path", "path in there", then "--" and the command.
ENTER = """
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
mount -t proc proc "$ROOT/proc"
[ -z "$CPUINFO" ] || mount --bind "$CPUINFO" "$ROOT/proc/cpuinfo"
mount --rbind /dev "$ROOT/dev"
mount --rbind /sys "$ROOT/sys"
while [ "$1" != -- ]; do
  target=$ROOT$2
  if [ -d "$1" ]; then mkdir -p "$target"; else
    mkdir -p "${target%/*}"
    [ -f "$target" ] || { rm -f "$target"; : > "$target"; }
  fi
  mount --bind "$1" "$target"
  shift 2
done
shift
chroot "$ROOT" /usr/bin/env -i "$@" || exit $?
exit
"""


class CommandFailed(AssertionError):
    """A command in the system ended with another status than 0; the text holds what it said."""


class Emulated:
    """`layers`: the folders below, topmost first. `upper` keeps what is written; `scratch` is for mounts.

    `binds`: host's path -> path in there; `env`: more variables for every command.
    """

    def __init__(
        self,
        release: str,
        layers: Sequence[Path],
        upper: Path,
        scratch: Path,
        binds: Mapping[Path, str] | None = None,
        env: Mapping[str, str] | None = None,
    ) -> None:
        self.release = release
        self._binds = dict(binds or {})
        self._env = {**ENVIRONMENT, **(env or {})}
        # An overlay wants its work folder on the file system of the upper one.
        work = upper.with_name(f"{upper.name}.work")
        for folder in (upper, work, scratch / "root"):
            folder.mkdir(parents=True, exist_ok=True)
        cpuinfo = scratch / "cpuinfo"
        cpuinfo.write_text("\n".join(CORE.format(index=index) for index in range(os.cpu_count() or 1)) + "\n")
        self._mounts = {
            "LOWER": ":".join(map(str, layers)),
            "UPPER": str(upper),
            "WORK": str(work),
            "ROOT": str(scratch / "root"),
            "CPUINFO": "" if os.uname().machine == "aarch64" else str(cpuinfo),
        }

    def run(
        self,
        argv: Sequence[str],
        timeout: float = 120.0,
        check: bool = True,
        env: Mapping[str, str] | None = None,
        binds: Mapping[Path, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command as root. Raises CommandFailed where `check` and it fails; subprocess.TimeoutExpired."""
        variables = [f"{key}={value}" for key, value in {**self._env, **(env or {})}.items()]
        pairs = [str(part) for bind in {**self._binds, **(binds or {})}.items() for part in bind]
        enter = [
            "unshare",
            "--mount",
            "--pid",
            "--fork",
            "--kill-child",
            "--propagation",
            "slave",
            "bash",
            "-euc",
            ENTER,
        ]
        done = subprocess.run(
            ["setpriv", "--pdeathsig", "KILL", *enter, "enter", *pairs, "--", *variables, *argv],
            env={**os.environ, **self._mounts},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=timeout,
            check=False,
        )
        if check and done.returncode != 0:
            said = (done.stdout + done.stderr)[-4000:]
            raise CommandFailed(f"{' '.join(argv)} ended with {done.returncode} on {self.release} arm64\n{said}")
        return done
