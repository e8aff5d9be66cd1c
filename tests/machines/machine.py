"""A Debian system that is booted with systemd, for the length of a test.

    with Machine("bookworm") as machine:
        machine.run(["systemctl", "is-active", "voice-agent"])

Rules:
- The system is an overlay: folders that nobody changes below (`roots.py` makes them), a scratch folder above. Mount and
  processes are gone with systemd-nspawn, and that is gone with the thread that started it; the scratch folder goes at
  `stop`.
- Each has a control group of its own: two machines in one would take each other's processes for theirs.
- What only this host needs for its network (`network.py`) is brought by the machine, never by what is tested.
- Locking memory and asking for realtime are a matter of limits in there, as on a device: nspawn would refuse the calls.
- A host that cannot boot one raises `Unsupported`: a test skips with that reason.
"""

from __future__ import annotations

import io
import os
import shutil
import signal
import subprocess
import tarfile
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Literal, TypeVar

from machines import network, roots
from machines.unsupported import Unsupported, control_group, require_host

from agent.lab.processes import end, spawn

__all__ = ["CommandFailed", "Machine", "Unsupported"]

Result = TypeVar("Result")
BOOT_S = 60.0
STOP_S = 30.0
ENTER = ("nsenter", "-m", "-u", "-i", "-n", "-p", "-C", "-t")
ENVIRONMENT = {
    "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
    "HOME": "/root",
    "LANG": "C.UTF-8",
    "DEBIAN_FRONTEND": "noninteractive",
}
BOOT = """
mount -t overlay overlay -o "lowerdir=$LOWER,upperdir=$UPPER,workdir=$WORK" "$ROOT"
[ -z "$GROUP" ] || echo $$ > "$GROUP/cgroup.procs"
exec systemd-nspawn --quiet -D "$ROOT" -M "$NAME" --boot --register=no --keep-unit --console=pipe --timezone=off \
  --system-call-filter="bpf @memlock sched_setscheduler sched_setparam sched_setattr" --capability=CAP_BPF "$@"
"""


class CommandFailed(AssertionError):
    """A command in the machine ended with another status than 0; the text holds what it said."""


class Machine:
    """`layers`: the folders below, topmost first; without them a bare Debian of this release.

    `network`: "host" shares the host's (registries can be reached, ports may be taken); "own" has nothing but its own
    loopback device. `upper`: keeps what is written, in this folder, instead of forgetting it.
    """

    def __init__(
        self,
        release: roots.Release,
        layers: Sequence[Path] = (),
        network: Literal["host", "own"] = "host",
        upper: Path | None = None,
    ) -> None:
        self.release = release
        self.name = f"voice-agent-{release}-{os.getpid()}-{id(self):x}"
        self._layers = tuple(layers)
        self._shared = network == "host"
        self._upper = upper
        self._scratch: Path | None = None
        self._group: Path | None = None
        self._process: subprocess.Popen[bytes] | None = None
        self._leader = 0
        self._jobs: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Machine:
        try:
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.stop()

    # ------------------------------------------------------------ its life

    def start(self) -> None:
        """Booted when it returns: `running`, or `degraded`. Raises Unsupported."""
        require_host()
        layers = self._layers or (roots.base(self.release),)
        self._scratch = Path(tempfile.mkdtemp(prefix="machine-"))
        upper = self._upper or self._scratch / "upper"
        for folder in (upper, self._scratch / "work", self._scratch / "root"):
            folder.mkdir(exist_ok=True)
        # An overlay wants its work folder on the file system of the upper one.
        work = self._scratch / "work" if self._upper is None else upper.with_suffix(".work")
        work.mkdir(exist_ok=True)
        _before_boot(upper)
        self._group = control_group(self.name)
        self._launch(layers, upper, work)
        self._await_booted()
        self.run(["install", "-d", "/run/sshd"])
        if self._shared:
            network.install(self)

    def stop(self) -> None:
        """Powered off and forgotten. Idempotent."""
        for job in self._jobs:
            end(job)
        self._jobs.clear()
        if self._process is not None:
            if self._leader and self._process.poll() is None:
                os.kill(self._leader, signal.SIGRTMIN + 4)
            try:
                self._process.wait(STOP_S if self._leader else 0.1)
            except subprocess.TimeoutExpired:
                self._process.kill()
                self._process.wait()
            self._process, self._leader = None, 0
        if self._group is not None:
            for folder, _, _ in os.walk(self._group, topdown=False):
                os.rmdir(folder)
            self._group = None
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
            self._scratch = None
        if self._upper is not None:
            shutil.rmtree(self._upper.with_suffix(".work"), ignore_errors=True)

    # ----------------------------------------------------------- what to do

    def enter(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> list[str]:
        """The host's command that runs `argv` in there as root."""
        assert self._leader, "the machine is not running"
        variables = [f"{key}={value}" for key, value in {**ENVIRONMENT, **(env or {})}.items()]
        return [*ENTER, str(self._leader), "--", "env", "-i", *variables, *argv]

    def run(
        self,
        argv: Sequence[str],
        check: bool = True,
        timeout: float = 60.0,
        input: str | None = None,
        env: Mapping[str, str] | None = None,
    ) -> subprocess.CompletedProcess[str]:
        """Run a command in there as root. Raises CommandFailed (only with `check`), subprocess.TimeoutExpired."""
        bounded = self.enter(["timeout", "--signal=KILL", f"{timeout}s", *argv], env)
        given = {"stdin": subprocess.DEVNULL} if input is None else {"input": input}
        done: subprocess.CompletedProcess[str] = subprocess.run(
            bounded, capture_output=True, text=True, errors="replace", timeout=timeout + 10, check=False, **given
        )
        if check and done.returncode != 0:
            said = (done.stdout + done.stderr)[-4000:]
            raise CommandFailed(f"{' '.join(argv)} ended with {done.returncode} on {self.release}\n{said}")
        return done

    def start_job(self, argv: Sequence[str], env: Mapping[str, str] | None = None) -> subprocess.Popen[bytes]:
        """A command that goes on in there (stdin and stdout are pipes), ended at `stop` at the latest."""
        job = spawn(self.enter(argv, env), os.environ, stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        self._jobs.append(job)
        return job

    def sh(self, script: str, timeout: float = 60.0) -> str:
        """What a shell script prints; it fails with its first failing command."""
        return self.run(["bash", "-euo", "pipefail", "-c", script], timeout=timeout).stdout

    def copy(self, source: Path, inside: str, mode: int | None = None) -> None:
        """A file or folder of the host, as `inside`; owned by root. Links of the machine are followed there."""
        target = Path(inside)

        def owned(info: tarfile.TarInfo) -> tarfile.TarInfo:
            info.uid = info.gid = 0
            info.uname = info.gname = "root"
            info.mode = mode if mode is not None and info.isfile() else info.mode
            return info

        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as tar:
            tar.add(source, target.name, filter=owned)
        unpack = f'mkdir -p "{target.parent}" && tar -x --no-same-permissions -C "{target.parent}"'
        if mode is not None:
            unpack = unpack.replace(" --no-same-permissions", " -p")
        command = self.enter(["sh", "-c", f"umask 022; {unpack}"])
        subprocess.run(command, input=packed.getvalue(), check=True, timeout=120)

    def write(self, inside: str, text: str, mode: int = 0o644) -> None:
        """A text file of root's."""
        self.run(["install", "-D", "-m", f"{mode:o}", "/dev/stdin", inside], input=text)

    def read(self, inside: str) -> str:
        return self.run(["cat", inside]).stdout

    def journal(self, unit: str, *options: str) -> str:
        """What the unit said, and systemd about it: `journal("voice-agent", "--output=json")`."""
        return self.run(["journalctl", "--no-pager", "--output=cat", f"--unit={unit}", *options]).stdout

    def show(self, unit: str, prop: str) -> str:
        """A property of the unit, as `systemctl show` prints its value."""
        return self.run(["systemctl", "show", "--value", f"--property={prop}", unit]).stdout.strip()

    def in_network(self, work: Callable[[], Result]) -> Result:
        """Do this in the machine's network; sockets that are opened there stay there. (A new thread enters it.)"""
        return network.inside(self._leader, work)

    @property
    def leader(self) -> int:
        """The host's id of its first process."""
        return self._leader

    @property
    def ssh_proxy(self) -> str:
        """For ssh's ProxyCommand: a connection as root's sshd has it, without a port."""
        return " ".join([*ENTER, str(self._leader), "--", "/usr/sbin/sshd", "-i"])

    # -------------------------------------------------------------- booting

    def _launch(self, layers: Sequence[Path], upper: Path, work: Path) -> None:
        assert self._scratch is not None
        variables = {
            "LOWER": ":".join(map(str, layers)),
            "UPPER": str(upper),
            "WORK": str(work),
            "ROOT": str(self._scratch / "root"),
            "GROUP": str(self._group or ""),
            "NAME": self.name,
            "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1",
        }
        options = network.nspawn_options() if self._shared else ["--private-network"]
        command = ["unshare", "--mount", "--propagation=slave", "bash", "-euc", BOOT, "boot", *options]
        with (self._scratch / "log").open("wb") as log:
            self._process = spawn(command, os.environ | variables, stdout=log, stderr=log)

    def _await_booted(self) -> None:
        assert self._process is not None
        until = time.monotonic() + BOOT_S
        state = "no first process"
        while time.monotonic() < until and self._process.poll() is None:
            self._leader = self._leader or _systemd_below(self._process.pid)
            if self._leader:
                asked = self.run(["systemctl", "is-system-running", "--wait"], check=False, timeout=BOOT_S)
                state = asked.stdout.strip() or asked.stderr.strip()
                if state in ("running", "degraded"):
                    return
            time.sleep(0.05)
        raise Unsupported(f"{self.release} does not boot under systemd-nspawn ({state}): {self._log_tail()}")

    def _log_tail(self) -> str:
        log = self._scratch / "log" if self._scratch else None
        text = log.read_text(errors="replace") if log and log.exists() else ""
        return " / ".join(line.strip() for line in text.splitlines()[-5:] if line.strip())


def _before_boot(upper: Path) -> None:
    """What an installer would have written; and no ssh server on the host's ports: ssh comes by `ssh_proxy`."""
    (upper / "etc").mkdir(exist_ok=True)
    (upper / "etc/hosts").write_text("127.0.0.1 localhost\n::1 localhost ip6-localhost\n")
    units = upper / "etc/systemd/system"
    units.mkdir(parents=True, exist_ok=True)
    for name in ("ssh.service", "ssh.socket"):
        mask = units / name
        if not mask.is_symlink():
            mask.symlink_to("/dev/null")


def _systemd_below(pid: int) -> int:
    """The container's first process: nspawn's child once it has become systemd; 0 before."""
    try:
        children = Path(f"/proc/{pid}/task/{pid}/children").read_text().split()
        for child in children:
            if Path(f"/proc/{child}/comm").read_text().strip() == "systemd":
                return int(child)
    except FileNotFoundError:
        return 0
    return 0
