# SPDX-License-Identifier: BSD-3-Clause
"""The manual's pages: their commands are run, and what they print is compared with what the page shows.

A block that begins with ```console holds commands, `$ ` for a user and `# ` for root, each followed by what it prints:
exactly that, but for … in a line (any characters) and a line of nothing else (any lines). A command that fails must be
followed by `echo $?`. A block with a name behind its language (```toml lab.toml) is a file of that name. Comments right
before a block change what is done with it:

    <!-- not run: REASON -->       nowhere, and the report lists it
    <!-- run in: NAME -->          only where there is what it needs: in a virtual machine, tests/vm/lists/NAME; "any":
                                   there, and here (a file without this is written everywhere)
    <!-- when: COMMAND -->         as soon as this command succeeds

In a page for man(1) the same stands in comments before .EX: `.\" not run: REASON`. `.\" first: COMMAND` is run before
the block, and before its `when`; `.\" background: FILE` says that the block's command goes on, and where what it says goes.
Its lines are commands, whatever they print; with `$ ` they are as above.

The commands of a page run one after the other in one shell, in a directory of their own, with a network of their own
where the system permits it. What they leave running is ended.
"""

import fcntl
import os
import re
import signal
import socket
import struct
import subprocess
import sys
import tempfile
import time
from dataclasses import dataclass, field
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
# The directory that pages work in. Each run has another, put in its place.
DIRECTORY = "/tmp/llp"
# Where `make install` puts docs/ and the captures; the tree has them in places of their own.
DOCUMENTS = "/usr/local/share/doc/llpdrv"
# A bound that only a hang reaches.
PATIENCE = 60.0


class PageError(Exception):
    """What is wrong with a page."""


@dataclass
class Command:
    text: str
    line: int
    root: bool
    expected: list[str] = field(default_factory=list)
    any_output: bool = False


@dataclass
class Block:
    line: int
    commands: list[Command] = field(default_factory=list)
    name: str = ""     # of a file
    content: str = ""
    place: str = ""    # "run in"
    reason: str = ""   # "not run"
    when: str = ""
    first: list[Command] = field(default_factory=list)   # before it, and not shown


FENCE = re.compile(r"^(```+)\s*(\S*)\s*(.*?)\s*$")
NOTE = re.compile(r"^<!--\s*(not run|run in|when)\s*:\s*(.*?)\s*-->\s*$")
SHELLS = {"sh", "bash", "shell", "zsh"}
HEREDOC = re.compile(r"<<-?\s*['\"]?(\w+)['\"]?")


def commands_of(lines, first):
    """The commands of a block whose first line has this number."""
    commands, rest = [], list(enumerate(lines, first))
    while rest:
        number, line = rest.pop(0)
        if line[:2] not in ("$ ", "# "):
            if not commands:
                raise PageError(f"{number}: a block begins with a command, not with {line!r}")
            commands[-1].expected.append(line)
            continue
        text = line[2:]
        while text.endswith("\\"):
            if not rest:
                raise PageError(f"{number}: a command that does not end")
            text += "\n" + rest.pop(0)[1]
        if here := HEREDOC.search(text):
            while not rest or rest[0][1] != here.group(1):
                if not rest:
                    raise PageError(f"{number}: no {here.group(1)}")
                text += "\n" + rest.pop(0)[1]
            text += "\n" + rest.pop(0)[1]
        commands.append(Command(text, number, line[0] == "#"))
    return commands


def blocks_of(text):
    """Blocks of a page that are to be run, written, or listed, in their order."""
    blocks, notes, lines = [], {}, text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if note := NOTE.match(line):
            notes[note.group(1)] = note.group(2)
            if not note.group(2):
                raise PageError(f"{at}: a comment without a reason or a name")
        elif fence := FENCE.match(line):
            begin = at
            while at < len(lines) and lines[at].rstrip() != fence.group(1):
                at += 1
            if at == len(lines):
                raise PageError(f"{begin}: a block that does not end")
            inside = lines[begin:at]
            at += 1
            block = Block(begin, place=notes.get("run in", ""), reason=notes.get("not run", ""),
                          when=notes.get("when", ""))
            if fence.group(2) in SHELLS:
                raise PageError(f"{begin}: commands are in blocks ```console, so that they are run")
            if fence.group(2) == "console":
                block.commands = commands_of(inside, begin + 1)
            elif fence.group(3):
                block.name, block.content = fence.group(3), "\n".join(inside) + "\n"
            elif notes:
                raise PageError(f"{begin}: {', '.join(notes)}: of a block that is not run")
            if block.commands or block.name:
                blocks.append(block)
            notes = {}
        elif line.strip():
            if notes:
                raise PageError(f"{at}: {', '.join(notes)}: no block follows")
            if re.match(r"^    (?:[$#] |llp\w+ |sudo |systemctl )", line):
                raise PageError(f"{at}: a command in no block: {line.strip()}")
    return blocks


ROFF_NOTE = re.compile(r'^\.\\"\s*(not run|run in|when|first|background)\s*:\s*(.*?)\s*$')
ROFF_ESCAPES = (("\\-", "-"), ("\\(aq", "'"), ("\\(dq", '"'), ("\\&", ""), ("\\e", "\\"))


def plain(line):
    """A line of an example as man(1) shows it."""
    line = re.sub(r"\\f(?:\[\w*\]|\(\w\w|\w)", "", line)
    for roff, shown in ROFF_ESCAPES:
        line = line.replace(roff, shown)
    return line


def blocks_of_man(text):
    """The examples of a page for man(1), as blocks_of() has them."""
    blocks, notes, first, lines = [], {}, [], text.split("\n")
    at = 0
    while at < len(lines):
        line = lines[at]
        at += 1
        if note := ROFF_NOTE.match(line):
            if not note.group(2):
                raise PageError(f"{at}: a comment without a reason or a command")
            if note.group(1) == "first":
                first.append(Command(note.group(2), at, False, any_output=True))
            else:
                notes[note.group(1)] = note.group(2)
        elif line == ".EX":
            begin = at
            while at < len(lines) and lines[at] != ".EE":
                at += 1
            if at == len(lines):
                raise PageError(f"{begin}: an example that does not end")
            inside = [plain(row) for row in lines[begin:at]]
            at += 1
            block = Block(begin, place=notes.get("run in", ""), reason=notes.get("not run", ""), when=notes.get("when", ""),
                          first=first)
            if block.reason or inside[0][:2] in ("$ ", "# "):
                block.commands = [Command("\n".join(inside), begin, False)] if block.reason else \
                    commands_of(inside, begin + 1)
            else:
                for number, row in enumerate(inside, begin + 1):
                    if block.commands and block.commands[-1].text.endswith("\\"):
                        block.commands[-1].text += "\n" + row
                    else:
                        block.commands.append(Command(row, number, False, any_output=True))
            if log := notes.get("background"):
                block.commands[-1].text += f" > {log} 2>&1 &"
            blocks.append(block)
            notes, first = {}, []
        elif (notes or first) and not line.startswith((".", "'")):
            raise PageError(f"{at}: {', '.join(notes) or 'first'}: no example follows")
    return blocks


def blocks_in(page):
    text = Path(page).read_text()
    return blocks_of(text) if Path(page).suffix == ".md" else blocks_of_man(text)


def pattern_of(expected):
    """What a command must print, as a regular expression; lines end alike."""
    parts = []
    for line in expected:
        if line.strip() in ("…", "[...]"):
            parts.append(r"(?:[^\n]*\n)*")
        else:
            parts.append("[^\n]*".join(re.escape(part) for part in line.split("…")) + "\n")
    return re.compile("".join(parts))


def matches(expected, printed):
    if printed and not printed.endswith("\n"):
        printed += "\n"
    return pattern_of([line.rstrip() for line in expected]).fullmatch(
        "".join(line.rstrip() + "\n" for line in printed.splitlines())) is not None


# Reads commands, each ended by NUL; runs them one after the other in this shell, each with a file for its output; tells
# of each its status.
LOOP = r"""
while IFS= read -r -d '' -u 8 llp_command && IFS= read -r -d '' -u 8 llp_output; do
  eval "$llp_command" > "$llp_output" 2>&1 < /dev/null 8<&- 9>&-
  printf '%s\n' "$?" >&9
done
"""


def hosts():
    """The hosts that pages talk of are this one."""
    with tempfile.NamedTemporaryFile("w") as file:
        file.write("127.0.0.1 localhost lis labsys lab terminal-server ts1\n::1 localhost\n")
        file.flush()
        os.chmod(file.name, 0o644)
        subprocess.run(["mount", "--bind", file.name, "/etc/hosts"], check=True)


def loopback_up():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, 0x8914, struct.pack("16sH22x", b"lo", 0x1))  # SIOCSIFFLAGS, IFF_UP


def isolation():
    """What makes a shell one of an ordinary user with a network and processes of its own; nothing: not permitted here."""
    inner = ["unshare", "--user", "--map-user=1000", "--map-group=1000"]
    command = ["unshare", "--user", "--map-root-user", "--net", "--mount", "--pid", "--fork", "--kill-child",
               sys.executable, str(Path(__file__).resolve()), "--inner", *inner]
    tried = subprocess.run([*command, "true"], capture_output=True, check=False)
    return command if tried.returncode == 0 else []


class Shell:
    """The shell of one page."""

    def __init__(self, scratch, path, isolated=True):
        self.scratch = Path(scratch)
        self.directory = self.scratch / "llp"
        self.directory.mkdir()
        for name in ("run", "state", "home", "out"):
            (self.scratch / name).mkdir()
        env = {key: value for key, value in os.environ.items()
               if not key.startswith(("LLP_", "XDG_", "NOTIFY_")) or key.endswith("SAN_OPTIONS")}
        env |= {"PATH": f"{path}:{os.environ['PATH']}", "HOME": str(self.scratch / "home"), "LC_ALL": "C.UTF-8",
                "TMPDIR": str(self.scratch), "PYTHONDONTWRITEBYTECODE": "1", "TZ": "UTC"}
        if isolated:
            env |= {"XDG_RUNTIME_DIR": str(self.scratch / "run"), "XDG_STATE_HOME": str(self.scratch / "state")}
        orders, self.orders = os.pipe()
        self.answers, answers = os.pipe()
        # The two descriptors keep their numbers through whatever starts the shell.
        self.process = subprocess.Popen(
            ["/bin/bash", "-c", f"exec 8<&{orders} 9>&{answers} {orders}<&- {answers}>&-; exec \"$@\"", "-",
             *(isolation() if isolated else []), "/bin/bash", "--norc", "--noprofile", "-c", LOOP],
            cwd=self.directory, env=env, stdin=subprocess.DEVNULL, pass_fds=(orders, answers), start_new_session=True)
        os.close(orders)
        os.close(answers)
        self.count = 0
        self._said = b""

    def real(self, text):
        text = text.replace(f"{DOCUMENTS}/captures", str(ROOT / "tests" / "captures")).replace(DOCUMENTS, str(ROOT / "docs"))
        return re.sub(rf"{DIRECTORY}(?![\w.-])", str(self.directory), text)

    def shown(self, text):
        return text.replace(str(self.directory), DIRECTORY)

    def run(self, text):
        """Returns status and output."""
        self.count += 1
        output = self.scratch / "out" / str(self.count)
        os.write(self.orders, self.real(text).encode() + b"\0" + str(output).encode() + b"\0")
        deadline = time.monotonic() + PATIENCE
        os.set_blocking(self.answers, False)
        while b"\n" not in self._said:
            try:
                part = os.read(self.answers, 100)
            except BlockingIOError:
                part = None
            if part == b"":
                raise PageError("the shell ended")
            self._said += part or b""
            if time.monotonic() > deadline:
                raise PageError(f"not done within {PATIENCE:g} s; so far:\n" + self._read(output))
            if part is None:
                time.sleep(0.005)
        status, _, self._said = self._said.partition(b"\n")
        return int(status), self._read(output)

    def _read(self, output):
        return self.shown(output.read_bytes().decode("utf-8", "replace")) if output.exists() else ""

    def write(self, name, content):
        path = Path(name) if name.startswith("/") and not name.startswith(DIRECTORY) else \
            self.directory / self.real(name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(self.real(content))

    def ended(self):
        """Programs in the background that have ended, as the shell tells of them."""
        # One that cannot even start has a moment to say so.
        _, told = self.run("test -z \"$(jobs)\" || sleep 0.2; jobs")
        return [line for line in told.splitlines() if not re.search(r"\bRunning\b", line)]

    def logs(self):
        """The last lines of the small files in the directory, for a report."""
        told = []
        for path in sorted(self.directory.rglob("*.log")):
            told.append(f"--- {path.name}")
            told += path.read_text(errors="replace").splitlines()[-20:]
        return "\n".join(told)

    def close(self):
        os.close(self.orders)
        # First the page's programs as one does it, then all that is left.
        for number in (signal.SIGTERM, signal.SIGKILL):
            try:
                os.killpg(self.process.pid, number)
            except ProcessLookupError:
                pass
            try:
                self.process.wait(2)
                break
            except subprocess.TimeoutExpired:
                continue
        os.close(self.answers)


def run_page(page, scratch, path, place="", isolated=True, told=None):
    """Runs what a page has for this place. Returns how many commands were run, and the blocks that were not, as
    (line, reason); raises PageError."""
    page = Path(page)
    blocks = blocks_in(page)
    shell = Shell(scratch, path, isolated)
    ran, left_out = 0, []
    try:
        for block in blocks:
            if block.reason or block.place not in (place, "any") and not (block.name and not block.place):
                left_out.append((block.line, block.reason or f"run in: {block.place or 'any machine'}"))
                continue
            if block.name:
                shell.write(block.name, block.content)
                continue
            for command in block.first:
                if shell.run(command.text)[0] != 0:
                    raise PageError(f"{page.name}:{command.line}: failed: {command.text}\n{shell.logs()}")
            if block.when:
                deadline = time.monotonic() + PATIENCE
                while (tried := shell.run(block.when))[0] != 0:
                    if time.monotonic() > deadline:
                        raise PageError(f"{page.name}:{block.line}: in vain: {block.when}\n{tried[1]}{shell.logs()}")
                    time.sleep(0.02)
            status = 0
            for number, command in enumerate(block.commands):
                where = f"{page.name}:{command.line}: {command.text}"
                asks = command.text == "echo $?"
                try:
                    status, printed = (0, f"{status}\n") if asks else shell.run(command.text)
                except PageError as error:
                    raise PageError(f"{where}\n{error}\n{shell.logs()}") from None
                ran += 1
                if not command.any_output and not matches(command.expected, printed):
                    raise PageError(f"{where}\n--- shown\n" + "".join(x + "\n" for x in command.expected) +
                                    f"--- printed (status {status})\n{printed}{shell.logs()}")
                after = block.commands[number + 1:number + 2]
                if status != 0 and not (after and after[0].text == "echo $?"):
                    raise PageError(f"{where}\nended with {status}\n{shell.logs()}")
                if told:
                    told(where)
        failed = [line for line in shell.ended() if re.search(r"Exit \d+|Aborted|Segmentation|Killed", line)]
        if failed:
            raise PageError(f"{page.name}: in the background:\n" + "\n".join(failed) + f"\n{shell.logs()}")
    finally:
        shell.close()
    return ran, left_out


def pages():
    """README.md and the pages of docs/ whose commands are for people who use the programs."""
    docs = ROOT / "docs"
    return [ROOT / "README.md", docs / "README.md", docs / "tutorial.md", *sorted(docs.glob("howto/*.md")),
            *sorted(docs.glob("protocols/*.md")), *man_pages()]


def man_pages():
    """Those of programs and of the device; the formats' and libraries' examples are files and sources."""
    return sorted(page for page in (ROOT / "docs").glob("*.[148]") if "\n.EX\n" in page.read_text())


if __name__ == "__main__" and sys.argv[1:2] == ["--inner"]:
    loopback_up()
    hosts()
    os.execvp(sys.argv[2], sys.argv[2:])
