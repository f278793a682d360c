"""The co2_eq_emissions block: round trips, PyYAML as the oracle, and what the Hub's cards hold."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from picojoule.carbon import footprint
from picojoule.carbon.model_card import ModelCard, card_of, read_card, write_card
from picojoule.errors import InputError

words = st.none() | st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=60)
cards = st.builds(ModelCard, st.none() | st.floats(0, 1e12), words, words, words, words)


@given(cards)
def test_what_is_written_is_read(card):
    assert read_card("---\nlicense: mit\n" + write_card(card) + "tags: [a]\n---\n# Title\n") == card


@given(cards)
def test_another_yaml_reader_agrees(card):
    yaml = pytest.importorskip("yaml")
    block = yaml.safe_load(write_card(card))["co2_eq_emissions"] or {}
    # YAML 1.1 takes 1e-05 for text: the Hub's own reader then converts it
    if "emissions" in block:
        block["emissions"] = float(block["emissions"])
    assert ModelCard(block.pop("emissions", None), **block) == card


@pytest.mark.parametrize(
    ("text", "expected"),
    [("co2_eq_emissions: 149200\n", ModelCard(149200)),
     ("co2_eq_emissions: 149200 g\n", ModelCard(149200)),
     ("co2_eq_emissions: 149.2 kg # total\n", ModelCard(149200)),
     ("co2_eq_emissions:\n  emissions: 0.5\n  source: Auto # x\n", ModelCard(0.5, "Auto")),
     ("co2_eq_emissions:\n  emissions:\n  source: 'it''s'\n", ModelCard(None, "it's")),
     ("co2_eq_emissions:\n  emissions: null\nlicense: mit\n", ModelCard(None)),
     ('co2_eq_emissions:\n\n  # x\n  source: "\\"b\\" \\u00e9"\n', ModelCard(None, '"b" é')),
     ("license: mit\n", None), ("", None),
     ("---\nlicense: mit\n---\nco2_eq_emissions: 3\n", None)],
)  # fmt: skip
def test_cards_in_the_wild(text, expected):
    assert read_card(text) == expected


@pytest.mark.parametrize(
    ("text", "said"),
    [("co2_eq_emissions: -1\n", "negative"),
     ("co2_eq_emissions: lots\n", "line 1"),
     ("co2_eq_emissions: {emissions: 1}\n", "line 1"),
     ("co2_eq_emissions: 1\nco2_eq_emissions: 2\n", "twice"),
     ("co2_eq_emissions:\n  emissions: 1\n  emission: 2\n", "line 3.*unknown"),
     ("co2_eq_emissions:\n  emissions: 1\n  emissions: 2\n", "line 3"),
     ("co2_eq_emissions:\n  source: !!python/object:os.system x\n", "line 2"),
     ("co2_eq_emissions:\n  source: *anchor\n", "line 2"),
     ("co2_eq_emissions:\n  source:\n    nested: 1\n", "line 3"),
     ('co2_eq_emissions:\n  source: "open\n', "line 2"),
     ("co2_eq_emissions:\n  source: 'open\n", "line 2"),
     ('co2_eq_emissions:\n  source: "\\ud800"\n', "line 2"),
     ('co2_eq_emissions:\n  source: "\\q"\n', "line 2"),
     ("co2_eq_emissions:\n  source: " + "x" * 5000, "too long"),
     ("x" * 1_000_001, "too large")],
)  # fmt: skip
def test_what_is_refused_says_where(text, said):
    with pytest.raises(InputError, match=f"(?s){said}"):
        read_card(text)


def test_a_footprints_card_says_what_is_not_in_it():
    card = card_of(footprint(3.6e6, "FRA", pue=1.0), "fine-tuning")
    assert card.emissions == 56.04
    assert card.geographical_location == "France"
    assert "without device" in str(card.source)
    assert "emissions: 56.04" in write_card(card)


def test_an_empty_card_is_null():
    assert write_card(ModelCard(None)) == "co2_eq_emissions: null\n"
    assert read_card(write_card(ModelCard(None))) == ModelCard(None)
