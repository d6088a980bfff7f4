# SPDX-License-Identifier: BSD-3-Clause
"""Runs suites in an order that their needs and the machine's cores allow."""

import os
import shutil
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Callable

from .suite import FAILED, SKIPPED, Case, Suite, collect


@dataclass
class Outcome:
    """What became of one suite."""

    suite: Suite
    cases: list[Case]
    seconds: float
    log: Path | None
    cpu: float = 0.0  # seconds of processor time, of the command and all it waited for

    @property
    def ok(self) -> bool:
        return not any(case.outcome == FAILED for case in self.cases)


class Running:
    """A suite's command under way, in a process group of its own."""

    def __init__(self, suite: Suite, results: Path):
        self.suite = suite
        self.directory = results / suite.name
        shutil.rmtree(self.directory, ignore_errors=True)
        self.directory.mkdir(parents=True)
        self.log = self.directory / "log"
        self.started = time.monotonic()
        self.cpu = 0.0
        fill = {"results": str(self.directory)}
        env = {key: value for key, value in os.environ.items() if key not in ("MAKEFLAGS", "MAKELEVEL", "MFLAGS")}
        env.update({key: value.format(**fill) for key, value in suite.env.items()})
        with self.log.open("wb") as output:
            self.process = subprocess.Popen(
                [word.format(**fill) for word in suite.command], stdin=subprocess.DEVNULL, stdout=output,
                stderr=subprocess.STDOUT, env=env, start_new_session=True)

    @property
    def seconds(self) -> float:
        return time.monotonic() - self.started

    def kill(self) -> None:
        """Ends the whole group: politely, then not."""
        for sig, patience in ((signal.SIGTERM, 5.0), (signal.SIGKILL, 5.0)):
            try:
                os.killpg(self.process.pid, sig)
            except ProcessLookupError:
                break
            until = time.monotonic() + patience
            while not self.ended() and time.monotonic() < until:
                time.sleep(0.02)
            if self.ended():
                break
        self.reap_group()

    def reap_group(self) -> None:
        """Nothing a suite started may outlive it."""
        try:
            os.killpg(self.process.pid, signal.SIGKILL)
        except ProcessLookupError:
            pass

    def ended(self) -> bool:
        """Whether the command ended; with its exit status comes what it used of the processors."""
        if self.process.returncode is None:
            pid, status, used = os.wait4(self.process.pid, os.WNOHANG)
            if pid:
                self.process.returncode = os.waitstatus_to_exitcode(status)
                self.cpu = used.ru_utime + used.ru_stime
        return self.process.returncode is not None

    def poll(self) -> Outcome | None:
        if not self.ended():
            if self.seconds < self.suite.timeout:
                return None
            self.kill()
            cases = collect(self.suite, self.directory, 0) if self.suite.results != "exit" else []
            cases.append(Case(f"{self.suite.name}/time", FAILED, f"timed out after {self.suite.timeout:g} s"))
            return Outcome(self.suite, cases, self.seconds, self.log, self.cpu)
        self.reap_group()
        cases = collect(self.suite, self.directory, self.process.returncode)
        return Outcome(self.suite, cases, self.seconds, self.log, self.cpu)


def run(suites: list[Suite], results: Path, slots: float, started: Callable[[Suite], None],
        finished: Callable[[Outcome], None], waiting: Callable[[list[str]], None]) -> list[Outcome]:
    """Runs all suites; returns their outcomes in the order of the table.

    A suite starts when those in its `after` have passed and enough slots are
    free (one that wants more than there are runs alone). If one of those did
    not pass, it is counted as failed; if one was skipped, as skipped.
    """
    unknown = {name for suite in suites for name in suite.after} - {suite.name for suite in suites}
    if unknown:
        raise ValueError(f"suites wait for what is not in the table: {', '.join(sorted(unknown))}")
    done: dict[str, Outcome] = {}
    queue = list(suites)
    running: list[Running] = []

    def end(outcome: Outcome) -> None:
        done[outcome.suite.name] = outcome
        finished(outcome)

    def start_ready() -> None:
        crowded = False
        for suite in list(queue):
            before = [done.get(name) for name in suite.after]
            if any(outcome is None for outcome in before):
                continue
            broken = next((outcome for outcome in before if not outcome.ok), None)
            missing = next((outcome for outcome in before if outcome.log is None), None)
            if broken or missing:
                queue.remove(suite)
                case = (Case(suite.name, FAILED, f"not run: {broken.suite.name} failed") if broken else
                        Case(suite.name, SKIPPED, f"needs {missing.suite.name}, which was skipped"))
                end(Outcome(suite, [case], 0, None))
                continue
            reason = suite.absent()
            if reason:
                queue.remove(suite)
                end(Outcome(suite, [Case(suite.name, SKIPPED, reason)], 0, None))
                continue
            busy = sum(job.suite.slots for job in running)
            # Those further down may not overtake one that waits for the whole
            # machine, or it would wait for ever.
            if suite.slots and (crowded or (busy and busy + suite.slots > slots)):
                crowded = crowded or suite.slots > 1
                continue
            queue.remove(suite)
            started(suite)
            try:
                running.append(Running(suite, results))
            except OSError as error:
                end(Outcome(suite, [Case(suite.name, FAILED, f"cannot be started: {error}")], 0, None))

    try:
        reminded = time.monotonic()
        while queue or running:
            before = (len(queue), len(running))
            start_ready()
            for job in list(running):
                outcome = job.poll()
                if outcome:
                    running.remove(job)
                    end(outcome)
            if (len(queue), len(running)) == before:
                if time.monotonic() - reminded > 60:
                    reminded = time.monotonic()
                    waiting([job.suite.name for job in running])
                time.sleep(0.05)
    finally:
        for job in running:
            job.kill()
    return [done[suite.name] for suite in suites]
