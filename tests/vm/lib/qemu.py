# SPDX-License-Identifier: BSD-3-Clause
"""One run of QEMU: a machine without KVM, with the host's files, a share, and a port for output."""

import os
import signal
import subprocess
import sys
import threading
from dataclasses import dataclass, field
from pathlib import Path

from .kernels import Kernel
from .paths import RigError

QEMU = "qemu-system-x86_64"
# oops=panic: a kernel that is broken answers no more questions. A machine that others share may
# stand still for a while, which is no complaint of the kernel's, nor does it say that the timer does
# not work.
COMMAND_LINE = ("console=ttyS0 loglevel=5 log_buf_len=8M panic=-1 oops=panic nokaslr mitigations=off tsc=reliable "
                "no_timer_check random.trust_cpu=on audit=0 selinux=0 apparmor=0 watchdog_thresh=60 "
                "rcupdate.rcu_cpu_stall_timeout=180")


@dataclass
class Machine:
    """What the guest is made of."""

    kernel: Kernel
    initramfs: Path
    share: Path
    console: Path
    cpus: int = 2
    memory: int = 1024  # MiB
    timeout: float = 600
    accel: str = "tcg,thread=multi"
    append: str = ""
    extra: list[str] = field(default_factory=list)
    interactive: bool = False

    def cable(self, number: int, *ends: str) -> list[str]:
        """Two devices, as for -device, with a cable between them."""
        path = self.share / f"cable{number}"
        one, other = f"cable{number}a", f"cable{number}b"
        return ["-chardev", f"socket,id={one},path={path},server=on,wait=off", "-device", f"{ends[0]},chardev={one}",
                "-chardev", f"socket,id={other},path={path}", "-device", f"{ends[1]},chardev={other}"]

    def wire(self) -> list[str]:
        """Two 16550s: ttyS1 (ISA) and ttyS2 (PCI); once xhci_pci and ftdi_sio are loaded, also ttyUSB0 and ttyUSB1."""
        usb = "usb-serial,always-plugged=on,id=usb"
        return [*self.cable(1, "isa-serial,index=1", "pci-serial"), "-device", "qemu-xhci",
                *self.cable(2, f"{usb}0", f"{usb}1")]

    def monitor(self) -> list[str]:
        """QEMU's monitor, for the guest itself: tests there pull its adapters."""
        path = self.share / "monitor"
        return ["-chardev", f"socket,id=monitor,path={path},server=on,wait=off",
                "-mon", "chardev=monitor,mode=readline", "-chardev", f"socket,id=console,path={path}",
                "-device", "virtserialport,chardev=console,name=llp-vm.monitor"]

    def command(self, port: str) -> list[str]:
        output = (["-chardev", "stdio,id=out,signal=off", "-device", "virtconsole,chardev=out"] if self.interactive else
                  ["-chardev", f"file,id=out,path={port},append=on", "-device",
                   "virtserialport,chardev=out,name=llp-vm.out"])
        return [QEMU, "-accel", self.accel, "-cpu", "max", "-smp", str(self.cpus), "-m", str(self.memory),
                "-machine", "q35", "-nodefaults", "-no-user-config", "-display", "none", "-no-reboot",
                "-serial", f"file:{self.console}", "-kernel", str(self.kernel.image), "-initrd", str(self.initramfs),
                "-fsdev", "local,id=root,path=/,security_model=none,readonly=on,multidevs=remap",
                "-device", "virtio-9p-pci,fsdev=root,mount_tag=root",
                "-fsdev", f"local,id=share,path={self.share},security_model=none",
                "-device", "virtio-9p-pci,fsdev=share,mount_tag=share",
                "-device", "virtio-serial-pci", *output, *self.monitor(), *self.wire(),
                "-append", f"{COMMAND_LINE} {self.append}".strip(), *self.extra]


def end(process: subprocess.Popen) -> None:
    """Ends QEMU: politely, then not."""
    for sig in (signal.SIGTERM, signal.SIGKILL):
        if process.poll() is not None:
            return
        process.send_signal(sig)
        try:
            process.wait(5)
        except subprocess.TimeoutExpired:
            continue


def run(machine: Machine) -> bool:
    """Runs the guest to its end, its output to stdout as it comes; False when the time was up."""
    machine.console.write_bytes(b"")
    reader, writer = os.pipe()
    command = machine.command(f"/dev/fd/{writer}")
    try:
        process = subprocess.Popen(command, stdin=None if machine.interactive else subprocess.DEVNULL,
                                   stderr=subprocess.PIPE, pass_fds=[writer])
    except FileNotFoundError as error:
        raise RigError(f"no {QEMU}: install qemu-system-x86") from error
    finally:
        os.close(writer)

    def copy() -> None:
        while data := os.read(reader, 65536):
            sys.stdout.buffer.write(data)
            sys.stdout.buffer.flush()

    copier = threading.Thread(target=copy)
    copier.start()
    errors: list[bytes] = []
    listener = threading.Thread(target=lambda: errors.append(process.stderr.read()))
    listener.start()
    in_time = True
    try:
        process.wait(machine.timeout or None)
    except subprocess.TimeoutExpired:
        in_time = False
    finally:
        end(process)
        copier.join()
        listener.join()
        os.close(reader)
    if process.returncode and in_time:
        raise RigError(f"{QEMU} ended with {process.returncode}: {b''.join(errors).decode(errors='replace')}")
    return in_time
