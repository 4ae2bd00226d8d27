"""Writes golden values of the `debug` model, for the Java implementation to reproduce.

Everything that goes in is a formula (formulas.py), so the file holds only what comes out.
The model, its loss and gradients are then computed in float64. Entries of the file:
    x_t, output                   float32 [L, P]: the network's input and prediction, flow objective
    squared_error                 float64 [S]: the sum over each clip
    loss                          float64 [1]: their sum over L·P
    loss/ddpm-linear, /ddpm-cosine  float64 [1]: the loss with these objectives, at the ddpm times of CLIPS
    grad/NAME                     float32: the gradient of `loss`, in the parameter's shape, up to 256 elements
    grad/NAME/samples             float32 [64]: else the elements k·floor(size / 64), k = 0 … 63,
    grad/NAME/norm                float64 [1]: the L2 norm of all its elements, and, as samples may lie in one column,
    grad/NAME/projection          float64 [1]: Σ g[i]·sin(0.37·i) over all of them
    alpha_bar/times               int64: t of the next two
    alpha_bar/linear, /cosine     float64: ᾱ_t of the two ddpm schedules

    python golden.py [--output FILE]     by default benchmarks/src/test/resources/golden/debug.safetensors
"""

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

import formulas
from diffusion import alpha_bars
from dit import PRESETS, Shape, parameter_names

ALPHA_BAR_TIMES = [0, 1, 250, 500, 999]
FULL_GRADIENT = 256
SAMPLES = 64


def gradient_entries(name: str, gradient: torch.Tensor):
    if gradient.numel() <= FULL_GRADIENT:
        yield f"grad/{name}", gradient.float()
        return
    flat = gradient.flatten()
    i = torch.arange(flat.numel(), dtype=torch.float64)
    yield f"grad/{name}/samples", flat[:: flat.numel() // SAMPLES][:SAMPLES].float()
    yield f"grad/{name}/norm", flat.norm().reshape(1)
    yield f"grad/{name}/projection", (flat * torch.sin(0.37 * i)).sum().reshape(1)


def golden(shape: Shape) -> dict[str, torch.Tensor]:
    model = formulas.formula_model(shape)
    xLP, outputLP, errorsS, loss = formulas.step_loss(model, shape, "flow")
    loss.backward()
    entries = {"x_t": xLP.float(), "output": outputLP.float(), "squared_error": errorsS, "loss": loss.reshape(1)}
    for name in parameter_names(shape):
        entries.update(gradient_entries(name, model.get_parameter(name).grad))
    entries["alpha_bar/times"] = torch.tensor(ALPHA_BAR_TIMES)
    for schedule in ("linear", "cosine"):
        entries[f"alpha_bar/{schedule}"] = alpha_bars(schedule)[ALPHA_BAR_TIMES]
        with torch.no_grad():
            entries[f"loss/ddpm-{schedule}"] = formulas.step_loss(model, shape, f"ddpm-{schedule}")[3].reshape(1)
    return {name: entry.detach().contiguous() for name, entry in entries.items()}


def main() -> None:
    resources = Path(__file__).resolve().parents[2] / "benchmarks/src/test/resources"
    parser = argparse.ArgumentParser(description="Write golden values of the debug model.")
    parser.add_argument("--output", type=Path, default=resources / "golden/debug.safetensors")
    output = parser.parse_args().output
    torch.set_num_threads(1)
    entries = golden(PRESETS["debug"])
    output.parent.mkdir(parents=True, exist_ok=True)
    save_file(entries, output, metadata={"about": formulas.__doc__ + "\n" + __doc__})
    print(f"{output}: {len(entries)} entries, {output.stat().st_size:,} bytes, loss {entries['loss'].item():.9f}")


if __name__ == "__main__":
    main()
