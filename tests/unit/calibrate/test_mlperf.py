"""MLPerf power rows: networks against published counts, names, units, new boards and systems."""

import os
from pathlib import Path

import numpy as np
import pytest

from picojoule.calibrate.cells import Refused
from picojoule.calibrate.few_shot import few_shot
from picojoule.calibrate.mlperf.cnn import (
    efficientnet_lite,
    mobilenet_v1,
    mobilenet_v2,
    mobilenet_v3,
    resnet50,
)
from picojoule.calibrate.mlperf.edge import classifier, edge
from picojoule.calibrate.mlperf.inference import SET, understood
from picojoule.calibrate.mlperf.systems import levels, parts, system
from picojoule.calibrate.predict import predict_table
from picojoule.calibrate.scores import score
from picojoule.calibrate.table import Table

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[4] / "shared/data"))

# Million MACs and parameters: tensorflow/models, slim/nets/mobilenet_v1.md and mobilenet/README.md;
# tensorflow/tpu, efficientnet/lite; arXiv 1512.03385. MobileNetV3-small: arXiv 1905.02244, table 3.
PUBLISHED = [
    (mobilenet_v1(1.0, 224), 569, 4.24),
    (mobilenet_v1(0.75, 160), 162, 2.59),
    (mobilenet_v1(0.5, 128), 49, 1.34),
    (mobilenet_v1(0.25, 224), 41, 0.47),
    (mobilenet_v2(1.4, 224), 582, 6.06),
    (mobilenet_v2(1.3, 224), 509, 5.34),
    (mobilenet_v2(1.0, 224), 300, 3.47),
    (mobilenet_v2(0.75, 192), 153, 2.61),
    (mobilenet_v2(0.5, 160), 50, 1.95),
    (mobilenet_v2(0.35, 224), 59, 1.66),
    (mobilenet_v3("large", 1.0, 224), 217, 5.4),
    (mobilenet_v3("large", 0.75, 224), 155, 4.0),
    (mobilenet_v3("small", 1.0, 224), 56, 2.5),
    (mobilenet_v3("large", 1.0, 224, minimalistic=True), 209, 3.9),
    (efficientnet_lite(0), 407, 4.7),
    (efficientnet_lite(1), 631, 5.4),
    (efficientnet_lite(2), 899, 6.1),
    (efficientnet_lite(3), 1440, 8.2),
    (efficientnet_lite(4), 2640, 13.0),
    (resnet50(), 4100, 25.6),
]
VIM4 = {
    "version": "v2.1",
    "SystemName": "Khadas VIM4 (vim4)",
    "Platform": "vim4-tflite-v2.7.1-ruy",
    "Model": "mobilenet-v1-1.0-224-quantized",
    "Scenario": "SingleStream",
    "accelerator_model_name": "-",
    "framework": "TFLite v2.7.1 (ruy)",
}
DGX = {
    "version": "v4.0",
    "Division": "closed",
    "SystemName": "NVIDIA DGX H100 (8x H100-SXM-80GB, MaxQ, TensorRT)",
    "Model": "llama2-70b-99.9",
    "Scenario": "Offline",
    "accelerator_model_name": "NVIDIA H100-SXM-80GB",
    "accelerators_per_node": "8",
    "host_processor_model_name": "Intel(R) Xeon(R) Platinum 8480C",
    "host_processors_per_node": "2",
    "framework": "TensorRT 9.3.0, CUDA 12.2",
}


@pytest.mark.parametrize(("cnn", "mega_macs", "mega_parameters"), PUBLISHED)
def test_counts_are_those_published(cnn, mega_macs, mega_parameters):
    # EfficientNet-Lite is published with biases and activations in its MACs: 3 to 6% above.
    assert cnn.macs / 1e6 == pytest.approx(mega_macs, rel=0.06)
    assert cnn.weights / 1e6 == pytest.approx(mega_parameters, rel=0.025)


@pytest.mark.parametrize(
    ("name", "same", "precision"),
    [
        ("mobilenet-v1-0.25-128-non-quantized", mobilenet_v1(0.25, 128), "fp32"),
        ("mobilenet-v1-precision_uint8-0.75-192", mobilenet_v1(0.75, 192), "int8"),
        ("mobilenet-v2-precision_float-0.35-96", mobilenet_v2(0.35, 96), "fp32"),
        ("mobilenet-v2-1.4-224-quantized", mobilenet_v2(1.4, 224), "int8"),
        ("mobilenet-v3-large_224_0.75_float", mobilenet_v3("large", 0.75, 224), "fp32"),
        (
            "mobilenet-v3-precision_uint8-large-minimalistic-224",
            mobilenet_v3("large", 1.0, 224, minimalistic=True),
            "int8",
        ),
        ("efficientnet-lite3-quantized", efficientnet_lite(3), "int8"),
        ("efficientnet-fp32-lite2", efficientnet_lite(2), "fp32"),
        ("resnet50", resnet50(), "fp32"),
    ],
)
def test_both_submitters_names_are_read(name, same, precision):
    assert classifier(name) == (same, precision)


@pytest.mark.parametrize(
    "name", ["mobilenet-v9-1.0-224", "efficientnet-lite7", "mobilenet-v2-7.0-96"]
)
def test_an_unknown_network_is_refused_with_the_nearest(name):
    with pytest.raises(Refused, match="not known"):
        classifier(name)


def test_the_platform_names_the_machine_where_the_system_names_another():
    odroid = {
        **VIM4,
        "SystemName": "NVIDIA Jetson AGX Xavier",
        "Platform": "odroid-tflite-v2.7.1-ruy",
    }
    assert edge(odroid).chip == "ODROID"
    assert edge({**VIM4, "Platform": "xavier-power.0-fan.cool-armnn-v21.11-neon"}).chip == "Xavier"


def test_a_network_on_an_accelerator_of_its_own_is_a_system():
    row = {**VIM4, "Model": "resnet50", "accelerator_model_name": "NVIDIA A2", "Platform": "XR12"}
    assert edge({**row, "framework": "TensorRT 8.4.0"}) is None
    assert edge({**row, "framework": "Onnxruntime v1.14.0"}) is None


def test_joules_follow_the_unit_of_the_scenario():
    stream = {**VIM4, "power_result": "80", "perf_result": "3"}
    assert understood(stream)[1] == pytest.approx(0.080)
    assert understood({**stream, "Scenario": "MultiStream"})[1] == pytest.approx(0.010)
    offline = {**stream, "Scenario": "Offline", "power_units": "Watts"}
    assert understood(offline)[1] == pytest.approx(80 / 3)
    with pytest.raises(Refused, match="inconsistent"):
        understood({**offline, "joules_per_unit_derived": "0.0266"})
    assert np.isnan(understood(VIM4)[1])


def test_a_language_model_counts_tokens_offline_and_queries_in_server():
    offline, server = system(DGX), system({**DGX, "Scenario": "Server"})
    assert offline.by_token
    assert not server.by_token
    assert server.macs == pytest.approx(294.45 * offline.macs)


def test_a_stream_uses_one_accelerator_and_waits_with_the_others():
    one, many = (
        system({**DGX, "Model": "bert-99", "Scenario": s}) for s in ("SingleStream", "Offline")
    )
    (board, alone), (same, shared) = parts([one, many])
    assert board == same
    assert alone > 8 * shared


def test_a_system_is_its_hardware_whoever_submits_it():
    again = {**DGX, "SystemName": "H100 of another name", "version": "v3.1"}
    assert system(again).name == system(DGX).name == SET.group(system(DGX))
    assert len(set(levels(system(DGX)))) == len(levels(system(DGX)))


def cells(rows, given=None):
    def table(some):
        columns = tuple(dict.fromkeys(c for row in some for c in row))
        return Table(columns, tuple({c: row.get(c, "") for c in columns} for row in some))

    return predict_table(SET, table(rows), table(given) if given else None)


def test_rows_of_boards_and_systems_keep_their_order():
    rows = [
        DGX,
        VIM4,
        {**DGX, "Model": "bert-99"},
        {**VIM4, "Model": "efficientnet-lite4-quantized"},
    ]
    together = cells(rows)
    assert [c["predicted_j"] for c in together] == [cells([row])[0]["predicted_j"] for row in rows]


def test_a_new_board_is_unavailable_until_a_few_rows_are_given():
    new = {**VIM4, "Platform": "toaster-tflite-v2.7.1-ruy", "SystemName": "Toaster"}
    known = [{**VIM4, "Model": f"mobilenet-v2-1.0-{side}-quantized"} for side in (96, 160, 224)]
    joules = [2.0 * float(c["predicted_j"]) for c in cells(known)]
    rows = [
        {
            **row,
            "Platform": new["Platform"],
            "SystemName": "Toaster",
            "joules_per_unit_derived": str(j),
        }
        for row, j in zip(known, joules, strict=True)
    ]
    (before,), (after,), (old,) = cells([new]), cells([new], rows), cells([VIM4])
    assert before["evidence"] == "unavailable"
    assert "toaster" in before["reason"]
    assert after["evidence"] == "calibrated"
    assert float(after["predicted_j"]) / float(old["predicted_j"]) == pytest.approx(2.0, rel=0.25)
    assert cells([VIM4], rows)[0]["predicted_j"] == old["predicted_j"]


def test_an_accelerator_without_datasheet_is_unavailable_until_rows_are_given():
    new = {**DGX, "Model": "bert-99", "accelerator_model_name": "Abacus 3000"}
    measured = {**new, "Model": "resnet50", "joules_per_unit_derived": "0.02"}
    assert cells([new])[0]["evidence"] == "unavailable"
    assert "Abacus" in cells([new])[0]["reason"] or "abacus" in cells([new])[0]["reason"]
    (after,) = cells([{**new, "Model": "resnet50"}], [measured])
    assert float(after["predicted_j"]) == pytest.approx(0.02, rel=0.3)


def test_an_accelerator_known_by_its_datasheet_alone_says_so():
    (cell,) = cells([{**DGX, "Model": "bert-99", "accelerator_model_name": "NVIDIA T4"}])
    assert cell["evidence"] == "calibrated"
    assert "datasheet" in cell["reason"]
    assert float(cell["high_j"]) / float(cell["low_j"]) > 4.0


@pytest.fixture(scope="module")
def measured():
    if not (DATA / "mlperf_power/inference.csv").exists():
        pytest.skip("the public measurements are not here: set PICOJOULE_DATA")
    parsed = SET.parse(SET.find(DATA))
    rows = parsed.usable()
    return [parsed.configs[i] for i in rows], parsed.energy_j[rows]


def test_a_family_and_a_system_that_are_left_out_are_predicted(measured):
    configs, energy_j = measured
    groups = np.array([SET.group(c) for c in configs])
    targets = {"mobilenet-v3-large": (0.10, 0.15), "8 x A100-SXM-80GB in Altra-Q80-30": (0.2, 0.3)}
    kept = np.flatnonzero(~np.isin(groups, list(targets))).tolist()
    model = SET.fit([configs[i] for i in kept], energy_j[kept])
    for group, (median, mean) in targets.items():
        rows = np.flatnonzero(groups == group).tolist()
        answer = model.predict([configs[i] for i in rows])
        found = score(answer.energy_j, energy_j[rows], answer.low_j, answer.high_j)
        assert found.median < median, group
        assert found.mean < mean, group
        assert found.coverage > 0.8, group


def test_a_raspberry_pi_that_was_never_seen_is_told_by_five_rows(measured):
    configs, energy_j = measured
    found = few_shot(SET, configs, energy_j, lambda c: SET.board(c) == "BCM2711", seeds=10)
    assert found.scores.median < 0.15
    assert found.scores.mean < 0.20
    assert found.scores.coverage > 0.85


def test_few_shot_needs_more_rows_than_it_gives(measured):
    with pytest.raises(ValueError, match="too few"):
        few_shot(SET, *measured, lambda c: False)
