"""The suite that every executor passes: subclass `ExecutorContract` with a fixture `runner`."""

import os
from pathlib import Path

import pytest

from procession.errors import Invalid
from procession.executor import QUEUE_LIFE, Ended, Running, Unstarted, Void
from tests.executors.running import Runner, alive, number_in
from tests.waiting import eventually


class ExecutorContract:
    """What the flow relies on, wherever attempts run."""

    @pytest.mark.feature("P1", "P22")
    def test_the_end_of_a_script_is_told_and_its_record_says_how(self, runner: Runner) -> None:
        """G11, G12: code, times, usage and size of the log arrive exactly."""
        job = runner.shell("echo hello; exit 3")
        runner.submit(job)
        eventually(lambda: runner.drain() and job.key in runner.notices.ended)
        sighting = runner.executor.look(job.key)
        assert isinstance(sighting, Ended)
        end = sighting.exit
        assert (end.how, end.code, end.signal, end.log_bytes, end.incarnation) == ("exited", 3, None, 6, "here")
        assert end.started_at <= end.finished_at
        assert end.max_rss > 0
        assert 0 <= end.cpu < 5
        assert runner.log(job) == "hello\n"

    def test_many_jobs_all_end_each_once(self, runner: Runner) -> None:
        jobs = [runner.shell(f"echo x >> count; exit {number % 7}") for number in range(40)]
        waiting = list(jobs)
        while waiting:
            waiting = runner.executor.submit(waiting)
            runner.drain()
        codes = [runner.ended(job.key).code for job in jobs]
        assert codes == [number % 7 for number in range(40)]
        assert all((Path(job.cwd) / "count").read_text() == "x\n" for job in jobs)
        eventually(lambda: runner.drain() and sorted(runner.notices.ended) == sorted(job.key for job in jobs))

    def test_an_unknown_attempt_is_unstarted_and_can_be_voided(self, runner: Runner) -> None:
        assert isinstance(runner.executor.look("nobody-1"), Unstarted)
        assert runner.executor.void("nobody-1", "a test")
        assert runner.executor.void("nobody-1", "again")
        assert runner.executor.look("nobody-1").by == "a test"  # type: ignore[union-attr]

    def test_a_voided_job_never_starts(self, runner: Runner) -> None:
        """G8, G9: whoever has the record first owns the attempt."""
        job = runner.shell("touch ran")
        assert runner.executor.void(job.key, "a test")
        runner.submit(job)
        after = runner.shell("true")
        runner.run(after)
        eventually(lambda: runner.drain() and job.key in runner.notices.skipped)
        assert not (Path(job.cwd) / "ran").exists()

    def test_what_has_started_cannot_be_voided(self, runner: Runner) -> None:
        job = runner.shell("exec sleep 100")
        runner.submit(job)
        runner.running(job.key)
        assert not runner.executor.void(job.key, "a test")
        runner.executor.cancel(job.key, "a test")
        runner.ended(job.key)
        assert not runner.executor.void(job.key, "a test")

    @pytest.mark.feature("M91")
    def test_cancel_ends_a_running_tree_and_may_be_repeated(self, runner: Runner) -> None:
        """G18."""
        job = runner.shell("sleep 1000 & echo $! > child; wait")
        runner.submit(job)
        child = number_in(f"{job.cwd}/child")
        assert runner.executor.cancel(job.key, "a test") == "asked"
        assert runner.executor.cancel(job.key, "a test") in ("asked", "ended")
        end = runner.ended(job.key)
        assert (end.how, end.signal) == ("cancelled", 15)
        assert not alive(child)
        assert runner.executor.cancel(job.key, "a test") == "ended"

    @pytest.mark.feature("M90")
    def test_cancel_before_the_start_voids(self, runner: Runner) -> None:
        """G18, F49: claimed, but not started."""
        job = runner.shell("touch ran")
        assert runner.executor.cancel(job.key, "a test") == "void"
        assert runner.executor.cancel(job.key, "a test") == "void"
        assert isinstance(runner.executor.look(job.key), Void)

    def test_a_program_that_is_not_there_is_not_started(self, runner: Runner) -> None:
        """G12, F16."""
        end = runner.run(runner.job("/no/such/program"))
        assert (end.how, end.code, end.errno) == ("not_started", None, 2)
        assert "/no/such/program" in (end.reason or "")

    @pytest.mark.feature("M89", "P12")
    def test_a_timeout_ends_the_script(self, runner: Runner) -> None:
        """G17."""
        end = runner.run(runner.shell("exec sleep 100", timeout=0.3))
        assert (end.how, end.signal) == ("timeout", 15)
        assert 0.3 <= end.seconds < 2.5

    def test_files_and_directories_are_made_before_the_start(self, runner: Runner) -> None:
        job = runner.shell("cat event.json given; ls -d deep/er")
        home = Path(job.cwd)
        home.mkdir(parents=True)
        (home / "given").write_text("mine\n")
        job = runner.shell(
            "cat event.json given; ls -d deep/er",
            cwd=str(home),
            dirs=[str(home / "deep/er"), job.attempt_dir],
            files={str(home / "event.json"): "{}\n", str(home / "given"): "theirs\n"},
        )
        Path(job.attempt_dir).mkdir()
        assert runner.run(job).code == 0
        assert runner.log(job) == "{}\nmine\ndeep/er\n"

    def test_what_a_script_leaves_is_named_if_it_has_content(self, runner: Runner) -> None:
        left = runner.run(runner.shell("echo a=1 > output; : > events; mkdir artifacts; echo 5 > retry_after")).left
        assert left == ("output", "retry_after")

    def test_archive_moves_the_record_and_forgets_the_attempt(self, runner: Runner) -> None:
        job = runner.shell("true")
        runner.run(job)
        assert runner.executor.keys() == [job.key]
        for _ in range(2):
            runner.executor.archive(job.key, Path(job.attempt_dir))
            assert runner.executor.keys() == []
        assert b'"how":"exited"' in (Path(job.attempt_dir) / "record").read_bytes()

    def test_a_key_that_cannot_name_a_file_is_refused(self, runner: Runner) -> None:
        for key in ("", "../x", ".hidden", "a/b", "a b", "x" * 300):
            with pytest.raises(Invalid):
                runner.executor.submit([runner.shell("true", key=key)])

    def test_a_key_is_taken_once(self, runner: Runner) -> None:
        """While it runs, and when it has ended and its record is put away."""
        job = runner.shell("until [ -e go ]; do sleep 0.02; done; echo x >> count")
        runner.submit(job)
        runner.running(job.key)
        runner.submit(job)
        (Path(job.cwd) / "go").touch()
        runner.ended(job.key)
        runner.executor.archive(job.key, Path(job.attempt_dir))
        runner.submit(job)
        assert runner.run(runner.shell("true")).code == 0
        assert (Path(job.cwd) / "count").read_text() == "x\n"
        assert runner.executor.keys() != [job.key]

    def test_a_job_that_waited_too_long_is_not_handed_over(self, runner: Runner) -> None:
        """Whoever made it counts on that from its expiry on, however long it found no room."""
        job = runner.shell("touch ran", not_after=runner.executor.expiry() - 2 * QUEUE_LIFE)
        runner.submit(job)
        assert runner.run(runner.shell("true", not_after=runner.executor.expiry())).code == 0
        assert isinstance(runner.executor.look(job.key), Unstarted)

    def test_words_of_others_arrive(self, runner: Runner) -> None:
        pipe = os.open(runner.root / "var/wake", os.O_WRONLY | os.O_NONBLOCK)
        os.write(pipe, b"wake\nst")
        os.write(pipe, b"op\n")
        os.close(pipe)
        eventually(lambda: runner.drain() and runner.notices.words == ["wake", "stop"])

    def test_a_running_attempt_is_seen_with_its_specification(self, runner: Runner) -> None:
        job = runner.shell("exec sleep 100")
        runner.submit(job)
        sighting = runner.running(job.key)
        assert isinstance(sighting, Running)
        record = sighting.record
        assert record.spec["argv"] == list(job.argv)
        assert record.spec["env_set"] == job.env_set
        assert record.started_at is not None
        runner.executor.cancel(job.key, "a test")
        runner.ended(job.key)
