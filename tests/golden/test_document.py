"""One JSON document of `pj profile` equals the stored one, number for number.

PJ_UPDATE_GOLDEN=1 rewrites it.
"""

import json
import os
from pathlib import Path

import pytest

from picojoule.cli import run

HERE = Path(__file__).parent
CONFIG = {
    "model_type": "llama", "hidden_size": 64, "intermediate_size": 160, "num_hidden_layers": 2,
    "num_attention_heads": 4, "num_key_value_heads": 2, "vocab_size": 100,
    "tie_word_embeddings": False,
}  # fmt: skip


def assert_same(found, stored, where=""):
    """Equal in shape and words; numbers to 9 digits, since sums may be taken in another order."""
    assert type(found) is type(stored), where
    if isinstance(stored, dict):
        assert found.keys() == stored.keys(), where
        for key in stored:
            assert_same(found[key], stored[key], f"{where}.{key}")
    elif isinstance(stored, list):
        assert len(found) == len(stored), where
        for i, (a, b) in enumerate(zip(found, stored, strict=True)):
            assert_same(a, b, f"{where}[{i}]")
    elif isinstance(stored, float):
        assert found == pytest.approx(stored, rel=1e-9), where
    else:
        assert found == stored, where


def test_profile_document(tmp_path, capsys):
    config = tmp_path / "config.json"
    config.write_text(json.dumps(CONFIG))
    chip = str(HERE / "chip.toml")
    assert run(["profile", str(config), "--on", chip, "--context", "5", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    path = HERE / "profile.json"
    if os.environ.get("PJ_UPDATE_GOLDEN") == "1":
        path.write_text(json.dumps(found, indent=1) + "\n")
    assert_same(found, json.loads(path.read_text()))
