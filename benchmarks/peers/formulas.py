"""Weights and inputs given by formulas, so that another implementation can have the same without a file.

Each formula is evaluated in float64, operations from left to right, and rounded to float32 once.
All parameters are nonzero,
also those that start at zero in a training, so that every gradient is exercised.

Parameter j (0-based, in the order of docs/numerics.md), element i of it (row-major):
    s = sin(0.7·i + 1.3·j + 0.0137·i·i)     the square gives a matrix the spectrum of a random one; without it the
                                            rank is 2, and the self-attention gets next to no gradient
    matrix      s / √(last extent)
    bias        0.05 · s
    norm        1 + 0.1 · s
Inputs: clips with the token grids, captions and flow times of CLIPS; element i of the packed [L, P], row-major:
    x_0[i] = sin(0.013·i + 0.5·cos(0.11·i))        noise[i] = 1.2·sin(1.7·i + 0.3) + 0.4·cos(0.05·i)
noised as docs/numerics.md says.
"""

import torch

from diffusion import noised, squared_errors, tau
from dit import Clip, Shape, SpacetimeDit, caption_ids, parameter_names

# token grid, caption, time of the flow objective, time of the ddpm objectives
CLIPS = [
    ((2, 3, 4), "a red circle moves over a blue wall", 0.2, 200),
    ((1, 2, 5), None, 0.55, 550),
    ((3, 2, 2), "ein grünes Dreieck 三角", 0.9, 900),
]


def parameter(index: int, name: str, extents: torch.Size) -> torch.Tensor:
    i = torch.arange(extents.numel(), dtype=torch.float64)
    s = torch.sin(0.7 * i + 1.3 * index + 0.0137 * i * i)
    if len(extents) == 2:
        s = s / extents[-1] ** 0.5
    elif name.endswith("bias"):
        s = 0.05 * s
    else:
        s = 1 + 0.1 * s
    return s.float().reshape(extents)


def formula_model(shape: Shape) -> SpacetimeDit:
    model = SpacetimeDit(shape).double()
    extents = {name: p.shape for name, p in model.named_parameters()}
    names = parameter_names(shape)
    model.load_state_dict({name: parameter(j, name, extents[name]).double() for j, name in enumerate(names)})
    return model


def formula_values(tokens: int, values: int):
    """(x_0, noise), both [L, P], float64."""
    i = torch.arange(tokens * values, dtype=torch.float64)
    x0 = torch.sin(0.013 * i + 0.5 * torch.cos(0.11 * i))
    noise = 1.2 * torch.sin(1.7 * i + 0.3) + 0.4 * torch.cos(0.05 * i)
    return tuple(x.float().double().reshape(tokens, values) for x in (x0, noise))


def formula_inputs(shape: Shape, objective: str):
    """(x_t [L, P], target [L, P], clips), float64."""
    times = [flow if objective == "flow" else ddpm for _, _, flow, ddpm in CLIPS]
    clips = [
        Clip(grid, caption_ids(caption), tau(objective, t))
        for (grid, caption, _, _), t in zip(CLIPS, times, strict=True)
    ]
    tokens = sum(clip.tokens for clip in clips)
    x0LP, noiseLP = formula_values(tokens, shape.patch_values)
    return *noised(objective, x0LP, noiseLP, clips, times), clips


def step_loss(model: SpacetimeDit, shape: Shape, objective: str):
    """(x_t, output, squared errors [S], loss) on the formula inputs, in the model's type."""
    xLP, targetLP, clips = formula_inputs(shape, objective)
    xLP, targetLP = (x.to(model.patch.weight) for x in (xLP, targetLP))
    outputLP = model(xLP, clips)
    errorsS = squared_errors(outputLP, targetLP, clips)
    return xLP, outputLP, errorsS, errorsS.sum() / outputLP.numel()
