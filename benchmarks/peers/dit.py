"""The spacetime diffusion transformer of docs/numerics.md in plain PyTorch: forward only, autograd does the rest.

Written from docs/numerics.md alone, so that it can witness against the Java implementation.
Parameter names are those of
the checkpoint: `model.load_state_dict(safetensors.torch.load_file("model.safetensors"))` works as it stands.

Legend: S clips of a packed microbatch, L tokens of all clips end to end, P values a patch, D width, N heads, K = D/N,
E width of the caption encoder, B caption bytes of all clips end to end. A variable ends in its shape: qLNK, cSD.
"""

from dataclasses import dataclass
from functools import lru_cache

import torch
import torch.nn.functional as F
from torch import nn

EPSILON = 1e-6
CHANNELS = 3
TIME_FREQUENCIES = 128
MAX_CAPTION_BYTES = 256
DROPPED_CAPTION = 256  # the one token of an absent or dropped caption


@dataclass(frozen=True)
class Shape:
    """What the sizes of all parameters follow from."""

    depth: int
    width: int
    heads: int
    caption_depth: int
    caption_width: int
    caption_heads: int
    patch: tuple[int, int, int]  # frames, rows, columns

    @property
    def patch_values(self) -> int:
        pt, ph, pw = self.patch
        return pt * ph * pw * CHANNELS


PRESETS = {
    "debug": Shape(2, 128, 4, 1, 64, 2, (2, 4, 4)),
    "S": Shape(12, 384, 6, 4, 256, 4, (2, 8, 8)),
    "B": Shape(12, 768, 12, 4, 384, 6, (2, 8, 8)),
    "L": Shape(24, 1024, 16, 6, 512, 8, (2, 8, 8)),
    "XL": Shape(28, 1152, 16, 6, 512, 8, (2, 8, 8)),
}


@dataclass(frozen=True)
class Clip:
    """One segment of a packed microbatch."""

    grid: tuple[int, int, int]  # tokens along t, h, w
    caption: tuple[int, ...]  # byte values, or (DROPPED_CAPTION,)
    tau: float  # diffusion time in 0 .. 1000

    @property
    def tokens(self) -> int:
        t, h, w = self.grid
        return t * h * w


def caption_ids(caption: str | None) -> tuple[int, ...]:
    """UTF-8 bytes, cut at a character boundary; the dropped-caption token where there is none."""
    if not caption:
        return (DROPPED_CAPTION,)
    cut = caption.encode("utf-8")[:MAX_CAPTION_BYTES]
    return tuple(cut.decode("utf-8", errors="ignore").encode("utf-8"))


def patchify(videoTHWC: torch.Tensor, patch: tuple[int, int, int]) -> torch.Tensor:
    """[T, H, W, 3] to [tokens, P]: tokens in the order (t, h, w), values of a patch in the order (t, h, w, c)."""
    pt, ph, pw = patch
    if videoTHWC.shape[0] == 1:
        videoTHWC = videoTHWC.expand(pt, -1, -1, -1)
    T, H, W, C = videoTHWC.shape
    x = videoTHWC.reshape(T // pt, pt, H // ph, ph, W // pw, pw, C)
    return x.permute(0, 2, 4, 1, 3, 5, 6).reshape(-1, pt * ph * pw * C)


def unpatchify(xLP: torch.Tensor, grid: tuple[int, int, int], patch: tuple[int, int, int]) -> torch.Tensor:
    """The inverse of patchify for a clip that is not an image."""
    (t, h, w), (pt, ph, pw) = grid, patch
    x = xLP.reshape(t, h, w, pt, ph, pw, CHANNELS)
    return x.permute(0, 3, 1, 4, 2, 5, 6).reshape(t * pt, h * ph, w * pw, CHANNELS)


def rope_angles(positions: torch.Tensor, pairs: int) -> torch.Tensor:
    """[L] to [L, pairs]: position · 10000^(−j/pairs), float64."""
    return positions.double()[:, None] * 10000.0 ** (-torch.arange(pairs, dtype=torch.float64) / pairs)


@lru_cache(maxsize=1024)
def video_angles(grid: tuple[int, int, int], pairs: int) -> torch.Tensor:
    """[tokens, pairs]: the pairs of a head shared out to t, h, w."""
    h_pairs = w_pairs = 3 * pairs // 8
    t, h, w = torch.meshgrid(*(torch.arange(n) for n in grid), indexing="ij")
    return torch.cat(
        [
            rope_angles(t.flatten(), pairs - h_pairs - w_pairs),
            rope_angles(h.flatten(), h_pairs),
            rope_angles(w.flatten(), w_pairs),
        ],
        dim=1,
    )


@lru_cache(maxsize=1024)
def caption_angles(length: int, pairs: int) -> torch.Tensor:
    """[length, pairs]"""
    return rope_angles(torch.arange(length), pairs)


def time_embedding(taus: list[float]) -> torch.Tensor:
    """[S, 256], float64: cosines, then sines."""
    f = 10000.0 ** (-torch.arange(TIME_FREQUENCIES, dtype=torch.float64) / TIME_FREQUENCIES)
    angles = torch.tensor(taus, dtype=torch.float64)[:, None] * f
    return torch.cat([angles.cos(), angles.sin()], dim=1)


def rms(x: torch.Tensor, weight: torch.Tensor) -> torch.Tensor:
    return F.rms_norm(x, weight.shape, weight, EPSILON)


def rotate(xLNK: torch.Tensor, cosL1K: torch.Tensor, sinL1K: torch.Tensor) -> torch.Tensor:
    """Pair i is (x[i], x[i + K/2]); cos and sin are half as wide."""
    x1, x2 = xLNK.chunk(2, dim=-1)
    return torch.cat([x1 * cosL1K - x2 * sinL1K, x2 * cosL1K + x1 * sinL1K], dim=-1)


def attention(q, k, v, q_lengths: list[int], k_lengths: list[int]) -> torch.Tensor:
    """Queries [L, N, K] over keys and values [M, N, K], segment by segment; returns [L, D]."""
    parts = []
    for qs, ks, vs in zip(q.split(q_lengths), k.split(k_lengths), v.split(k_lengths), strict=True):
        heads = (x.transpose(0, 1).unsqueeze(0) for x in (qs, ks, vs))  # [1, N, ., K]
        parts.append(F.scaled_dot_product_attention(*heads).squeeze(0).transpose(0, 1))
    return torch.cat(parts).flatten(1)


class Mlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.add_module("in", nn.Linear(width, 4 * width))
        self.add_module("out", nn.Linear(4 * width, width))

    def forward(self, x):
        return self.out(F.gelu(getattr(self, "in")(x), approximate="tanh"))


class TimeMlp(nn.Module):
    def __init__(self, width: int):
        super().__init__()
        self.add_module("in", nn.Linear(2 * TIME_FREQUENCIES, width))
        self.add_module("out", nn.Linear(width, width))

    def forward(self, e):
        return self.out(F.silu(getattr(self, "in")(e)))


class CaptionBlock(nn.Module):
    def __init__(self, width: int, heads: int):
        super().__init__()
        self.heads = heads
        self.norm1 = nn.Parameter(torch.ones(width))
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm = nn.Parameter(torch.ones(width // heads))
        self.key_norm = nn.Parameter(torch.ones(width // heads))
        self.out = nn.Linear(width, width)
        self.norm2 = nn.Parameter(torch.ones(width))
        self.mlp = Mlp(width)

    def forward(self, yBE, cos, sin, lengths):
        q, k, v = (x.unflatten(1, (self.heads, -1)) for x in self.qkv(rms(yBE, self.norm1)).chunk(3, dim=1))
        q = rotate(rms(q, self.query_norm), cos, sin)
        k = rotate(rms(k, self.key_norm), cos, sin)
        yBE = yBE + self.out(attention(q, k, v, lengths, lengths))
        return yBE + self.mlp(rms(yBE, self.norm2))


class CaptionEncoder(nn.Module):
    """Byte ids of all captions end to end to (y [B, E], pooled [S, D], caption lengths)."""

    def __init__(self, shape: Shape):
        super().__init__()
        width = shape.caption_width
        self.pairs = width // shape.caption_heads // 2
        self.embedding = nn.Parameter(torch.empty(257, width))
        self.blocks = nn.ModuleList(CaptionBlock(width, shape.caption_heads) for _ in range(shape.caption_depth))
        self.norm = nn.Parameter(torch.ones(width))
        self.pool = nn.Linear(width, shape.width)

    def forward(self, captions: list[tuple[int, ...]]):
        lengths = [len(c) for c in captions]
        cos, sin = angles_to(self.embedding, [caption_angles(n, self.pairs) for n in lengths])
        ids = torch.tensor([b for c in captions for b in c], device=self.embedding.device)
        y = F.embedding(ids, self.embedding)
        for block in self.blocks:
            y = block(y, cos, sin, lengths)
        y = rms(y, self.norm)
        means = torch.stack([part.mean(dim=0) for part in y.split(lengths)])  # [S, E]
        return y, self.pool(means), lengths


class CrossAttention(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        width, head_width = shape.width, shape.width // shape.heads
        self.heads = shape.heads
        self.norm = nn.Parameter(torch.ones(width))
        self.query = nn.Linear(width, width)
        self.key_value = nn.Linear(shape.caption_width, 2 * width)
        self.query_norm = nn.Parameter(torch.ones(head_width))
        self.key_norm = nn.Parameter(torch.ones(head_width))
        self.out = nn.Linear(width, width)

    def forward(self, hLD, yBE, lengths, caption_lengths):
        q = self.query(rms(hLD, self.norm)).unflatten(1, (self.heads, -1))
        k, v = (x.unflatten(1, (self.heads, -1)) for x in self.key_value(yBE).chunk(2, dim=1))
        q, k = rms(q, self.query_norm), rms(k, self.key_norm)
        return self.out(attention(q, k, v, lengths, caption_lengths))


class DitBlock(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        width, head_width = shape.width, shape.width // shape.heads
        self.heads = shape.heads
        self.modulation = nn.Linear(width, 6 * width)
        self.qkv = nn.Linear(width, 3 * width)
        self.query_norm = nn.Parameter(torch.ones(head_width))
        self.key_norm = nn.Parameter(torch.ones(head_width))
        self.out = nn.Linear(width, width)
        self.cross = CrossAttention(shape)
        self.mlp = Mlp(width)

    def forward(self, hLD, silu_cSD, yBE, cos, sin, segments):
        lengths, caption_lengths, rowL = segments
        # [S, 6D] to six of [L, D]: each clip's modulation for its own tokens
        shift1, scale1, gate1, shift2, scale2, gate2 = self.modulation(silu_cSD)[rowL].chunk(6, dim=1)
        a = layer_norm(hLD) * (1 + scale1) + shift1
        q, k, v = (x.unflatten(1, (self.heads, -1)) for x in self.qkv(a).chunk(3, dim=1))
        q = rotate(rms(q, self.query_norm), cos, sin)
        k = rotate(rms(k, self.key_norm), cos, sin)
        hLD = hLD + gate1 * self.out(attention(q, k, v, lengths, lengths))
        hLD = hLD + self.cross(hLD, yBE, lengths, caption_lengths)
        b = layer_norm(hLD) * (1 + scale2) + shift2
        return hLD + gate2 * self.mlp(b)


class FinalLayer(nn.Module):
    def __init__(self, shape: Shape):
        super().__init__()
        self.modulation = nn.Linear(shape.width, 2 * shape.width)
        self.linear = nn.Linear(shape.width, shape.patch_values)

    def forward(self, hLD, silu_cSD, rowL):
        shift, scale = self.modulation(silu_cSD)[rowL].chunk(2, dim=1)
        return self.linear(layer_norm(hLD) * (1 + scale) + shift)


class SpacetimeDit(nn.Module):
    """Packed noisy tokens [L, P] and their clips to the prediction [L, P]."""

    def __init__(self, shape: Shape):
        super().__init__()
        self.pairs = shape.width // shape.heads // 2
        self.patch = nn.Linear(shape.patch_values, shape.width)
        self.time = TimeMlp(shape.width)
        self.caption = CaptionEncoder(shape)
        self.blocks = nn.ModuleList(DitBlock(shape) for _ in range(shape.depth))
        self.final = FinalLayer(shape)

    def forward(self, xLP: torch.Tensor, clips: list[Clip]) -> torch.Tensor:
        lengths = [clip.tokens for clip in clips]
        cos, sin = angles_to(xLP, [video_angles(clip.grid, self.pairs) for clip in clips])
        rowL = torch.arange(len(clips)).repeat_interleave(torch.tensor(lengths)).to(xLP.device)
        yBE, pooledSD, caption_lengths = self.caption([clip.caption for clip in clips])
        silu_cSD = F.silu(self.time(time_embedding([clip.tau for clip in clips]).to(xLP)) + pooledSD)
        place_cos, place_sin = angles_to(xLP, [video_angles(clip.grid, self.patch.out_features // 2) for clip in clips])
        hLD = self.patch(xLP) + torch.cat([place_cos, place_sin], dim=2).squeeze(1)
        for block in self.blocks:
            hLD = block(hLD, silu_cSD, yBE, cos, sin, (lengths, caption_lengths, rowL))
        return self.final(hLD, silu_cSD, rowL)


def layer_norm(hLD: torch.Tensor) -> torch.Tensor:
    return F.layer_norm(hLD, hLD.shape[-1:], eps=EPSILON)


def angles_to(like: torch.Tensor, angles: list[torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Cosines and sines [L, 1, K/2] of the segments' angles, in the type and on the device of `like`."""
    packed = torch.cat(angles)[:, None, :]
    return packed.cos().to(like), packed.sin().to(like)


def parameter_names(shape: Shape) -> list[str]:
    """The order of the flat vector and of the file (named_parameters() has another)."""

    def linear(*names):
        return [f"{name}.{part}" for name in names for part in ("weight", "bias")]

    attend = linear("qkv") + ["query_norm", "key_norm"] + linear("out")
    caption = ["norm1", *attend, "norm2", *linear("mlp.in", "mlp.out")]
    cross = ["norm", *linear("query", "key_value"), "query_norm", "key_norm", *linear("out")]
    block = linear("modulation") + attend + [f"cross.{name}" for name in cross] + linear("mlp.in", "mlp.out")
    return [
        *linear("patch", "time.in", "time.out"),
        "caption.embedding",
        *(f"caption.blocks.{i}.{name}" for i in range(shape.caption_depth) for name in caption),
        "caption.norm",
        *linear("caption.pool"),
        *(f"blocks.{i}.{name}" for i in range(shape.depth) for name in block),
        *linear("final.modulation", "final.linear"),
    ]


@torch.no_grad()
def initialise(model: SpacetimeDit, generator: torch.Generator) -> None:
    """The start of a training: every block the identity, the output 0."""
    zero = ("modulation.weight", "cross.out.weight", "final.linear.weight")
    for name, p in model.named_parameters():
        if name == "caption.embedding":
            p.normal_(0, 0.02, generator=generator)
        elif name.endswith("bias") or name.endswith(zero):
            p.zero_()
        elif p.dim() == 2:
            bound = (6 / sum(p.shape)) ** 0.5
            p.uniform_(-bound, bound, generator=generator)
        else:
            p.fill_(1)
