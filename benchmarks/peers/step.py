"""One training step of the network of dit.py in its fastest form, timed on request.

The peer of `benchmarks/run.sh step`.

The weights and inputs are those of formulas.py, so that both sides can compare their losses; the step is forward,
backward, the gradient's norm
(and scaling where it is above 1) and AdamW over all parameters. Which form is fastest is tried out: packed clips as one
batch where they are equally long, else attention in a loop over the clips or padded with a mask; eager or compiled.

Speaks JSON, a line each way, on stdin and stdout:
    (at start)                                    {"torch": "2.13.0"}
    {"model": {"depth": …, "width": …, "heads": …,
               "captionDepth": …, "captionWidth": …, "captionHeads": …, "patch": [t, h, w]},
     "grids": [[t, h, w], …], "captionBytes": 40, "precision": "fp32" | "bf16"}
                                                  {"loss": …, "variant": "compiled, looped", "note": "…"}
    {}  (one step of what was prepared last)      {"ms": …}

    python step.py --threads 2          until stdin ends
    python step.py --check              compares every form with dit.py and exits with 1 where they differ
"""

import argparse
import gc
import json
import logging
import sys
import time
import warnings
from collections.abc import Callable
from dataclasses import dataclass

try:
    import torch
    import torch.nn.functional as F
    from torch.nn.utils import clip_grads_with_norm_, get_total_norm

    from diffusion import noised, tau
    from dit import Clip, Shape, SpacetimeDit, angles_to, caption_angles, layer_norm, rms, rotate
    from dit import time_embedding, video_angles
    from formulas import formula_model, formula_values
except ImportError as missing:
    print(json.dumps({"error": str(missing)}))
    sys.exit(3)

CLIP_NORM = 1.0
# A step that takes longer is one that this machine has no instructions for; compiling would not help it, and each
# try costs as long.
SLOW_SECONDS = 20.0
# Variants whose steps are shorter are tried more often, so that a moment's disturbance does not choose among them.
SHORT_SECONDS = 5.0


@dataclass(frozen=True)
class Case:
    """A packed microbatch, its captions equally long."""

    shape: Shape
    grids: tuple[tuple[int, int, int], ...]
    caption_bytes: int

    @property
    def lengths(self) -> list[int]:
        return [t * h * w for t, h, w in self.grids]

    @property
    def is_even(self) -> bool:
        """Whether all clips have the same grid, so that they make up a batch."""
        return len(set(self.grids)) == 1

    @property
    def times(self) -> list[float]:
        return [(i + 0.5) / len(self.grids) for i in range(len(self.grids))]

    def clips(self) -> list[Clip]:
        captions = [tuple((31 * i + 7 * s) % 256 for i in range(self.caption_bytes)) for s in range(len(self.grids))]
        return [
            Clip(grid, caption, tau("flow", t))
            for grid, caption, t in zip(self.grids, captions, self.times, strict=True)
        ]


class Tokens:
    """How the rows of the clips lie: [S, T, .] where the clips are equally long, else packed, [L, .]."""

    def __init__(self, case: Case, form: str):
        self.form = form
        self.lengths = case.lengths
        numS, longest = len(self.lengths), max(self.lengths)
        lengths = torch.tensor(self.lengths)
        self.rowL = torch.arange(numS).repeat_interleave(lengths)
        self.slotL = torch.cat([s * longest + torch.arange(n) for s, n in enumerate(self.lengths)])
        self.padded = (numS, longest)
        self.maskS11T = (torch.arange(longest) < lengths[:, None])[:, None, None, :]

    def lay(self, xLP: torch.Tensor) -> torch.Tensor:
        return xLP.unflatten(0, self.padded) if self.form == "batched" else xLP

    def spread(self, mSD: torch.Tensor) -> torch.Tensor:
        """Each clip's row for all of its tokens. The backward of index_select is much quicker than that of indexing."""
        return mSD[:, None] if self.form == "batched" else mSD.index_select(0, self.rowL)

    def self_attention(self, q, k, v) -> torch.Tensor:
        if self.form == "batched":
            return batched(q, k, v)
        if self.form == "padded":
            return self.unpad(batched(self.pad(q), self.pad(k), self.pad(v), self.maskS11T))
        return self.looped(q, (x.split(self.lengths) for x in (k, v)))

    def cross_attention(self, q, kSBNK, vSBNK) -> torch.Tensor:
        if self.form == "batched":
            return batched(q, kSBNK, vSBNK)
        if self.form == "padded":
            return self.unpad(batched(self.pad(q), kSBNK, vSBNK))
        return self.looped(q, (kSBNK, vSBNK))

    def looped(self, qLNK, keys_values) -> torch.Tensor:
        keys, values = keys_values
        parts = zip(qLNK.split(self.lengths), keys, values, strict=True)
        return torch.cat([batched(q[None], k[None], v[None])[0] for q, k, v in parts])

    def pad(self, xLNK: torch.Tensor) -> torch.Tensor:
        numS, longest = self.padded
        empty = xLNK.new_zeros(numS * longest, *xLNK.shape[1:])
        return empty.index_copy(0, self.slotL, xLNK).unflatten(0, self.padded)

    def unpad(self, xSTD: torch.Tensor) -> torch.Tensor:
        return xSTD.flatten(0, 1).index_select(0, self.slotL)


def batched(q, k, v, mask=None) -> torch.Tensor:
    """[S, T, N, K] over [S, M, N, K] to [S, T, D]."""
    heads = (x.transpose(1, 2) for x in (q, k, v))
    return F.scaled_dot_product_attention(*heads, attn_mask=mask).transpose(1, 2).flatten(2)


class Step:
    """A model, its optimizer and one microbatch. What depends on the shapes alone (angles, masks) is made once."""

    def __init__(self, case: Case, precision: str, form: str, compiled: bool):
        self.bf16 = precision == "bf16"
        self.tokens = Tokens(case, form)
        self.model = formula_model(case.shape).float()
        self.optimizer = torch.optim.AdamW(
            self.model.parameters(), lr=1e-4, betas=(0.9, 0.95), eps=1e-8, weight_decay=0.01, fused=True
        )
        clips = case.clips()
        lay, width, pairs = self.tokens.lay, case.shape.width, self.model.pairs
        self.x0, self.noise = (lay(x) for x in inputs(case))
        t = torch.tensor(case.times, dtype=torch.float64).float()[:, None]
        self.t = t[:, None] if form == "batched" else t.index_select(0, self.tokens.rowL)
        like = self.x0
        self.cos, self.sin = map(lay, angles_to(like, [video_angles(clip.grid, pairs) for clip in clips]))
        place = angles_to(like, [video_angles(clip.grid, width // 2) for clip in clips])
        self.place = lay(torch.cat(place, dim=2).squeeze(1))
        angles = caption_angles(case.caption_bytes, self.model.caption.pairs)
        self.caption_cos, self.caption_sin = angles_to(like, [angles])
        self.ids = torch.tensor([clip.caption for clip in clips])
        self.time = time_embedding([clip.tau for clip in clips]).float()
        self.loss = torch.compile(self.plain_loss, dynamic=False) if compiled else self.plain_loss

    def encode(self) -> tuple[torch.Tensor, torch.Tensor]:
        """(y [S, B, E], pooled [S, D])"""
        encoder = self.model.caption
        y = F.embedding(self.ids, encoder.embedding)
        for block in encoder.blocks:
            q, k, v = split_heads(block.qkv(rms(y, block.norm1)), 3, block.heads)
            q = rotate(rms(q, block.query_norm), self.caption_cos, self.caption_sin)
            k = rotate(rms(k, block.key_norm), self.caption_cos, self.caption_sin)
            y = y + block.out(batched(q, k, v))
            y = y + block.mlp(rms(y, block.norm2))
        y = rms(y, encoder.norm)
        return y, encoder.pool(y.mean(dim=1))

    def block(self, block, h, silu_cSD, ySBE) -> torch.Tensor:
        spread, heads, cross = self.tokens.spread, block.heads, block.cross
        shift1, scale1, gate1, shift2, scale2, gate2 = map(spread, block.modulation(silu_cSD).chunk(6, dim=1))
        q, k, v = split_heads(block.qkv(layer_norm(h) * (1 + scale1) + shift1), 3, heads)
        q = rotate(rms(q, block.query_norm), self.cos, self.sin)
        k = rotate(rms(k, block.key_norm), self.cos, self.sin)
        h = h + gate1 * block.out(self.tokens.self_attention(q, k, v))
        q = cross.query(rms(h, cross.norm)).unflatten(-1, (heads, -1))
        k, v = split_heads(cross.key_value(ySBE), 2, heads)
        q, k = rms(q, cross.query_norm), rms(k, cross.key_norm)
        h = h + cross.out(self.tokens.cross_attention(q, k, v))
        return h + gate2 * block.mlp(layer_norm(h) * (1 + scale2) + shift2)

    def forward(self, x) -> torch.Tensor:
        ySBE, pooledSD = self.encode()
        silu_cSD = F.silu(self.model.time(self.time) + pooledSD)
        h = self.model.patch(x) + self.place
        for block in self.model.blocks:
            h = self.block(block, h, silu_cSD, ySBE)
        final = self.model.final
        shift, scale = map(self.tokens.spread, final.modulation(silu_cSD).chunk(2, dim=1))
        return final.linear(layer_norm(h) * (1 + scale) + shift)

    def plain_loss(self) -> torch.Tensor:
        with torch.autocast("cpu", torch.bfloat16, enabled=self.bf16):
            output = self.forward(torch.lerp(self.x0, self.noise, self.t))
        return F.mse_loss(output.float(), self.noise - self.x0)

    def run(self) -> tuple[float, float]:
        """(loss, milliseconds)"""
        start = time.perf_counter()
        self.optimizer.zero_grad(set_to_none=True)
        loss = self.loss()
        loss.backward()
        parameters = list(self.model.parameters())
        norm = get_total_norm([p.grad for p in parameters], foreach=True)
        if norm > CLIP_NORM:
            clip_grads_with_norm_(parameters, CLIP_NORM, norm, foreach=True)
        self.optimizer.step()
        return loss.item(), 1000 * (time.perf_counter() - start)


def split_heads(x, parts: int, heads: int):
    return (part.unflatten(-1, (heads, -1)) for part in x.chunk(parts, dim=-1))


def inputs(case: Case) -> tuple[torch.Tensor, torch.Tensor]:
    """(x_0, noise), both [L, P]"""
    return tuple(x.float() for x in formula_values(sum(case.lengths), case.shape.patch_values))


def forms(case: Case) -> list[str]:
    return ["batched"] if case.is_even else ["looped", "padded"]


@dataclass
class Tried:
    variant: str
    step: Step
    loss: float
    ms: float


def attempt(case: Case, precision: str, form: str, compiled: bool) -> Tried:
    """The first run, from which the loss is, also makes kernels and memory.

        A second run is timed, unless the first was too long already.
        """
    step = Step(case, precision, form, compiled)
    loss, ms = step.run()
    if compiled or ms < 1000 * SLOW_SECONDS:
        ms = step.run()[1]
    if ms < 1000 * SHORT_SECONDS:
        ms = min(ms, step.run()[1], step.run()[1])
    variant = f"{'compiled' if compiled else 'eager'}, {form}"
    print(f"  PyTorch {variant}: {ms:,.0f} ms", file=sys.stderr, flush=True)
    return Tried(variant, step, loss, ms)


def fastest(case: Case, precision: str) -> tuple[Tried, str]:
    """The variant that wins, and what was not tried and why."""
    best, notes, compilable = None, [], []
    for form in forms(case):
        tried = attempt(case, precision, form, compiled=False)
        if tried.ms < 1000 * SLOW_SECONDS:
            compilable.append(form)
        else:
            notes.append(f"not compiled, as an eager {form} step took {tried.ms / 1000:.0f} s")
        best = faster(best, tried)
    for form in compilable:
        try:
            best = faster(best, attempt(case, precision, form, compiled=True))
        except Exception as failure:  # the compiler needs a C++ compiler and more; without it eager is PyTorch's best
            notes.append(f"not compiled: {(str(failure).splitlines() or [type(failure).__name__])[0][:160]}")
    return best, "; ".join(notes)


def faster(best: Tried | None, other: Tried) -> Tried:
    winner = other if best is None or other.ms < best.ms else best
    gc.collect()
    return winner


def serve() -> None:
    print(json.dumps({"torch": torch.__version__}), flush=True)
    chosen: Callable | None = None
    for line in sys.stdin:
        request = json.loads(line)
        if not request:
            print(json.dumps({"ms": chosen()[1]}), flush=True)
            continue
        # Another case is compiled anew; the compiler would count it as a case that its code does not fit, and give
        # up after some.
        chosen = None
        torch.compiler.reset()
        gc.collect()
        best, note = fastest(case_of(request), request["precision"])
        chosen = best.step.run
        print(json.dumps({"loss": best.loss, "variant": best.variant, "note": note}), flush=True)


def case_of(request: dict) -> Case:
    model = request["model"]
    shape = Shape(
        depth=model["depth"],
        width=model["width"],
        heads=model["heads"],
        caption_depth=model["captionDepth"],
        caption_width=model["captionWidth"],
        caption_heads=model["captionHeads"],
        patch=tuple(model["patch"]),
    )
    return Case(shape, tuple(map(tuple, request["grids"])), request["captionBytes"])


def check() -> int:
    """Losses and gradients of every form against those of dit.py, in float32."""
    shape = Shape(2, 64, 4, 1, 32, 2, (1, 2, 2))
    worst = 0.0
    for grids in (((2, 3, 4),) * 3, ((1, 3, 5), (2, 2, 2), (1, 1, 1))):
        case = Case(shape, grids, 7)
        model = formula_model(shape).float()
        xLP, targetLP = noised("flow", *inputs(case), case.clips(), case.times)
        expected = F.mse_loss(model(xLP, case.clips()), targetLP)
        expected.backward()
        norms = {name: p.grad for name, p in model.named_parameters()}
        for form in forms(case):
            step = Step(case, "fp32", form, compiled=False)
            loss = step.plain_loss()
            loss.backward()
            errors = [
                ((p.grad - norms[name]).norm() / norms[name].norm()).item()
                for name, p in step.model.named_parameters()
            ]
            off = max([abs(loss.item() / expected.item() - 1), *errors])
            both = f"loss {loss.item():.7f}, dit.py {expected.item():.7f}"
            print(f"{form}: {both}, largest relative difference {off:.1e}")
            worst = max(worst, off)
    return int(worst > 1e-3)


def main() -> int:
    parser = argparse.ArgumentParser(
        description="Time PyTorch's training step; the top of this file says what it reads."
    )
    parser.add_argument("--threads", type=int, default=1, help="as many as Kinema has")
    parser.add_argument("--check", action="store_true", help="compare every form with dit.py")
    flags = parser.parse_args()
    torch.set_num_threads(flags.threads)
    # Rms norms whose weight is wider than their input take the composite path, and say so at each call.
    warnings.filterwarnings("ignore", message="Mismatch dtype")
    logging.getLogger("torch").setLevel(logging.ERROR)
    if flags.check:
        return check()
    serve()
    return 0


if __name__ == "__main__":
    sys.exit(main())
