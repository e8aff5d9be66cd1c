"""Runs in the service's place, inside of its sandbox, and writes what it could do as JSON into the state folder.

Each attempt becomes "ok", the name of its error ("EPERM"), or what it found. Nothing of the project is imported.
"""

import ctypes
import errno
import json
import mmap
import os
import resource
import socket
import sys
from collections.abc import Callable
from functools import partial
from pathlib import Path

LIBC = ctypes.CDLL(None, use_errno=True)
NEWUSER = 0x10000000
SYSCALLS = {  # x86-64, aarch64
    "bpf": (321, 280),
    "ptrace": (101, 117),
    "mount": (165, 40),
    "unshare": (272, 97),
    "reboot": (169, 142),
    "keyctl": (250, 219),
    "init_module": (175, 105),
    "sethostname": (170, 161),
    "clock_settime": (227, 112),
    "swapon": (167, 224),
}
ARGUMENTS = {"unshare": (NEWUSER,), "mount": (b"none", b"/tmp", b"tmpfs", 0, None)}


def attempt(work: Callable[[], object]) -> object:
    try:
        found = work()
    except OSError as error:
        return errno.errorcode.get(error.errno or 0, str(error))
    return "ok" if found is None else found


def syscall(name: str) -> object:
    number = SYSCALLS[name][os.uname().machine == "aarch64"]
    if LIBC.syscall(number, *ARGUMENTS.get(name, (0, 0, 0, 0))) == -1:
        raise OSError(ctypes.get_errno(), name)
    return None


def write(path: str) -> None:
    target = Path(path) / "probe"
    target.write_text("")
    target.unlink()


def connect(host: str, port: int) -> None:
    with socket.create_connection((host, port), 3.0):
        pass


def executable_memory() -> None:
    mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC).close()


def realtime() -> None:
    os.sched_setscheduler(0, os.SCHED_RR | os.SCHED_RESET_ON_FORK, os.sched_param(10))


def locked_memory() -> None:
    size = 4 << 20
    buffer = ctypes.create_string_buffer(size)
    if LIBC.mlock(buffer, ctypes.c_size_t(size)) != 0:
        raise OSError(ctypes.get_errno(), "mlock")


def status() -> dict[str, str]:
    lines = Path("/proc/self/status").read_text().splitlines()
    wanted = ("NoNewPrivs", "Seccomp", "CapEff", "CapBnd", "CapAmb", "Groups", "Uid")
    return {k: v.strip() for k, _, v in (line.partition(":") for line in lines) if k in wanted}


def names(folder: str) -> list[str]:
    return sorted(os.listdir(folder))


def open_socket(family: int) -> None:
    socket.socket(family, socket.SOCK_DGRAM).close()


def open_device(path: str) -> None:
    os.close(os.open(path, os.O_RDWR | os.O_NONBLOCK))


def main(plan: dict[str, list[str]]) -> dict[str, object]:
    state, runtime = os.environ["STATE_DIRECTORY"], os.environ["RUNTIME_DIRECTORY"]
    folders = [state, runtime, "/tmp", "/etc", "/etc/voice-agent", "/usr", "/opt", "/var/lib", f"{state}/models"]
    families = {"packet": socket.AF_PACKET, "netlink": socket.AF_NETLINK, "inet": socket.AF_INET}
    return {
        "write": {folder: attempt(partial(write, folder)) for folder in folders},
        "list": {folder: attempt(partial(names, folder)) for folder in ("/home", "/root", "/tmp")},
        "device": {path: attempt(partial(open_device, path)) for path in plan["devices"]},
        "connect": {host: attempt(partial(connect, host, 8099)) for host in plan["hosts"]},
        "syscall": {name: attempt(partial(syscall, name)) for name in SYSCALLS},
        "socket": {name: attempt(partial(open_socket, family)) for name, family in families.items()},
        "processes": sorted(int(name) for name in os.listdir("/proc") if name.isdigit()),
        "cpuinfo": attempt(lambda: len(Path("/proc/cpuinfo").read_text()) > 0),
        "tunable": attempt(lambda: Path("/proc/sys/kernel/core_pattern").write_text("x") and None),
        "cgroup": attempt(lambda: Path("/sys/fs/cgroup/cgroup.procs").write_text("0") and None),
        "executable memory": attempt(executable_memory),
        "realtime": attempt(realtime),
        "mlock": attempt(locked_memory),
        "rtprio": resource.getrlimit(resource.RLIMIT_RTPRIO),
        "credentials": attempt(lambda: sorted(os.listdir(os.environ["CREDENTIALS_DIRECTORY"]))),
        "secret": attempt(lambda: Path("/etc/voice-agent/credentials/probe").read_text()),
        "status": status(),
        "pid": os.getpid(),
        "nice": os.getpriority(os.PRIO_PROCESS, 0),
        "environment": {k: v for k, v in os.environ.items() if k in ("MALLOC_ARENA_MAX", "HOME")},
        "folder": os.getcwd(),
    }


if __name__ == "__main__":
    found = main(json.loads(sys.argv[1]))
    Path(os.environ["STATE_DIRECTORY"], "probe.json").write_text(json.dumps(found))
