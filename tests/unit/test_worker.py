"""A worker process: it answers, and whatever goes wrong in it becomes a WorkerError, soon."""

from __future__ import annotations

import os
import signal
import sys
import time

import numpy as np
import pytest

from picojoule.deploy import Worker, WorkerError
from picojoule.deploy.artifact import write_card, write_example
from picojoule.deploy.wire import WireError, pack, unpack
from picojoule.deploy.worker import run_burst
from picojoule.errors import InputError

# A real worker around a made-up model, so that these tests need no runtime.
FAKE = """
import os, sys, time
from picojoule.deploy import worker
from picojoule.deploy.artifact import Model, read_card

class Run:
    effective_precision = "fp32, all 1 ops"
    def __call__(self, x):
        print("a library's banner")
        os.write(1, b"a C library's banner")
        if x[0, 0] == 13: raise RuntimeError("thirteen")
        if x[0, 0] == 66: sys.stderr.write("last words"); sys.stderr.flush(); os._exit(3)
        if x[0, 0] == 99: time.sleep(600)
        return [2 * x]

worker.load = lambda folder, threads: Model(Run(), read_card(folder))
sys.exit(worker.main(sys.argv[1:]))
"""


class Fake(Worker):
    code = FAKE

    def _program(self):
        return [sys.executable, "-c", self.code]


@pytest.fixture
def folder(tmp_path):
    write_card(
        tmp_path,
        {
            "schema": "picojoule/card/1",
            "runtime": "onnxruntime",
            "precision": "fp32",
            "effective_precision": "fp32",
            "inputs": [{"shape": [2, 3], "dtype": "float32"}],
            "threads": 1,
        },
    )
    write_example(tmp_path, (value(1),))
    return tmp_path


def value(x, n=2):
    return np.full((n, 3), x, np.float32)


def test_it_predicts_and_times_though_the_model_prints(folder):
    with Fake(folder) as worker:
        (output,) = worker.predict(value(5, n=5))
        np.testing.assert_array_equal(output, value(10, n=5))
        assert worker.effective_precision() == "fp32, all 1 ops"
        calls = worker.burst(3)
        assert len(calls) == 3
        assert all(call.wall_s > 0 and call.cpu_s >= 0 for call in calls)


def test_large_arrays_pass_both_ways(folder):
    with Fake(folder) as worker:
        (output,) = worker.predict(value(2, n=200_000))  # 2.4 MB, far more than a pipe holds
        assert output.shape == (200_000, 3)
        assert (output == 4).all()


def test_wrong_input_is_the_callers_error_and_the_worker_lives_on(folder):
    with Fake(folder) as worker:
        with pytest.raises(InputError, match="wrong shape or dtype"):
            worker.predict(np.zeros((2, 4), np.float32))
        worker.predict(value(1))


def test_a_failing_model_is_reported_and_the_worker_lives_on(folder):
    with Fake(folder) as worker:
        with pytest.raises(WorkerError, match="predict failed: RuntimeError: thirteen"):
            worker.predict(value(13))
        worker.predict(value(1))


def test_a_dying_worker_leaves_its_last_words(folder):
    with Fake(folder) as worker:
        with pytest.raises(WorkerError, match=r"died during predict \(exit code 3\)") as caught:
            worker.predict(value(66))
        assert "last words" in str(caught.value)
        with pytest.raises(WorkerError, match="isn't running"):
            worker.burst(1)


def test_a_killed_worker_is_noticed(folder):
    with Fake(folder) as worker:
        os.kill(worker._process.pid, signal.SIGKILL)
        with pytest.raises(WorkerError, match="died during burst"):
            worker.burst(1)


def test_a_slow_worker_is_ended_at_the_timeout(folder):
    with Fake(folder, timeout_s=0.5) as worker:
        pid = worker._process.pid
        start = time.monotonic()
        with pytest.raises(WorkerError, match="took too long to predict"):
            worker.predict(value(99))
        assert time.monotonic() - start < 10
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


def test_a_stopped_worker_that_reads_nothing_times_out_too(folder):
    with Fake(folder, timeout_s=0.5) as worker:
        os.kill(worker._process.pid, signal.SIGSTOP)
        with pytest.raises(WorkerError, match="took too long"):
            worker.predict(value(1, n=200_000))


def test_a_dead_worker_is_noticed_though_its_child_keeps_the_pipe_open(folder):
    class Forking(Fake):
        code = FAKE.replace("os._exit(3)", "os.fork() and os._exit(3); time.sleep(600)")

    with Forking(folder) as worker:
        start = time.monotonic()
        with pytest.raises(WorkerError, match="died during predict"):
            worker.predict(value(66))
        assert time.monotonic() - start < 10


@pytest.mark.parametrize(
    ("code", "message"),
    [
        ("print('Hello, I am no protocol', flush=True)", "garbage"),
        ("import os; os.write(1, b'PJW1' + bytes([255] * 4) + bytes(99))", "garbage"),
        ("import os; os.write(1, b'PJW1' + bytes([2, 0, 0, 0]) + b'[]')", "garbage"),
        ("import sys; sys.exit('no such module')", "died during load"),
        ("import time; time.sleep(600)", "took too long to load"),
    ],
)
def test_a_worker_that_is_none(folder, code, message):
    class Broken(Fake):
        pass

    Broken.code = code
    with pytest.raises(WorkerError, match=message):
        Broken(folder, start_timeout_s=1).start()


def test_a_damaged_artefact_is_reported_by_the_real_worker(folder):
    with pytest.raises((WorkerError, InputError)) as caught:
        Worker(folder).start()  # there is a card, but no model.onnx
    assert "model.onnx" in str(caught.value)
    with pytest.raises(InputError, match=r"no card\.json"):
        Worker(folder / "nowhere")


def test_close_twice_and_never_started(folder):
    worker = Fake(folder)
    worker.close()
    with pytest.raises(WorkerError, match="isn't running"):
        worker.burst(1)
    worker.start()
    worker.close()
    worker.close()


def test_burst_counts_the_cpu_time_of_the_call():
    def spin(_):
        end = time.process_time() + 0.01
        while time.process_time() < end:
            pass
        return []

    for wall_s, cpu_s, wait_s in run_burst(spin, (None,), 3):
        assert cpu_s == pytest.approx(0.01, rel=0.2)
        assert wall_s >= 0.009
        assert wait_s is None or wait_s >= 0


@pytest.mark.parametrize("dtype", ["float32", "int64", "bool", "float16"])
def test_messages_round_trip(dtype):
    arrays = [np.ones((2, 3), dtype), np.zeros((0, 4), dtype), np.ones((), dtype)]
    header, back = unpack(reader(pack({"op": "predict"}, arrays)))
    assert header == {"op": "predict"}
    for sent, got in zip(arrays, back, strict=True):
        np.testing.assert_array_equal(sent, got)
        assert got.dtype == sent.dtype
        assert got.flags.writeable


@pytest.mark.parametrize(
    "specs",
    [[[[2], "object"]], [[[-1], "int8"]], [[[1 << 40], "int64"]], [[["x"], "int8"]], "?", [7]],
)
def test_bad_array_headers_are_refused_before_anything_is_allocated(specs):
    import json

    text = json.dumps({"arrays": specs}).encode()
    with pytest.raises(WireError, match="bad header"):
        unpack(reader(b"PJW1" + len(text).to_bytes(4, "little") + text))


def reader(data):
    import io

    return io.BytesIO(data).read
