"""Is the chosen candidate as good as the best known path? Three models, each in one run.

For digits, MiniLM and MobileNetV2: CPU time per inference of the chosen candidate over the best of
{OpenVINO int8, OpenVINO bf16, ONNX Runtime int8, torch.compile + freezing bf16} (target <= 1.05),
and torch eager over the chosen one (target >= 3), at <= 1 point of accuracy.

python benchmarks/cpu_paths.py [digits minilm mobilenetv2]      wants an idle machine
"""

import sys
import tempfile
from pathlib import Path

import picojoule as pj
from picojoule.search import Front

HERE = Path(__file__).parent
SPECS = {
    "digits": HERE.parent / "examples/digits.py",
    "minilm": HERE.parent / "examples/minilm.py",
    "mobilenetv2": HERE / "mobilenetv2.py",
}
RIVALS = ("openvino int8", "openvino bf16", "onnxruntime int8", "torch-compile bf16")


def row(name: str, front: Front) -> str:
    times = {c.name: c.cpu_s for c in front.candidates if c.cpu_s and c.cpu_s.value > 0}
    if front.chosen is None:
        return f"| {name} | none: {front.verdict} | | | | | |"
    rivals = {r: times[r].value for r in RIVALS if r in times}
    best = min(rivals, key=rivals.__getitem__)
    chosen = front[front.chosen]
    mine, eager = times[chosen.name], times["torch-eager fp32"]
    fp32 = times[front.baseline or "torch-eager fp32"]
    return (
        f"| {name} | {chosen.name} | {mine.value * 1e3:.3f} [{mine.low * 1e3:.3f} .. "
        f"{mine.high * 1e3:.3f}] | {best} {rivals[best] * 1e3:.3f} "
        f"| {mine.value / rivals[best]:.2f} | {eager.value / mine.value:.1f} "
        f"| {fp32.value / mine.value:.1f} "
        f"| {chosen.drop[0]:+.2%}, bound {chosen.drop[2]:.2%}, n={chosen.samples} |"
    )


def main() -> None:
    names = sys.argv[1:] or list(SPECS)
    print("| model | chosen | CPU ms | best rival, CPU ms | chosen/rival | eager/chosen "
          "| best fp32/chosen | drop of accuracy |")  # fmt: skip
    print("|---|---|---|---|---|---|---|---|", flush=True)
    for name in names:
        with tempfile.TemporaryDirectory() as folder:
            # Every candidate is built, so that the rivals are timed in the same run.
            front = pj.optimize(
                SPECS[name],
                directory=folder,
                trials=99,
                budget_s=60,
                prune_ratios=(0.5,) if name == "digits" else (),
                progress=lambda p: print(p.doing, file=sys.stderr),
            )
            print(row(name, front), flush=True)
            for c in sorted(front.candidates, key=lambda c: c.cpu_s.value if c.cpu_s else 9e9):
                print(
                    "   ",
                    c.name,
                    c.status,
                    c.effective_precision,
                    c.cpu_s,
                    c.reason,
                    file=sys.stderr,
                )


if __name__ == "__main__":
    main()
