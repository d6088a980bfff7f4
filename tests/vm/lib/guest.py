# SPDX-License-Identifier: BSD-3-Clause
"""A job for the guest, and the verdict on what came of it."""

import os
import secrets
import shlex
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from pathlib import Path

from . import initramfs, modules, qemu, splats, uml
from .kernels import Kernel
from .paths import GUEST, ROOT, VM

TIMEOUT, DIED, SPLAT = 124, 125, 126
INITS = ("none", "udev", "systemd", "installed")
# QEMU without KVM now and then executes a breakpoint of the kernel's text patching after it was taken
# away again, which kills a kernel that has nothing of ours in it yet. It is told, and booted again.
BOOTS = 3


@dataclass(frozen=True)
class Program:
    """One program of a list: it writes TAP."""

    name: str
    seconds: int
    modules: str  # comma-separated, "-" for none
    command: str


@dataclass
class Job:
    """What to run, and how."""

    kernel: Kernel
    command: list[str] = field(default_factory=list)
    programs: list[Program] = field(default_factory=list)
    shell: str = ""
    load: list[str] = field(default_factory=list)
    init: str = "none"
    cpus: int = 2
    memory: int = 1024
    timeout: float = 600
    append: str = ""
    accel: str = "tcg,thread=multi"
    extra: list[str] = field(default_factory=list)
    build: Path = modules.BASE
    sources: tuple[str, ...] = modules.SOURCES
    log: Path | None = None  # kept; without one, only what failed is kept
    results: Path | None = None  # where what the command left in LLP_VM_RESULTS goes


@dataclass
class Result:
    """What came of a job. status is None when the guest did not get to its end."""

    directory: Path
    nonce: str
    in_time: bool
    status: int | None = None
    kmsg: list[splats.Line] = field(default_factory=list)
    console: str = ""
    complaints: list[str] = field(default_factory=list)

    def program(self, name: str) -> tuple[str | None, str, str]:
        """What the guest says of a program (None: nothing), its stdout and its stderr."""
        base = self.directory / "programs"

        def text(suffix: str) -> str:
            path = base / f"{name}.{suffix}"
            return path.read_text(errors="replace") if path.exists() else ""

        nonce, _, status = text("status").strip().partition(" ")
        return status if nonce == self.nonce else None, text("out"), text("err")

    @property
    def exit_status(self) -> int:
        """The command's own, or one of TIMEOUT, DIED, SPLAT."""
        if not self.in_time:
            return TIMEOUT
        if self.status is None:
            return DIED
        return SPLAT if self.status == 0 and self.complaints else self.status


def prepare(job: Job, built: modules.Modules, share: Path, nonce: str) -> None:
    """Puts into the share what the guest reads."""
    for file in GUEST.iterdir():
        shutil.copyfile(file, share / file.name)
    (share / "uml-init").chmod(0o755)
    size = shutil.get_terminal_size((100, 30))
    values = {"NONCE": nonce, "KERNEL": job.kernel.name, "RELEASE": built.release, "INIT": job.init,
              "MODULES": built.directory, "PWD": os.getcwd(), "ROOT": ROOT, "LOAD": " ".join(job.load),
              "SHELL": "yes" if job.shell else "",
              "OUT": "/dev/ttyS63" if job.kernel.uml else "", "END": "poweroff" if job.kernel.uml else "reboot",
              "COLUMNS": size.columns, "LINES": size.lines, "TERM": os.environ.get("TERM", "dumb") if job.shell else ""}
    (share / "env").write_text("".join(f"LLP_VM_{key}={shlex.quote(str(value))}\n" for key, value in values.items()))
    (share / "programs").mkdir()
    (share / "results").mkdir()
    if job.programs:
        (share / "list").write_text("".join(f"{program.name}\t{program.seconds}\t{program.modules}\t{program.command}\n"
                                            for program in job.programs))
    elif job.shell:
        (share / "shell").write_text(job.shell)
    else:
        (share / "command").write_text(shlex.join(job.command) + "\n")


def judge(result: Result, share: Path) -> None:
    """Reads what the guest left. Only a status with the run's own word in it counts."""

    def text(name: str) -> str:
        path = share / name
        return path.read_text(errors="replace") if path.exists() else ""

    nonce, _, status = text("status").strip().partition(" ")
    if nonce == result.nonce and status.isdecimal():
        result.status = int(status)
    result.kmsg = splats.read_kmsg(text("kmsg"))
    allow = splats.read_allow(VM / "splats.allow")
    if result.status is None:  # the end of the log is on the console only
        result.complaints = splats.find(result.console.splitlines(), allow)
        return
    result.complaints = splats.complaints(result.kmsg, allow) + text("leaks").splitlines()
    if not any(line.text == f"llp-vm {result.nonce} whole" for line in result.kmsg):
        result.complaints.append("the guest's log is not whole")
    tainted = text("tainted").strip()
    if not tainted.isdecimal():
        result.complaints.append("the guest told no taint flags")
    elif not result.complaints:
        result.complaints += [f"tainted: {meaning}, of which the log says nothing any more"
                              for meaning in splats.taints(int(tainted))]


def boot(job: Job, built: modules.Modules, directory: Path) -> tuple[Result, bool]:
    """One life of a guest, and whether it lived to run anything from the share."""
    # A socket's path is bounded to 107 bytes; so the share lies high in the tree.
    with tempfile.TemporaryDirectory(prefix="llp-vm-") as temporary:
        share = Path(temporary)
        nonce = secrets.token_hex(16)
        prepare(job, built, share, nonce)
        first = share / "uml-init" if job.kernel.uml else initramfs.make(job.kernel)
        machine = qemu.Machine(job.kernel, first, share, directory / "console.log", job.cpus,
                               job.memory, job.timeout, job.accel, job.append, job.extra, bool(job.shell))
        result = Result(directory, nonce, (uml if job.kernel.uml else qemu).run(machine))
        result.console = (directory / "console.log").read_text(errors="replace")
        judge(result, share)
        (directory / "dmesg").write_text("".join(f"{line}\n" for line in result.kmsg))
        if (share / "leaks").exists():
            shutil.copyfile(share / "leaks", directory / "leaks")
        if (share / "gcov").exists():
            shutil.copytree(share / "gcov" / "sys" / "kernel" / "debug" / "gcov", directory / "gcov")
        shutil.copytree(share / "programs", directory / "programs", dirs_exist_ok=True)
        if job.results:
            shutil.copytree(share / "results", job.results, dirs_exist_ok=True)
        return result, (share / "begun").exists()


def run(job: Job) -> Result:
    """Builds what the job needs, boots, and judges."""
    built = modules.build(job.kernel, job.build, job.sources)
    if job.log:
        shutil.rmtree(job.log, ignore_errors=True)
        job.log.mkdir(parents=True)
        directory = job.log.resolve()
    else:
        kept = ROOT / "build" / "vm" / "log"
        kept.mkdir(parents=True, exist_ok=True)
        directory = Path(tempfile.mkdtemp(dir=kept, prefix=f"{job.kernel.name}-"))
    for attempt in range(1, BOOTS + 1):
        result, begun = boot(job, built, directory)
        if begun or result.status is not None or not result.in_time or attempt == BOOTS:
            break
        kept = directory / f"console-{attempt}.log"
        (directory / "console.log").replace(kept)
        print(f"vm: {job.kernel.name} died before its first process; booted again ({kept})", *result.complaints[:3],
              sep="\n  ", file=sys.stderr)
    return result


def discard(job: Job, result: Result) -> None:
    """Nobody asked for the logs of a run that went well."""
    if not job.log:
        shutil.rmtree(result.directory, ignore_errors=True)
