"""The command: results on stdout, everything else on stderr, and an exit code for each case."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import warnings
from pathlib import Path
from types import SimpleNamespace

import pytest
from report_fakes import cnn_ledger, optimize_document

import picojoule as pj
from picojoule.cli import files, run
from picojoule.errors import Inconclusive, InputError, MissingExtra, RequirementFailed
from picojoule.report.documents import to_json
from picojoule.report.published import DOCUMENTS
from published_schema import validate

LLAMA = {
    "architectures": ["LlamaForCausalLM"], "model_type": "llama", "hidden_size": 64,
    "intermediate_size": 128, "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 2, "vocab_size": 100, "rms_norm_eps": 1e-5, "hidden_act": "silu",
    "max_position_embeddings": 128, "tie_word_embeddings": False,
}  # fmt: skip


SPEC = """
import numpy as np

class Model:
    state_dict = None
    def __call__(self): ...

model = Model()
calibration = [np.zeros((1, 3)), np.ones((1, 3))]
"""


@pytest.fixture
def config(tmp_path):
    path = tmp_path / "config.json"
    path.write_text(json.dumps(LLAMA))
    return str(path)


@pytest.fixture
def saved(tmp_path):
    """save(name, scale) -> path of a ledger document."""

    def save(name: str, scale: float = 1.0, **meta) -> str:
        path = tmp_path / name
        path.write_text(to_json(cnn_ledger(scale, **meta).to_dict()))
        return str(path)

    return save


class TestProfile:
    def test_prints_a_table_on_stdout_and_progress_on_stderr(self, config, capsys):
        assert run(["profile", config, "--prompt", "16", "--on", "h100-sxm"]) == 0
        out, err = capsys.readouterr()
        assert "total" in out
        assert "on h100-sxm" in out.splitlines()[0]
        assert "tracing" in err
        assert "tracing" not in out

    def test_folder_of_a_config(self, config, capsys):
        assert run(["profile", str(Path(config).parent), "--context", "16"]) == 0
        assert "decode" not in capsys.readouterr().err

    def test_fold_and_breakdowns(self, config, capsys):
        assert run(["profile", config, "--prompt", "16", "--fold", "--depth", "4"]) == 0
        assert "    *" in capsys.readouterr().out
        assert run(["profile", config, "--prompt", "16", "--by", "component", "--top", "1"]) == 0
        assert "others" in capsys.readouterr().out

    def test_another_precision(self, config, capsys):
        def joules(*options):
            assert run(["profile", config, "--context", "16", "--json", *options]) == 0
            return json.loads(capsys.readouterr().out)["total"]["energy"]["value"]

        stored = joules()
        assert joules("--precision", "bf16") == stored, "a config is in bfloat16 as it is"
        assert joules("--precision", "int8") < stored < joules("--precision", "float32")
        assert run(["profile", config, "--context", "16", "--precision", "int8+nosuch"]) == 2
        assert "unknown number format" in capsys.readouterr().err

    def test_json_is_one_document(self, config, capsys):
        assert run(["profile", config, "--prompt", "16", "--json"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["schema"] == "picojoule/profile/1"
        assert document["ledger"]["schema"] == "picojoule/ledger/1"
        assert document["ledger"]["meta"]["constants"]

    def test_writes_reports(self, config, tmp_path, capsys):
        folder = tmp_path / "a" / "b"
        assert run(["profile", config, "--prompt", "16", "-o", str(folder)]) == 0
        assert json.loads((folder / "report.json").read_text())["schema"] == "picojoule/ledger/1"
        assert (folder / "report.html").read_text().startswith("<!doctype html>")
        assert "report.html" in capsys.readouterr().err

    @pytest.mark.parametrize(
        ("options", "said"),
        [
            (["--training"], "--training does not apply to a .json model"),
            (["--dim", "batch=1"], "--dim does not apply"),
            ([], "needs a length"),
            (["--prompt", "16", "--on", "h200-sxm"], "did you mean"),
            (["--prompt", "16", "--runtime", "nope"], "no runtime 'nope'"),
            (["--prompt", "16", "--depth", "0"], "start at 1"),
            (["--prompt", "many"], "unable to convert"),
            (["--prompt", "16", "--batch", "0"], "batch is wrong"),
            (["--prompt", "0"], "needs a length"),
            (["--by", "colour"], "colour"),
        ],
    )
    def test_wrong_options(self, config, capsys, options, said):
        assert run(["profile", config, *options]) == 2
        out, err = capsys.readouterr()
        assert said in err
        assert out == ""
        assert "Traceback" not in err

    @pytest.mark.parametrize("name", ["nope.py", "nope.onnx", "model.pt", "."])
    def test_wrong_paths(self, name, tmp_path, capsys):
        (tmp_path / "model.pt").write_bytes(b"")
        assert run(["profile", str(tmp_path / name)]) == 2
        assert str(tmp_path) in capsys.readouterr().err

    def test_spec_gives_model_and_inputs(self, tmp_path, monkeypatch):
        seen = {}

        def trace(model, inputs=None, **options):
            seen.update(options, model=model, inputs=inputs)
            raise InputError("enough")

        spec = tmp_path / "spec.py"
        spec.write_text(SPEC)
        monkeypatch.setattr(pj, "trace", trace, raising=False)
        assert run(["profile", str(spec), "--training"]) == 2
        assert seen["training"] is True
        assert seen["inputs"][0].shape == (1, 3)

    def test_dims_of_onnx(self, tmp_path, monkeypatch, capsys):
        seen = {}

        def trace(model, inputs=None, **options):
            seen.update(options)
            raise InputError("enough")

        model = tmp_path / "m.onnx"
        model.write_bytes(b"")
        monkeypatch.setattr(pj, "trace", trace, raising=False)
        assert run(["profile", str(model), "--dim", "batch=1", "--dim", "seq=8"]) == 2
        assert seen["dims"] == {"batch": 1, "seq": 8}
        assert run(["profile", str(model), "--dim", "batch=zero"]) == 2
        assert "NAME=SIZE" in capsys.readouterr().err


class TestCompare:
    @pytest.mark.parametrize(
        ("scale", "options", "code"),
        [
            (1.0, [], 0),
            (1.0, ["--max-increase", "0"], 0),
            (1.05, [], 0),
            (1.05, ["--max-increase", "2%"], 1),
            (1.05, ["--max-increase", "0.1"], 0),
        ],
    )
    def test_exit_codes(self, saved, capsys, scale, options, code):
        assert run(["compare", saved("a.json"), saved("b.json", scale), *options]) == code
        assert "energy" in capsys.readouterr().out

    def test_inconclusive_across_chips_with_a_warning(self, saved, capsys):
        new = saved("b.json", 1.05, chip_hash="other", chip="other")
        assert run(["compare", saved("a.json"), new, "--max-increase", "2%"]) == 3
        out, err = capsys.readouterr()
        assert "INCONCLUSIVE" in out
        assert "pj: warning: chip: h100-sxm / other" in err

    def test_reads_what_profile_prints(self, config, tmp_path, capsys):
        assert run(["profile", config, "--prompt", "16", "--json"]) == 0
        path = tmp_path / "p.json"
        path.write_text(capsys.readouterr().out)
        assert run(["compare", str(path), str(path), "--json", "--max-increase", "0"]) == 0
        document = json.loads(capsys.readouterr().out)
        assert document["verdict"] == "within"
        assert document["relative"] == 0

    @pytest.mark.parametrize(
        ("text", "said"),
        [
            ('{\n "a": ]}', "bad.json:2:7: not valid JSON"),
            ('{"a": NaN}', "NaN is not a JSON number"),
            ("[" * 100_000, "nested too deeply"),
            ("[]", "not a profile"),
            ('{"schema": "picojoule/optimize/1"}', "pj profile MODEL -o DIR"),
            ('{"schema": "picojoule/ledger/1"}', "missing required field"),
        ],
    )
    def test_bad_files(self, saved, tmp_path, capsys, text, said):
        bad = tmp_path / "bad.json"
        bad.write_text(text)
        assert run(["compare", saved("a.json"), str(bad)]) == 2
        err = capsys.readouterr().err
        assert said in err
        assert "Traceback" not in err

    def test_wrong_rows_say_which_file(self, saved, tmp_path, capsys):
        document = json.loads(Path(saved("a.json")).read_text())
        document["columns"]["low_j"][0] = 1e9
        bad = tmp_path / "bad.json"
        bad.write_text(json.dumps(document))
        assert run(["compare", saved("a.json"), str(bad)]) == 2
        assert "bad.json" in capsys.readouterr().err

    def test_missing_binary_and_giant_files(self, saved, tmp_path, capsys, monkeypatch):
        old = saved("a.json")
        assert run(["compare", old, str(tmp_path / "none.json")]) == 2
        binary = tmp_path / "b.json"
        binary.write_bytes(b"\xff\xfe")
        assert run(["compare", old, str(binary)]) == 2
        monkeypatch.setattr(files, "MAX_BYTES", 10)
        assert run(["compare", old, old]) == 2
        err = capsys.readouterr().err
        assert "can't read: No such file" in err
        assert "not UTF-8" in err
        assert "too large" in err

    def test_bad_bound(self, saved, capsys):
        assert run(["compare", saved("a.json"), saved("b.json"), "--max-increase", "much"]) == 2
        assert "2% or 0.02" in capsys.readouterr().err


class TestOptimize:
    @pytest.fixture
    def spec(self, tmp_path):
        path = tmp_path / "spec.py"
        path.write_text("")
        return str(path)

    def fake(self, monkeypatch, folder, **changes):
        seen = {}

        def optimize(model, **options):
            seen.update(options, model=model)
            options["progress"](SimpleNamespace(done=1, total=3, doing="building x"))
            document = {**optimize_document(), **changes}
            return SimpleNamespace(
                to_dict=lambda: document, chosen=document["chosen"], directory=folder
            )

        monkeypatch.setattr(pj, "optimize", optimize, raising=False)
        return seen

    def test_prints_the_table_and_writes_reports(self, spec, tmp_path, monkeypatch, capsys):
        seen = self.fake(monkeypatch, tmp_path / "out")
        options = ["--max-drop", "1%", "--threads", "1", "--seed", "7", "-o", str(tmp_path / "out")]
        assert run(["optimize", spec, *options]) == 0
        out, err = capsys.readouterr()
        assert "→  prune 30% + int8+bf16" in out
        assert "[1/3] building x" in err
        assert (seen["max_drop"], seen["threads"], seen["seed"]) == (0.01, 1, 7)
        assert "budget_s" not in seen
        document = json.loads((tmp_path / "out" / "report.json").read_text())
        assert document["schema"] == "picojoule/optimize/1"
        assert "Energy against accuracy" in (tmp_path / "out" / "report.html").read_text()

    def test_nothing_chosen_is_inconclusive(self, spec, tmp_path, monkeypatch, capsys):
        self.fake(monkeypatch, tmp_path, chosen=None, verdict="INCONCLUSIVE: too noisy")
        assert run(["optimize", spec, "--json"]) == 3
        assert json.loads(capsys.readouterr().out)["verdict"] == "INCONCLUSIVE: too noisy"

    def test_missing_spec(self, tmp_path, capsys):
        assert run(["optimize", str(tmp_path / "none.py")]) == 2
        assert "no such spec" in capsys.readouterr().err


class TestChipsAndSchema:
    def test_catalogue(self, capsys):
        assert run(["chips"]) == 0
        assert "h100-sxm" in capsys.readouterr().out
        assert run(["chips", "--json"]) == 0
        assert validate(json.loads(capsys.readouterr().out))["schema"] == "picojoule/chips/1"

    def test_one_chip(self, capsys):
        assert run(["chips", "x86-avx512", "--json"]) == 0
        document = validate(json.loads(capsys.readouterr().out))
        assert all(c["source"] and c["evidence"] for c in document["constants"])
        assert run(["chips", "h100"]) == 2
        assert "did you mean" in capsys.readouterr().err

    def test_schemas(self, capsys):
        assert run(["schema"]) == 0
        names = capsys.readouterr().out.split()
        assert names == sorted(DOCUMENTS)
        for name in names:
            assert run(["schema", name]) == 0
            assert f"picojoule/{name}/1" in capsys.readouterr().out
        assert run(["schema", "leger"]) == 2
        assert "did you mean ledger" in capsys.readouterr().err


class TestErrors:
    @pytest.fixture
    def failing(self, monkeypatch, config):
        """fail(error) -> exit code of a command that raises it."""

        def fail(error: BaseException) -> int:
            def trace(*_args, **_options):
                raise error

            monkeypatch.setattr(pj, "trace", trace, raising=False)
            return run(["profile", config])

        return fail

    @pytest.mark.parametrize(
        ("error", "code"),
        [
            (RequirementFailed("no"), 1),
            (InputError("wrong", where="here", fix="mend it"), 2),
            (Inconclusive("too weak"), 3),
            (MissingExtra("torch", "torch"), 4),
        ],
    )
    def test_the_errors_code(self, failing, capsys, error, code):
        assert failing(error) == code
        err = capsys.readouterr().err
        assert f"pj: {error}" in err
        assert "Traceback" not in err

    def test_exit_in_a_spec_is_not_success(self, tmp_path, capsys):
        spec = tmp_path / "spec.py"
        spec.write_text("exit(0)")
        assert run(["profile", str(spec)]) == 2
        assert "ended the program" in capsys.readouterr().err

    def test_interrupt(self, failing, capsys):
        assert failing(KeyboardInterrupt()) == 130
        assert capsys.readouterr().err.endswith("pj: interrupted\n")

    def test_a_bug_says_so_and_keeps_the_traceback(self, failing, capsys, monkeypatch, tmp_path):
        monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
        monkeypatch.delenv("PJ_DEBUG", raising=False)
        assert failing(KeyError("lost")) == 70
        err = capsys.readouterr().err
        assert "bug in picojoule" in err
        assert "Traceback" not in err
        (kept,) = tmp_path.glob("pj-*.txt")
        assert "KeyError: 'lost'" in kept.read_text()

    def test_debug_prints_the_traceback(self, failing, capsys, monkeypatch):
        monkeypatch.setenv("PJ_DEBUG", "1")
        assert failing(KeyError("lost")) == 70
        assert "Traceback" in capsys.readouterr().err

    def test_warnings_are_one_line(self, capsys, monkeypatch, config):
        def trace(*_args, **_options):
            warnings.simplefilter("always")
            warnings.warn("mind the gap", stacklevel=1)
            raise InputError("enough")

        monkeypatch.setattr(pj, "trace", trace, raising=False)
        run(["profile", config])
        assert "pj: warning: mind the gap\n" in capsys.readouterr().err

    @pytest.mark.parametrize("arguments", [["profil"], ["profile"], ["compare", "a"], ["--nope"]])
    def test_usage_errors(self, arguments, capsys):
        assert run(arguments) == 2
        assert "--help" in capsys.readouterr().err

    @pytest.mark.parametrize(
        "line",
        [
            "simulate --trace t.csv --cluster c.toml --seed -1",
            "simulate --trace t.csv --cluster c.toml --days 0",
            "simulate --trace t.csv --cluster c.toml --days 1e9",
            "simulate --trace t.csv --cluster c.toml --ramp-s nan",
            "plan --trace t.csv --cluster c.toml --workers 0",
            "explore space.toml --seed -1",
            "audit snn.py --steps 0",
            "measure spec.py --threads 0",
            "measure spec.py --threads 99999",
            "measure spec.py --budget-s inf",
            "optimize spec.py --threads -1",
            "run --idle-s inf -- true",
            "run --idle-s -1 -- true",
            "run --prometheus 99999 -- true",
        ],
    )
    def test_numbers_beyond_their_bounds(self, line, capsys):
        assert run(line.split()) == 2
        out, err = capsys.readouterr()
        assert "Must be a number from" in err
        assert out == ""

    def test_missing_report_extra_keeps_the_json(self, config, tmp_path, capsys, monkeypatch):
        monkeypatch.setitem(sys.modules, "altair", None)
        assert run(["profile", config, "--prompt", "4", "-o", str(tmp_path)]) == 4
        assert "pip install 'picojoule[report]'" in capsys.readouterr().err
        assert (tmp_path / "report.json").exists()

    def test_unwritable_output(self, config, tmp_path, capsys):
        (tmp_path / "file").write_text("")
        assert run(["profile", config, "--prompt", "4", "-o", str(tmp_path / "file")]) == 2
        told = capsys.readouterr()  # before the work is done, and not after it
        assert told.out == ""
        assert "Must be a folder" in told.err
        assert run(["profile", config, "--prompt", "4", "-o", str(tmp_path / "file" / "x")]) == 2
        assert "can't write" in capsys.readouterr().err

    def test_a_closed_pipe_is_not_an_error(self):
        read, write = os.pipe()
        os.close(read)
        code = "from picojoule.cli import main; main()"
        done = subprocess.run([sys.executable, "-c", code, "chips"], check=False,
                              stdout=write, stderr=subprocess.PIPE, text=True)  # fmt: skip
        os.close(write)
        assert (done.returncode, done.stderr) == (0, "")

    def test_version(self, capsys):
        assert run(["--version"]) == 0
        assert capsys.readouterr().out.strip() == pj.__version__
