# SPDX-License-Identifier: BSD-3-Clause
"""One run of User Mode Linux: the kernel as a process of the host's, on the host's files."""

import os
import shutil
import subprocess
import sys
import tempfile
import threading
from pathlib import Path

from .paths import RigError
from .qemu import Machine, end

COMMAND_LINE = ("root=/dev/root rootfstype=hostfs rootflags=/ ro con=null con0=null,fd:2 console=tty0 ssl63=null,fd:1 "
                "loglevel=5 panic=-1 panic_on_oops=1 noreboot rcupdate.rcu_cpu_stall_timeout=180 kasan_multi_shot")


def memory_place(mebibytes: int) -> str:
    """A directory for the file that is the guest's memory: in the host's if that is large enough."""
    shm = Path("/dev/shm")
    if shm.is_dir() and os.access(shm, os.W_OK) and shutil.disk_usage(shm).free > mebibytes << 20:
        return str(shm)
    return tempfile.gettempdir()


def command(machine: Machine) -> list[str]:
    words = f"{COMMAND_LINE} init={machine.share}/uml-init mem={machine.memory}M {machine.append}".split()
    return [str(machine.kernel.image), *words]


def run(machine: Machine) -> bool:
    """As qemu.run(): to its end, the output to stdout as it comes; False when the time was up."""
    # HOME: it makes a directory of its own there.
    environment = {"PATH": os.environ.get("PATH", ""), "TMPDIR": memory_place(machine.memory), "HOME": str(machine.share)}
    with machine.console.open("wb") as console:
        try:
            # Pipes, since UML can poll no regular file; its own session, since it has processes.
            process = subprocess.Popen(command(machine), stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, env=environment, start_new_session=True)
        except OSError as error:
            raise RigError(f"{machine.kernel.image} does not start: {error}") from error

        def copy(source, sink) -> None:
            while data := os.read(source.fileno(), 65536):
                sink.write(data)
                sink.flush()

        copiers = [threading.Thread(target=copy, args=(process.stdout, sys.stdout.buffer)),
                   threading.Thread(target=copy, args=(process.stderr, console))]
        for copier in copiers:
            copier.start()
        in_time = True
        try:
            process.wait(machine.timeout or None)
        except subprocess.TimeoutExpired:
            in_time = False
        finally:
            end(process)
            clear(process.pid)
            for copier in copiers:
                copier.join()
            process.stdout.close()
            process.stderr.close()
    return in_time


def clear(session: int) -> None:
    """A guest that was ended from outside leaves the host's processes that were its own."""
    for entry in Path("/proc").iterdir():
        if not entry.name.isdigit():
            continue
        try:
            fields = (entry / "stat").read_text().rsplit(")", 1)[1].split()
            if int(fields[3]) == session:
                os.kill(int(entry.name), 9)
        except (OSError, IndexError):
            continue
