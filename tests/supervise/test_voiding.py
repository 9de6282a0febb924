"""Voiding against starting: one of them has the record, and all agree which."""

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from procession.supervise import spool
from procession.supervise.sighting import Void
from tests.executors.running import local
from tests.waiting import eventually


def test_one_of_many_voiders_names_itself_and_all_agree(tmp_path: Path) -> None:
    for round_ in range(30):
        key = f"k-{round_}"
        with ThreadPoolExecutor(8) as pool:
            assert any(pool.map(spool.void, [tmp_path] * 8, [key] * 8, map(str, range(8))))
        assert isinstance(spool.look(tmp_path, key), Void)
        assert spool.void(tmp_path, key, "late")


VOIDER = """
import sys; sys.path.insert(0, sys.argv[1])
from procession.supervise import spool
while line := sys.stdin.readline():
    key = line.strip()
    print(key, spool.void(sys.argv[2], key, "a voider"), flush=True)
"""


def test_either_the_voider_or_the_shim_wins_and_only_then_the_script_runs(tmp_path: Path) -> None:
    """G8, G9: three processes void each attempt while shims take it; executed if and only if nobody voided."""
    rounds = 150
    code_root = str(Path(__file__).parents[2])
    with local(tmp_path) as runner:
        command = [sys.executable, "-c", VOIDER, code_root, str(tmp_path / "var/spool")]
        voiders = [
            subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True) for _ in range(3)
        ]
        voided = []
        jobs = [runner.job("/bin/mkdir", "ran") for _ in range(rounds)]
        for job in jobs:
            runner.submit(job)
            for voider in voiders:
                assert voider.stdin is not None
                print(job.key, file=voider.stdin, flush=True)
            answers = [voider.stdout.readline().split()[1] == "True" for voider in voiders if voider.stdout]
            voided.append(any(answers))
        for voider in voiders:
            voider.communicate()
        for job, void in zip(jobs, voided, strict=True):
            if void:
                eventually(lambda key=job.key: runner.drain() and key in runner.notices.skipped)
            else:
                assert runner.ended(job.key).code == 0
            assert (Path(job.cwd) / "ran").exists() == (not void), job.key
        print(f"{sum(voided)} of {rounds} were voided")
