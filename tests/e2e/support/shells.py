# SPDX-License-Identifier: BSD-3-Clause
"""What bash and zsh offer for a word that is begun, asked of the shells themselves."""

import os
import pty
import select
import subprocess
import time

from .programs import BIN

# Every word that is offered goes to a file; then its widget says that it is over.
ZSH_RC = """
PS1=''
fpath=({directory} $fpath)
autoload -Uz compinit
compinit -u -D
compadd() {{
  local -a hits
  if [[ ${{@[1,(i)(-|--)]}} == *-(O|A|D)\\ * ]]; then builtin compadd "$@"; return; fi
  builtin compadd -O hits "$@"
  print -rl -- $hits >> {directory}/offered
  builtin compadd "$@"
}}
capture() {{ _main_complete; print >> {directory}/over; compstate[insert]='' compstate[list]=''; }}
zle -C capture .complete-word capture
bindkey '^X' capture
touch {directory}/ready
"""
PATIENCE = 120


def bash_offers(*words):
    script = f"""
      source <({BIN}/llpctl completion bash)
      PATH={BIN}:$PATH
      COMP_WORDS=("$@") COMP_CWORD=$(($# - 1))
      _llpctl
      printf '%s\\n' "${{COMPREPLY[@]}}"
    """
    said = subprocess.run(["bash", "-c", script, "complete", *words], capture_output=True, text=True, check=False)
    assert not said.stderr, said.stderr
    return said.stdout.split()


class Zsh:
    """An interactive zsh that has found _llpctl by its fpath."""

    def __init__(self, directory, script):
        self.directory = directory
        (directory / "_llpctl").write_text(script)
        (directory / "rc").write_text(ZSH_RC.format(directory=directory))
        self.pid, self.terminal = pty.fork()
        if self.pid == 0:
            os.execvpe("zsh", ["zsh", "-f", "-i"], {**os.environ, "PATH": f"{BIN}:{os.environ['PATH']}", "TERM": "dumb",
                                                    "HOME": str(directory)})
        self.said = b""
        self.type(f"source {directory}/rc\n")
        self.wait_for("ready")

    def type(self, text):
        os.write(self.terminal, text.encode())

    def wait_for(self, name):
        """Until the file is there; reads what the shell prints, which else would stand still."""
        end = time.monotonic() + PATIENCE
        while not (self.directory / name).exists():
            assert time.monotonic() < end, self.said.decode(errors="replace")
            if select.select([self.terminal], [], [], 0.05)[0]:
                self.said += os.read(self.terminal, 65536)
        (self.directory / name).unlink()

    def offers(self, line):
        (self.directory / "offered").unlink(missing_ok=True)
        self.type(line + "\x18")
        self.wait_for("over")
        self.type("\x15")
        offered = self.directory / "offered"
        return [word for word in offered.read_text().split("\n") if word] if offered.exists() else []

    def close(self):
        os.close(self.terminal)
        os.waitpid(self.pid, 0)
