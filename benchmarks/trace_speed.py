"""Trace and estimate Llama-3-70B, prefill of 1,024 tokens, on h100-sxm: CPU seconds and memory.

python benchmarks/trace_speed.py        target: <= 2.5 s CPU and <= 1 GB, no weights
"""

import resource
import time

import picojoule as pj
from picojoule.graph import count

LLAMA_3_70B = {
    "model_type": "llama", "hidden_size": 8192, "intermediate_size": 28672,
    "num_hidden_layers": 80, "num_attention_heads": 64, "num_key_value_heads": 8,
    "vocab_size": 128256, "tie_word_embeddings": False,
}  # fmt: skip


def through_config() -> pj.Graph:
    return pj.trace(LLAMA_3_70B, prompt=1024)


def through_module() -> pj.Graph:
    """The same model as an nn.Module of transformers, on the meta device."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM

    config = LlamaConfig(**LLAMA_3_70B, use_cache=False, dtype="bfloat16")
    build = lambda: LlamaForCausalLM(config).bfloat16()  # noqa: E731
    return pj.trace(build, torch.zeros(1, 1024, dtype=torch.long))


def main() -> None:
    for path in (through_config, through_module):
        start = time.process_time()
        graph = path()
        traced = time.process_time()
        ledger = pj.estimate(graph, on="h100-sxm")
        total = ledger.total()
        done = time.process_time()
        peak_mb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e3
        print(
            f"{path.__name__}: {len(graph.ops)} ops, {count(graph).macs / 1e12:.2f} TMAC, "
            f"trace {traced - start:.2f} s, estimate {done - traced:.2f} s CPU, "
            f"peak {peak_mb:.0f} MB; {total}"
        )


if __name__ == "__main__":
    main()
