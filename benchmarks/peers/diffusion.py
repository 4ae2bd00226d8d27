"""The forward processes and the loss of docs/numerics.md. x_0, noise and targets are packed patches [L, P]."""

import math

import torch

from dit import Clip

STEPS = 1000
OBJECTIVES = ("flow", "ddpm-linear", "ddpm-cosine")


def alpha_bars(schedule: str) -> torch.Tensor:
    """ᾱ_t for t = 0 … 999, float64."""
    t = torch.arange(STEPS, dtype=torch.float64)
    if schedule == "linear":
        betas = 1e-4 + (0.02 - 1e-4) * t / (STEPS - 1)
    else:
        betas = (1 - cosine(t + 1) / cosine(t)).clamp(max=0.999)
    return torch.cumprod(1 - betas, dim=0)


def cosine(u: torch.Tensor) -> torch.Tensor:
    return torch.cos((u / STEPS + 0.008) / 1.008 * math.pi / 2) ** 2


def tau(objective: str, t: float) -> float:
    """The time that the network sees, of t in 0 … 1 (flow) or 0 … 999 (ddpm)."""
    return 1000 * t if objective == "flow" else t


def noised(objective: str, x0LP, noiseLP, clips: list[Clip], times: list[float]):
    """(x_t, target), both [L, P]; one time a clip."""
    lengths = torch.tensor([clip.tokens for clip in clips])
    t = torch.tensor(times, dtype=torch.float64)
    if objective == "flow":
        signal, noise, target = 1 - t, t, noiseLP - x0LP
    else:
        alpha_bar = alpha_bars(objective.removeprefix("ddpm-"))[t.long()]
        signal, noise, target = alpha_bar.sqrt(), (1 - alpha_bar).sqrt(), noiseLP
    signalL1, noiseL1 = (w.repeat_interleave(lengths)[:, None].to(x0LP) for w in (signal, noise))
    return signalL1 * x0LP + noiseL1 * noiseLP, target


def squared_errors(outputLP, targetLP, clips: list[Clip]) -> torch.Tensor:
    """[S]: the sum over each clip; the loss is their sum over (tokens of the step · P)."""
    parts = (outputLP - targetLP).square().sum(dim=1).split([clip.tokens for clip in clips])
    return torch.stack([part.sum() for part in parts])
