"""Every measured set keeps one contract: rows in order, nothing guessed, nothing measured read.

PICOJOULE_DATA names the folder of public measurements; what needs it is skipped without it.
A set adds its EXAMPLES (configurations that must be predicted) and SPOILED (changes of its first
example that must be refused, with a word of the reason).
"""

import os
from pathlib import Path

import numpy as np
import pytest

from picojoule.calibrate.predict import predict, predict_table
from picojoule.calibrate.refit import refit
from picojoule.calibrate.sets import SETS, measured_set
from picojoule.calibrate.table import ADDED, Table, read_table, write_table
from picojoule.errors import InputError

DATA = Path(os.environ.get("PICOJOULE_DATA", Path(__file__).parents[3] / "shared/data"))

V3 = {
    "task": "lm-arena-chat",
    "model_id": "meta-llama/Llama-3.1-8B-Instruct",
    "gpu_model": "H100",
    "num_gpus": "1",
    "max_num_seqs": "64",
    "tensor_parallel": "1",
    "expert_parallel": "1",
    "data_parallel": "1",
    "weight_precision": "bfloat16",
}
V2 = {
    "task": "llm_text_generation/chat",
    "Model": "meta-llama/Meta-Llama-3.1-8B-Instruct",
    "GPU": "NVIDIA A100-SXM4-40GB",
    "TP": "1",
    "PP": "1",
    "Max BS (reqs)": "64",
}
DIFFUSION = {
    "task": "text-to-image",
    "model_id": "stabilityai/stable-diffusion-3.5-large",
    "gpu_model": "B200",
    "num_gpus": "4",
    "ulysses_degree": "2",
    "ring_degree": "2",
    "batch_size": "8",
    "inference_steps": "28",
    "image_height": "1024",
    "image_width": "1024",
    "weight_precision": "bfloat16",
}
VIDEO = {
    "task": "text-to-video",
    "model_id": "Wan-AI/Wan2.1-T2V-14B-Diffusers",
    "gpu_model": "H100",
    "batch_size": "1",
}
TINY = {
    "version": "v1.1",
    "Benchmark": "vww",
    "Organization": "STMicrolectronics",
    "Board Name": "NUCLEO-L4R5ZI",
    "Processor(s) Frequencies": "120 MHz",
    "Hardware Notes": "Operating at 1.8V / Single Bank Mode Activated",
    "Inference Framework": "X-CUBE-AI v8.1.0",
}
ZEUS = {
    "gpu": "a40",
    "dataset": "imagenet",
    "network": "resnet50",
    "batch_size": "64",
    "optimizer": "adadelta",
    "power_limit": "150",
}
MLPERF = {
    "version": "v3.1",
    "Division": "closed",
    "SystemName": "NVIDIA DGX H100 (8x H100-SXM-80GB, MaxQ, TensorRT)",
    "Platform": "DGX-H100_H100-SXM-80GBx8_TRT_MaxQ",
    "Model": "bert-99",
    "MlperfModel": "bert-99",
    "Scenario": "Offline",
    "accelerator_model_name": "NVIDIA H100-SXM-80GB",
    "accelerators_per_node": "8",
    "number_of_nodes": "1",
    "host_processor_model_name": "Intel(R) Xeon(R) Platinum 8480C",
    "host_processors_per_node": "2",
    "framework": "TensorRT 9.0.0, CUDA 12.2",
}
MLPERF_EDGE = {
    **MLPERF,
    "version": "v2.1",
    "Division": "open",
    "SystemName": "Khadas VIM4 (vim4)",
    "Platform": "vim4-tflite-v2.7.1-ruy",
    "Model": "mobilenet-v1-0.5-160-quantized",
    "MlperfModel": "resnet",
    "Scenario": "SingleStream",
    "accelerator_model_name": "-",
    "accelerators_per_node": "0",
    "host_processor_model_name": "Amlogic A311D2: Arm Cortex-A73 (big); Arm Cortex-A53 (LITTLE)",
    "host_processors_per_node": "1",
    "framework": "TFLite v2.7.1 (ruy)",
}
EXAMPLES = {
    "mlenergy-v3": [
        V3,
        {**V3, "avg_batch_size": "63.2", "avg_output_len": "350"},
        {**V3, "model_id": "openai/gpt-oss-20b", "weight_precision": "mxfp4"},
    ],
    "mlenergy-v2": [
        V2,
        {**V2, "Avg BS (reqs)": "60.1", "Avg Output Tokens": "480"},
        {**V2, "Model": "google/gemma-2-9b-it"},
    ],
    "mlenergy-v3-diffusion": [
        DIFFUSION,
        VIDEO,
        {**VIDEO, "num_gpus": "8", "ulysses_degree": "8", "ring_degree": "1"},
        {**DIFFUSION, "gpu_model": "A100"},
        {k: DIFFUSION[k] for k in ("model_id", "gpu_model", "batch_size")},
    ],
    "mlperf-tiny": [TINY, {"Benchmark": "ic", "Board Name": "NUCLEO-L4R5ZI"}],
    "mlperf-inference": [
        MLPERF,
        MLPERF_EDGE,
        {**MLPERF, "Scenario": "Server", "accelerator_model_name": "NVIDIA A100-PCIe-80GB"},
        {**MLPERF_EDGE, "Model": "efficientnet-fp32-lite2", "Platform": "vim4-tflite-v2.20-ruy"},
    ],
    "zeus-power-limit": [ZEUS, {**ZEUS, "gpu": "Tesla V100"}],
}
SPOILED = {
    "mlenergy-v3": [
        ({"model_id": "meta-llama/Llama-3.1-8B-Instrukt"}, "Llama-3.1-8B-Instruct"),
        ({"gpu_model": "H10O"}, "H100"),
        ({"task": "lm-arena-chatt"}, "lm-arena-chat"),
        ({"weight_precision": "int5"}, "precision"),
        ({"num_gpus": "3", "tensor_parallel": "3"}, "split"),
        ({"num_gpus": "2"}, "num_gpus"),
        ({"num_gpus": "2", "expert_parallel": "2"}, "experts"),
        ({"num_gpus": "0"}, "num_gpus"),
        ({"num_gpus": "1.5"}, "num_gpus"),
        ({"max_num_seqs": "-8"}, "max_num_seqs"),
        ({"max_num_seqs": "nan"}, "max_num_seqs"),
        ({"max_num_seqs": "", "avg_batch_size": ""}, "batch"),
        ({"avg_batch_size": "inf"}, "avg_batch_size"),
        ({"avg_output_len": "0"}, "avg_output_len"),
        ({"model_id": "meta-llama/Llama-3.1-405B-Instruct-FP8"}, "memory"),
        ({"energy_per_token_joules": "-1"}, "joules"),
        ({"energy_per_token_joules": "0"}, "joules"),
        ({"energy_per_token_joules": "one"}, "joules"),
    ],
    "mlenergy-v2": [
        ({"Model": "meta-llama/Meta-Llama-3.1-8B-Instrukt"}, "Meta-Llama-3.1-8B-Instruct"),
        ({"GPU": "NVIDIA A1O0-SXM4-40GB"}, "A100"),
        ({"task": "llm_text_generation/chatt"}, "llm_text_generation/chat"),
        ({"TP": "3"}, "split"),
        ({"TP": "-1"}, "TP"),
        ({"PP": "nan"}, "PP"),
        ({"Max BS (reqs)": "0"}, "Max BS"),
        ({"Avg BS (reqs)": "inf"}, "Avg BS"),
        ({"Avg Output Tokens": "-3"}, "Avg Output Tokens"),
        ({"Model": "meta-llama/Meta-Llama-3.1-405B-Instruct"}, "memory"),
        ({"Energy/req (J)": "-1"}, "joules"),
        ({"Energy/req (J)": "0"}, "joules"),
    ],
    "mlenergy-v3-diffusion": [
        ({"model_id": "stabilityai/stable-diffusion-3.5-lagre"}, "stable-diffusion-3.5-large"),
        ({"model_id": ""}, "model_id"),
        ({"gpu_model": "B2OO"}, "B200"),
        ({"task": "text-to-video"}, "makes one image"),
        ({"num_gpus": "8"}, "ulysses × ring"),
        ({"ulysses_degree": "4", "ring_degree": "1"}, "split"),
        ({"num_gpus": "0"}, "num_gpus"),
        ({"batch_size": "-1"}, "batch_size"),
        ({"batch_size": "2.5"}, "whole"),
        ({"batch_size": "nan"}, "batch_size"),
        ({"inference_steps": "inf"}, "inference_steps"),
        ({"image_height": "1e9"}, "image_height"),
        ({"weight_precision": "int3"}, "precision"),
        ({"energy_per_image_joules": "0"}, "joules"),
        ({"energy_per_image_joules": "-3"}, "joules"),
        ({"energy_per_image_joules": "many"}, "joules"),
        (
            {
                "energy_per_image_joules": "2",
                "avg_power_watts": "1000",
                "throughput_images_per_sec": "1",
            },
            "inconsistent",
        ),
    ],
    "mlperf-tiny": [
        ({"Benchmark": "vvw"}, "vww"),
        ({"Board Name": "NUCLEO-L4R5Z1"}, "NUCLEO-L4R5ZI"),
        ({"Board Name": ""}, "Board Name"),
        ({"Processor(s) Frequencies": "fast"}, "Frequencies"),
        ({"median_energy_cost": "0"}, "joules"),
        ({"median_energy_cost": "-1"}, "joules"),
        ({"median_energy_cost_metric": "kWh"}, "metric"),
    ],
    "mlperf-inference": [
        ({"Model": "berth-99"}, "bert-99"),
        ({"Model": "mobilenet-v4-1.0-224"}, "not known"),
        ({"Scenario": "Offlines"}, "Offline"),
        ({"accelerator_model_name": "NVIDIA H1OO"}, "h100"),
        ({"accelerators_per_node": "-8"}, "accelerators_per_node"),
        ({"accelerators_per_node": "2.5"}, "whole"),
        ({"number_of_nodes": "nan"}, "number_of_nodes"),
        ({"host_processors_per_node": "inf"}, "host_processors_per_node"),
        ({**MLPERF_EDGE, "Model": "mobilenet-v1-9.5-160-quantized"}, "not known"),
        (
            {
                **MLPERF_EDGE,
                "SystemName": "Toaster",
                "Platform": "toaster-tflite-ruy",
                "host_processor_model_name": "Cortex-M0",
            },
            "toaster",
        ),
        ({"joules_per_unit_derived": "0"}, "joules"),
        ({"joules_per_unit_derived": "-1"}, "joules"),
        ({"power_units": "millijoules"}, "power_units"),
        (
            {"joules_per_unit_derived": "2", "power_result": "1000", "perf_result": "1"},
            "inconsistent",
        ),
    ],
    "zeus-power-limit": [
        ({"gpu": "a4o"}, "a40"),
        ({"network": "resnet5O"}, "resnet50"),
        ({"network": ""}, "network"),
        ({"power_limit": "400"}, "power_limit"),
        ({"power_limit": "-1"}, "power_limit"),
        ({"power_limit": ""}, "power_limit"),
        ({"batch_size": "0"}, "batch_size"),
        ({"time_per_epoch": "0"}, "seconds above 0"),
        ({"average_power": "5000"}, "average_power"),
        (
            {"average_power": "100", "time_per_epoch": "60", "energy_per_epoch": "6"},
            "inconsistent",
        ),
    ],
}
every = pytest.mark.parametrize("name", list(SETS))


def table(rows):
    columns = tuple(dict.fromkeys(c for row in rows for c in row))
    return Table(columns, tuple({c: row.get(c, "") for c in columns} for row in rows), "rows.csv")


def numbers(cells):
    return np.array([[float(c[k]) for k in ("low_j", "predicted_j", "high_j")] for c in cells])


def shared(name):
    """The set's table; a skip where there are no measurements at all."""
    if not DATA.exists():
        pytest.skip("the public measurements are not here: set PICOJOULE_DATA")
    return measured_set(name).find(DATA)


def without(table, columns):
    kept = tuple(c for c in table.columns if c not in columns)
    return Table(kept, tuple({c: row[c] for c in kept} for row in table.rows), table.where)


@every
def test_examples_are_predicted_with_an_interval(name):
    cells = predict_table(measured_set(name), table(EXAMPLES[name]))
    assert [c["evidence"] for c in cells] == ["calibrated"] * len(cells), cells
    low, middle, high = numbers(cells).T
    assert (low > 0).all()
    assert (low <= middle).all()
    assert (middle <= high).all()


@every
def test_a_spoiled_row_is_unavailable_with_its_reason_and_spoils_no_other(name):
    first = EXAMPLES[name][0]
    rows = [first, *({**first, **change} for change, _ in SPOILED[name]), first]
    cells = predict_table(measured_set(name), table(rows))
    assert len(cells) == len(rows)
    for cell, (change, word) in zip(cells[1:-1], SPOILED[name], strict=True):
        assert cell["evidence"] == "unavailable", change
        assert cell["predicted_j"] == cell["low_j"] == cell["high_j"] == "", change
        assert word in cell["reason"], (change, cell["reason"])
    assert cells[0] == cells[-1] == predict_table(measured_set(name), table([first]))[0]


@every
def test_a_column_that_is_needed_and_missing_is_said(name):
    with pytest.raises(InputError, match="column is missing"):
        predict_table(measured_set(name), Table(("something",), ({"something": "1"},)))


@every
def test_rows_come_back_in_their_order_with_five_more_columns(name, tmp_path):
    rows = table([*EXAMPLES[name], {**EXAMPLES[name][0], **SPOILED[name][0][0]}])
    write_table(rows, [{}] * len(rows.rows), tmp_path / "in.csv")
    asked = without(read_table(tmp_path / "in.csv"), ADDED)
    predict(tmp_path / "in.csv", name, out=tmp_path / "out.csv")
    answer = read_table(tmp_path / "out.csv")
    assert answer.columns == (*asked.columns, *ADDED)
    assert without(answer, ADDED).rows == asked.rows


@every
def test_measured_columns_are_not_read_when_predicting(name):
    known, everything = measured_set(name), shared(name)
    rows = known.parse(everything).usable()
    blind = predict_table(known, without(everything, known.measured))
    seeing = predict_table(known, everything)
    assert rows.size
    assert [blind[i] for i in rows] == [seeing[i] for i in rows]


@every
def test_refused_rows_say_why(name):
    parsed = measured_set(name).parse(shared(name))
    for config, reason in zip(parsed.configs, parsed.reasons, strict=True):
        assert config is not None or reason


@every
def test_the_shipped_constants_are_those_of_the_shared_rows(name):
    known, everything = measured_set(name), shared(name)
    parsed = known.parse(everything)
    configs = [c for c in parsed.configs if c is not None]
    again, rows = refit(name, DATA)
    ours, fresh = known.shipped().predict(configs), again.predict(configs)
    assert rows == parsed.usable().size
    for column in ("energy_j", "low_j", "high_j"):
        np.testing.assert_allclose(getattr(ours, column), getattr(fresh, column), rtol=0.01)
