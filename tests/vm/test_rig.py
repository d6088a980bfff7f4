# SPDX-License-Identifier: BSD-3-Clause
"""The rig's own tests: it must not call anything passed that was not."""

import json
import os
import pty
import re
import select
import shlex
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest

HERE = Path(__file__).resolve().parent
sys.path[:0] = [str(HERE), str(HERE.parent)]

from harness import tap  # noqa: E402
from harness.case import FAILED, PASSED, SKIPPED  # noqa: E402
from lib import check, debs, guest, initramfs, kernels, modules, sanitized, splats, table, uml  # noqa: E402
from lib.qemu import Machine  # noqa: E402

KERNEL = "6.1"
WARNING = "WARNING: CPU: 0 PID: 1 at x.c:1 f+0x1/0x2"


# ---- without a guest


def line(text, facility=0):
    return splats.Line(facility, 1.0, text)


@pytest.mark.parametrize("text", [
    WARNING, "BUG: kernel NULL pointer dereference, address: 8", "Oops: 0002 [#1] PREEMPT SMP",
    "BUG: KASAN: slab-out-of-bounds in f", "INFO: task bash:1 blocked for more than 120 seconds.",
    "WARNING: possible circular locking dependency detected", "refcount_t: underflow; use-after-free.",
    "watchdog: BUG: soft lockup - CPU#1 stuck for 26s!", "rcu: INFO: rcu_preempt detected stalls on CPUs/tasks:",
    "BUG: sleeping function called from invalid context at x.c:1", "list_del corruption. next is wrong"])
def test_complaints_are_found(text):
    assert splats.complaints([line(text)])


@pytest.mark.parametrize("text", ["llp_testtty: module verification failed: signature missing", "systemd[1]: started",
                                  "Warning: unable to open an initial console.", "debug: ok"])
def test_other_lines_are_none(text):
    assert not splats.complaints([line(text)])


def test_what_user_space_writes_is_no_complaint():
    assert not splats.complaints([line(WARNING, facility=1)])


def test_allowed_noise(tmp_path):
    allow = tmp_path / "allow"
    allow.write_text("# why\nx\\.c:1\n")
    assert not splats.complaints([line(WARNING)], splats.read_allow(allow))
    assert splats.complaints([line(WARNING.replace("x.c", "y.c"))], splats.read_allow(allow))


def test_kmsg_records():
    lines = splats.read_kmsg("4,10,1500000,-;WARNING: a;b\n SUBSYSTEM=tty\n12,11,2000000,-;said\n")
    assert lines == [splats.Line(0, 1.5, "WARNING: a;b"), splats.Line(1, 2.0, "said")]


def test_log_is_divided_by_the_runs_own_marks():
    lines = [line("boot"), line("llp-vm N begin a", 1), line("in a"), line("llp-vm X begin b", 1), line("still a"),
             line("llp-vm N begin c"), line("llp-vm N end a", 1), line("between")]
    parts = splats.divide(lines, "N")
    assert [entry.text for entry in parts["a"] if entry.facility == 0] == ["in a", "still a", "llp-vm N begin c"]
    assert "between" in [entry.text for entry in parts[""]] and set(parts) == {"", "a"}


def test_taint_flags():
    assert splats.taints(4096 | 8192) == []
    assert splats.taints(512 | 128) == ["the kernel died", "a warning"]


def test_cpio_is_what_cpio_reads(tmp_path):
    archive = initramfs.Archive()
    archive.add("d", 0o40755)
    archive.add("d/f", 0o100644, b"12345")
    archive.add("d/g", 0o100644, b"")
    (tmp_path / "a").write_bytes(archive.end())
    said = subprocess.run(["/bin/busybox", "cpio", "-idm", "-F", "a"], cwd=tmp_path, capture_output=True, check=False)
    assert said.returncode == 0 and (tmp_path / "d/f").read_bytes() == b"12345" and (tmp_path / "d/g").exists()


def test_modules_are_loaded_after_what_they_need(tmp_path):
    (tmp_path / "modules.dep").write_text("k/a.ko: k/b-c.ko.xz k/d.ko\nk/b-c.ko.xz: k/d.ko\nk/d.ko:\n")
    (tmp_path / "modules.builtin").write_text("k/e.ko\n")
    names = [initramfs.key(path.name) for path in initramfs.in_order(tmp_path, ("b_c", "a", "e"))]
    assert names == ["d", "b_c", "a"]
    with pytest.raises(kernels.RigError, match="no module z"):
        initramfs.in_order(tmp_path, ("z",))


def test_list_is_read(tmp_path):
    path = tmp_path / "none"
    path.write_text("# comment\n\na 10 - true\nb-1  20  x,y  prog -v 'a b'\n")
    assert check.read_list(path) == [guest.Program("a", 10, "-", "true"),
                                     guest.Program("b-1", 20, "x,y", "prog -v 'a b'")]
    for wrong in ("a ten - true\n", "a 10 -\n", "A/b 10 - true\n", "a 1 - true\na 1 - true\n"):
        path.write_text(wrong)
        with pytest.raises(check.RigError):
            check.read_list(path)


def test_every_list_of_the_tree_is_read():
    assert check.lists()
    for path in check.lists().values():
        assert check.read_list(path)


def test_lists_of_a_kernel_take_the_place_of_the_others():
    assert check.lists("6.1") == check.lists() and "udev" in check.lists()
    for name in sanitized.NAMES:
        assert set(check.lists(name)) == {"none"} and check.lists(name) != check.lists()
    for directory in (path for path in check.LISTS.iterdir() if path.is_dir()):
        for path in check.lists(directory.name).values():
            assert check.read_list(path)


def test_kernels_run_the_same_but_for_what_is_of_user_space():
    def programs(name):
        return {(init, program.name) for init, path in check.lists(name).items() for program in check.read_list(path)}
    assert programs("6.1") - programs("6.12") == {("systemd", "manual")}
    assert programs("6.12") <= programs("6.1") and programs("newest") == programs("6.12")


def test_configuration_that_was_not_followed_is_told():
    assert sanitized.refused("CONFIG_A=y\nCONFIG_B=n\nCONFIG_C=5\n", "CONFIG_A=y\n# CONFIG_B is not set\nCONFIG_C=5\n") == []
    assert sanitized.refused("CONFIG_A=y\nCONFIG_B=n\n", "CONFIG_B=y\n") == ["CONFIG_A=y", "CONFIG_B=n"]


@pytest.mark.parametrize("name", sorted(sanitized.NAMES))
def test_sanitized_kernel_is_named_by_what_it_is_made_of(name, monkeypatch):
    wanted = sanitized.configuration(name)
    for option in ("KASAN", "UBSAN", "PROVE_LOCKING", "DEBUG_ATOMIC_SLEEP", "DEBUG_OBJECTS", "DEBUG_KMEMLEAK", "FAILSLAB",
                   "KUNIT", "KCOV"):
        assert f"CONFIG_{option}=y\n" in wanted
    one = sanitized.key(name, "6.12.1-1", "gcc 12")
    assert one == sanitized.key(name, "6.12.1-1", "gcc 12")
    assert len({one, sanitized.key(name, "6.12.2-1", "gcc 12"), sanitized.key(name, "6.12.1-1", "gcc 13")}) == 3
    monkeypatch.setattr(sanitized, "configuration", lambda _: wanted + "CONFIG_X=y\n")
    assert sanitized.key(name, "6.12.1-1", "gcc 12") != one


KUNIT = """KTAP version 1
    # Subtest: n_llp_glue
    1..2
        # Subtest: timer
        ok 1 sooner
        {second} 2 later
    {second} 1 timer
    ok 2 rooms # SKIP no room
# n_llp_glue: pass:2 fail:0 skip:0 total:2
{second} 1 n_llp_glue
"""


@pytest.mark.parametrize("second", ["ok", "not ok"])
def test_kunit_results_are_told_one_by_one(tmp_path, second):
    suite = tmp_path / "n_llp_glue"
    suite.mkdir()
    (suite / "results").write_text(KUNIT.format(second=second))
    said = subprocess.run([HERE / "programs" / "kunit", tmp_path], capture_output=True, text=True, check=False)
    cases = tap.parse(said.stdout, "kunit")
    assert [case.outcome for case in cases] == [PASSED, PASSED if second == "ok" else FAILED, SKIPPED]
    assert (said.returncode == 0) == (second == "ok")
    # Tests that were not built in are no success.
    (suite / "results").unlink()
    assert subprocess.run([HERE / "programs" / "kunit", tmp_path], capture_output=True, check=False).returncode == 1


def test_uml_is_started_with_the_share_and_its_own_memory(tmp_path):
    machine = Machine(kernels.Kernel("um-san", tmp_path), tmp_path / "uml-init", tmp_path, tmp_path / "console", memory=300,
                      append="time-travel=inf-cpu")
    words = uml.command(machine)
    assert words[0] == str(tmp_path / "vmlinux")
    assert {f"init={tmp_path}/uml-init", "mem=300M", "time-travel=inf-cpu"} <= set(words)


@pytest.mark.parametrize("lives, status, boots", [
    (["begun"], 0, 1), ([None, "begun"], 0, 2), ([None, None, "begun"], 0, 3), ([None, None, None, "begun"], guest.DIED, 3),
    (["dies later", "begun"], guest.DIED, 1), (["stands still", "begun"], guest.TIMEOUT, 1)])
def test_a_kernel_that_dies_before_it_runs_anything_is_booted_again(lives, status, boots, monkeypatch, tmp_path, capsys):
    seen = []

    def run(machine):
        life = lives[len(seen)]
        seen.append(life)
        machine.console.write_text("Oops: int3: 0000 [#1] PREEMPT SMP NOPTI\n" if life is None else "")
        nonce = next(line.split("=", 1)[1] for line in (machine.share / "env").read_text().splitlines()
                     if line.startswith("LLP_VM_NONCE="))
        if life in ("begun", "dies later"):
            (machine.share / "begun").write_text(nonce)
        if life == "begun":
            (machine.share / "status").write_text(f"{nonce} 0\n")
            (machine.share / "kmsg").write_text(f"6,1,1,-;llp-vm {nonce} whole\n")
            (machine.share / "tainted").write_text("0\n")
        return life != "stands still"

    monkeypatch.setattr(guest.modules, "build", lambda *_: modules.Modules(tmp_path, "1"))
    monkeypatch.setattr(guest.initramfs, "make", lambda _: tmp_path)
    monkeypatch.setattr(guest.qemu, "run", run)
    result = guest.run(guest.Job(kernels.Kernel(KERNEL, tmp_path), command=["true"], log=tmp_path / "log"))
    assert (result.exit_status, len(seen)) == (status, boots)
    assert capsys.readouterr().err.count("booted again") == boots - 1
    assert len(list((tmp_path / "log").glob("console-*.log"))) == boots - 1


def test_apt_output_is_understood(monkeypatch):
    said = {"policy": "a:\n  Installed: (none)\n  Candidate: 1.2\n  Version table:\n"
                      "b:\n  Installed: 1\n  Candidate: (none)\n",
            "depends": "m\n  Depends: linux-image-1\n |Depends: linux-image-1-unsigned\n  Depends: <initramfs>\n"}

    def fake(*command, options=(), cwd=None):
        return subprocess.CompletedProcess(command, 0, said[command[1]], "")
    monkeypatch.setattr(debs, "apt", fake)
    assert debs.candidates(["a", "b"]) == {"a": "1.2"}
    assert debs.depends({"m"}, r"linux-image-(?!.*-unsigned$)") == {"m", "linux-image-1"}


@pytest.mark.parametrize("name, part", [
    ("linux-image-6.12-amd64", True), ("linux-image-6.1.0-49-amd64-unsigned", False), ("linux-base", False),
    ("linux-headers-7.3.4+deb13-common", True), ("linux-modules-7.3.4+deb13-amd64", True), ("linux-modules-amd64", False),
    ("linux-binary-7.3.4+deb13-amd64", True), ("linux-kbuild-6.1", True), ("linux-compiler-gcc-12-x86", False)])
def test_packages_that_are_a_part_of_a_kernel(name, part):
    assert bool(re.match(kernels.PARTS_OF_ONE, name)) == part


def test_a_kernel_that_cannot_be_reached_is_skipped_and_said(tmp_path):
    """With an apt that knows no sources, the newest kernel is not there; that is no failure, nor silence."""
    (tmp_path / "apt.conf").write_text('Dir::Etc::SourceList "/dev/null";\nDir::Etc::SourceParts "/dev/null";\n')
    ran = subprocess.run([HERE / "vm", "check", "--kernel", "newest", "--results", tmp_path / "r"], capture_output=True, text=True,
                         env={**os.environ, "LLP_CACHE": str(tmp_path), "APT_CONFIG": str(tmp_path / "apt.conf")}, check=False)
    assert ran.returncode == 0 and "newest: SKIPPED: apt has no source" in ran.stdout, ran.stdout + ran.stderr
    (case,) = tap.parse((tmp_path / "r" / "newest.tap").read_text(), "newest")
    assert case.outcome == "skipped" and "apt has no source" in case.detail
    page = table.page([json.loads((tmp_path / "r" / table.FILE).read_text())])
    assert "| newest | not run: apt has no source" in page


def test_the_table_of_kernels(tmp_path):
    rows = [{"name": name, "release": release, "package": "1-1", "compiler": "gcc", "tests": "passed"}
            for name, release in (("um-san", "6.12.9-um"), ("newest", "7.3.4+deb13-amd64"), ("6.12", "6.12.9+deb12-amd64"),
                                  ("6.1", "6.1.0-49-amd64"))]
    lines = table.page(rows).splitlines()
    assert [line.split(" | ")[0] for line in lines[-4:]] == ["| 6.1", "| 6.12", "| newest", "| um-san"]
    program = [HERE / "table", tmp_path / "page.md", tmp_path]
    assert subprocess.run(program, capture_output=True, check=False).returncode == 1  # nothing was run
    (tmp_path / table.FILE).write_text(json.dumps(rows[0]))
    assert subprocess.run(program, capture_output=True, check=False).returncode == 0
    assert (tmp_path / "page.md").read_text() == table.page(rows[:1])


def judged(share, **files):
    """What is made of the files that a guest left."""
    for name, text in files.items():
        (share / name).write_text(text)
    result = guest.Result(share, "N", in_time=True)
    guest.judge(result, share)
    return result


WHOLE = "12,9,2000000,-;llp-vm N whole\n"


def test_verdict_needs_the_runs_own_word(tmp_path):
    assert judged(tmp_path).exit_status == guest.DIED
    assert judged(tmp_path, status="0").exit_status == guest.DIED
    assert judged(tmp_path, status="M 0").exit_status == guest.DIED
    assert judged(tmp_path, status="N 0", tainted="12288", kmsg=WHOLE).exit_status == 0
    assert judged(tmp_path, status="N 5", tainted="12288", kmsg=WHOLE).exit_status == 5


def test_log_must_be_whole(tmp_path):
    assert judged(tmp_path, status="N 0", tainted="0", kmsg="").exit_status == guest.SPLAT
    assert judged(tmp_path, status="N 0", tainted="0", kmsg=WHOLE.replace("N", "M")).exit_status == guest.SPLAT


def test_warning_that_is_not_in_the_log_still_fails(tmp_path):
    assert judged(tmp_path, status="N 0", tainted="512", kmsg=WHOLE).exit_status == guest.SPLAT
    assert judged(tmp_path, status="N 0", tainted="", kmsg=WHOLE).exit_status == guest.SPLAT


def test_what_is_built_later_leaves_a_running_guest_its_modules(tmp_path):
    kernel = kernels.fetch(KERNEL)
    module = tmp_path / "one.ko"
    shutil.copyfile(next(kernel.modules.rglob("ftdi_sio.ko")), module)
    first = modules.collect(kernel, tmp_path, [module])
    assert (first.directory / "updates" / "one.ko").exists()
    assert modules.collect(kernel, tmp_path, [module]) == first
    second = modules.collect(kernel, tmp_path, [])
    assert second != first and (first.directory / "updates" / "one.ko").exists()
    assert not (second.directory / "updates" / "one.ko").exists()


# ---- with a guest


def vm(*command, timeout=600, **options):
    words = [word for key, value in options.items() for word in (f"--{key}", str(value))]
    return subprocess.run([HERE / "vm", "run", "--kernel", KERNEL, "--source", "tests/kmod", "--timeout", str(timeout),
                           *words, "--", *command], capture_output=True, text=True, check=False)


def test_status_and_output_are_the_commands(tmp_path):
    mark = tmp_path / "mark"
    said = vm("sh", "-c", f"echo to stdout; echo to stderr >&2; pwd; uname -r; touch {mark}; exit 7")
    assert said.returncode == 7
    text = said.stdout.splitlines()
    assert text[:3] == ["to stdout", "to stderr", str(Path.cwd())] and text[3].startswith(KERNEL)
    assert not mark.exists()


# Everything a noisy or broken command can write to where people look for results.
NOISE = r"""
for to in /dev/kmsg /dev/console /dev/stdout /dev/stderr; do
  printf '%s\n' "WARNING: from user space" "0 0" "status 0" "ok 1 - all" "1..1" > $to
done
"""


def test_noise_is_neither_a_pass_nor_a_complaint():
    said = vm("bash", "-c", f"{NOISE} exit 0")
    assert said.returncode == 0, said.stderr
    said = vm("bash", "-c", f"{NOISE} echo 0 > /run/llp-vm/status; sync; /bin/busybox reboot -f")
    assert said.returncode == guest.DIED


def test_warning_fails_a_run_that_else_passes():
    said = vm("sh", "-c", "modprobe llp_splat && rmmod llp_splat")
    assert said.returncode == guest.SPLAT and "splat_warn" in said.stderr


def test_kernel_that_dies_is_reported():
    said = vm("modprobe", "llp_splat", "do=oops")
    assert said.returncode == guest.DIED and "NULL pointer" in said.stderr


def test_time_is_bounded(tmp_path):
    begin = time.monotonic()
    said = vm("sleep", "3600", timeout=15, log=tmp_path)
    assert said.returncode == guest.TIMEOUT
    assert time.monotonic() - begin < 600
    assert "the time was up" in said.stderr and (tmp_path / "console.log").exists()


def test_shell_has_two_lines_with_a_cable():
    """A user at a terminal: each answer is waited for before the next command is typed."""
    steps = [("llp-vm# ", "cat /dev/llp1 &\n"),
             ("llp-vm# ", "printf 'a %s' message > /dev/llp0; echo to$((1+1))ld\n"),
             ("a message", ""), ("to2ld", "tty; sleep 3600\n"), ("/dev/hvc0", "\x03"), ("llp-vm# ", "exit\n")]
    child, terminal = pty.fork()
    if child == 0:
        os.execv(HERE / "vm", ["vm", "shell", "--kernel", KERNEL, "--init", "none"])
    said, seen, typed, end = "", 0, "", time.monotonic() + 500
    try:
        while time.monotonic() < end:
            if not select.select([terminal], [], [], 5)[0]:
                if typed == "\x03":  # between two programs, a shell may miss it
                    os.write(terminal, typed.encode())
                continue
            try:
                said += os.read(terminal, 4096).decode(errors="replace")
            except OSError:  # the other side of a terminal that nobody has open
                break
            while steps and (found := said.find(steps[0][0], seen)) >= 0:
                seen = found + len(steps[0][0])
                typed = steps.pop(0)[1]
                os.write(terminal, typed.encode())
    finally:
        os.kill(child, signal.SIGTERM)
        status = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert not steps, said
    assert status == 0, said


def test_list_of_programs(tmp_path):
    """One boot of programs that end in every way."""
    noise = shlex.quote(NOISE)
    programs = [
        guest.Program("good", 60, "-", "echo 1..1; echo ok 1 a"),
        guest.Program("status", 60, "-", "echo 1..1; echo ok 1 a; exit 3"),
        guest.Program("silent", 60, "-", "true"),
        guest.Program("noisy", 60, "-", f"bash -c {noise}"),
        guest.Program("warns", 60, "llp_splat", "echo 1..1; echo ok 1 a"),
        guest.Program("hangs", 5, "-", "echo 1..1; echo ok 1 a; sleep 3600"),
        guest.Program("unloadable", 60, "llp_none", "echo 1..1; echo ok 1 a"),
        guest.Program("after", 60, "-", "echo 1..1; echo ok 1 a"),
        guest.Program("dies", 60, "-", "echo 1..1; echo ok 1 a; modprobe llp_splat do=panic"),
        guest.Program("never", 60, "-", "echo 1..1; echo ok 1 a"),
    ]
    job = guest.Job(kernels.fetch(KERNEL), programs=programs, timeout=600, sources=("tests/kmod",),
                    log=tmp_path / "log")
    cases = check.run(job)
    failed = {name: " ".join(case.detail for case in found if case.outcome == FAILED) for name, found in cases.items()}
    assert failed["good"] == "" and len(cases["good"]) == 2
    assert failed["status"] == "exit status 3"
    assert "no plan" in failed["silent"]
    assert "plan" in failed["noisy"] or "number" in failed["noisy"]
    assert "splat_warn" in failed["warns"]
    assert "the time was up" in failed["hangs"]
    assert "cannot be loaded" in failed["unloadable"]
    assert failed["after"] == ""
    assert "died while it ran" in failed["dies"] and "asked for" in failed["dies"]
    assert "died before it" in failed["never"]
    assert cases["guest"][0].outcome == FAILED
    assert [case.outcome for case in cases["good"]] == [PASSED, PASSED]
