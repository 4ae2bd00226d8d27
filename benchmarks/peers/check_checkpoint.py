"""Loads a Kinema checkpoint and prints the loss of its weights on the inputs of formulas.py, in float32.

Kinema prints its own loss on the same inputs; the two agree to 1e-4.

    python check_checkpoint.py --checkpoint RUN/checkpoints/step-00000100 [--json FILE]
"""

import argparse
import json
import sys
from pathlib import Path

import numpy as np
import torch

from diffusion import OBJECTIVES
from dit import Shape, SpacetimeDit
from formulas import step_loss


class BadCheckpoint(Exception):
    """One line for the user."""


def read_safetensors(path: Path) -> dict[str, np.ndarray]:
    """A reader of the format for machines without the safetensors package; float32 only, as Kinema writes."""
    data = path.read_bytes()
    header_end = 8 + int.from_bytes(data[:8], "little")
    arrays = {}
    for name, entry in json.loads(data[8:header_end]).items():
        if name == "__metadata__":
            continue
        if entry["dtype"] != "F32":
            raise BadCheckpoint(f"{path}: {name} is {entry['dtype']}, expected F32")
        start, end = (header_end + offset for offset in entry["data_offsets"])
        arrays[name] = np.frombuffer(data[start:end], dtype="<f4").reshape(entry["shape"])
    return arrays


def load_arrays(path: Path) -> tuple[dict[str, np.ndarray], str]:
    """The arrays, and what read them."""
    try:
        from safetensors.numpy import load_file
    except ImportError:
        return read_safetensors(path), "numpy"
    return load_file(path), "safetensors"


def find(path: Path) -> Path:
    """A checkpoint or an exported file; of a run the newest checkpoint."""
    steps = sorted((path / "checkpoints").glob("step-*")) or sorted(path.glob("step-*"))
    return steps[-1] if steps else path


def metadata(path: Path) -> dict:
    """The config of an exported file, which says it in its header."""
    data = path.read_bytes()
    strings = json.loads(data[8 : 8 + int.from_bytes(data[:8], "little")]).get("__metadata__", {})
    if "model" not in strings:
        raise BadCheckpoint(f"{path}: it does not say which model its weights are of")
    return {"model": json.loads(strings["model"]), "diffusion": strings["diffusion"]}


def load_shape(state: Path) -> tuple[Shape, str]:
    """The model's shape and the diffusion objective, from state.json or an exported file."""
    try:
        config = json.loads(state.read_text("utf-8"))["config"] if state.suffix == ".json" else metadata(state)
        model, objective = config["model"], config["diffusion"]
        shape = Shape(
            depth=model["depth"],
            width=model["width"],
            heads=model["heads"],
            caption_depth=model["captionDepth"],
            caption_width=model["captionWidth"],
            caption_heads=model["captionHeads"],
            patch=tuple(model["patch"]),
        )
    except KeyError as missing:
        raise BadCheckpoint(f"{state}: no field {missing} in config") from missing
    if objective not in OBJECTIVES:
        raise BadCheckpoint(f"{state}: diffusion is '{objective}', expected one of {', '.join(OBJECTIVES)}")
    return shape, objective


def load_model(shape: Shape, arrays: dict[str, np.ndarray], path: Path) -> SpacetimeDit:
    model = SpacetimeDit(shape)
    expected = {name: tuple(p.shape) for name, p in model.named_parameters()}
    found = {name: array.shape for name, array in arrays.items()}
    for name in sorted(expected.keys() | found.keys()):
        if expected.get(name) != found.get(name):
            raise BadCheckpoint(f"{path}: {name} has shape {found.get(name)}, expected {expected.get(name)}")
    model.load_state_dict({name: torch.from_numpy(array.copy()) for name, array in arrays.items()})
    return model


def check(checkpoint: Path) -> dict:
    checkpoint = find(checkpoint)
    is_file = checkpoint.is_file()
    shape, objective = load_shape(checkpoint if is_file else checkpoint / "state.json")
    weights = checkpoint if is_file else checkpoint / "model.safetensors"
    arrays, reader = load_arrays(weights)
    model = load_model(shape, arrays, weights)
    with torch.no_grad():
        loss = step_loss(model, shape, objective)[3].item()
    parameters = sum(array.size for array in arrays.values())
    return {"diffusion": objective, "parameters": parameters, "reader": reader, "loss": loss}


def main() -> int:
    parser = argparse.ArgumentParser(description="Print the loss of a checkpoint on the inputs of formulas.py.")
    parser.add_argument("--checkpoint", type=Path, required=True, help="checkpoint, run or exported file")
    parser.add_argument("--json", type=Path, help="also write the result to this file")
    flags = parser.parse_args()
    try:
        result = check(flags.checkpoint)
    except (BadCheckpoint, FileNotFoundError) as mistake:
        print(mistake, file=sys.stderr)
        return 2
    if flags.json:
        flags.json.write_text(json.dumps(result) + "\n", "utf-8")
    print(f"{result['diffusion']}, {result['parameters']:,} parameters, read by {result['reader']}")
    print(f"loss {result['loss']:.9f}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
