"""All-reduces by Gloo, through torch.distributed, when told to: the peer of `benchmarks/run.sh allreduce`.

    python allreduce.py --version                                                    says `torch VERSION`
    python allreduce.py --rank 0 --ranks 2 --meeting FILE --interface lo             one process a rank

Each rank prints `ready`, then answers a line `ELEMENTS CALLS` on its standard input with the milliseconds that
so many calls of all_reduce, in
place, on so many floats took it. Sums are checked; between lines the process sleeps.
"""

import argparse
import os
import signal
import sys
import time
from datetime import timedelta

try:
    import torch
    import torch.distributed as dist

    if not dist.is_available() or not dist.is_gloo_available():
        raise ImportError("this PyTorch is built without Gloo")
except ImportError as missing:
    print(missing)
    sys.exit(3)

# Calls whose time is taken together: in place, each multiplies the values by the number of ranks.
BATCH = 10
PERIOD = 7
# Rows of values that are filled and checked at a time, a multiple of the period wide.
WIDTH = PERIOD * 16384
# Ranks on a busy machine may wait for long.
PATIENCE = timedelta(minutes=10)


class Ranks:
    """This rank among the others, and its vector."""

    def __init__(self, rank: int, ranks: int):
        self.rank, self.ranks = rank, ranks
        self.row = torch.arange(WIDTH) % PERIOD + 1.0
        self.values = torch.empty(0)

    def rows(self):
        """The vector in pieces, the last of which may be shorter."""
        return self.values.split(WIDTH)

    def fill(self) -> None:
        mine = (self.rank + 1) * self.row
        for piece in self.rows():
            piece.copy_(mine[: len(piece)])

    def check(self, calls: int) -> None:
        expected = self.row * (self.ranks * (self.ranks + 1) / 2 * self.ranks ** (calls - 1))
        for index, piece in enumerate(self.rows()):
            if not torch.allclose(piece, expected[: len(piece)], rtol=1e-5, atol=0):
                last = index * WIDTH + len(piece) - 1
                sys.exit(f"the sum of {self.ranks} ranks is wrong in elements {index * WIDTH} to {last}")

    def seconds(self, elements: int, calls: int) -> float:
        if len(self.values) != elements:
            self.values = torch.empty(elements)
        total = 0.0
        for done in range(0, calls, BATCH):
            batch = min(BATCH, calls - done)
            self.fill()
            dist.barrier()
            start = time.perf_counter()
            for _ in range(batch):
                dist.all_reduce(self.values)
            total += time.perf_counter() - start
            self.check(batch)
        return total


def main() -> None:
    parser = argparse.ArgumentParser(description="Make all-reduces; see the top of this file for what to say to it.")
    parser.add_argument("--version", action="store_true", help="say PyTorch's version and end")
    parser.add_argument("--rank", type=int, help="0 to the number of ranks - 1")
    parser.add_argument("--ranks", type=int, help="how many there are")
    parser.add_argument("--meeting", help="a file that all ranks reach, empty at first")
    parser.add_argument("--interface", help="the network interface to go by")
    flags = parser.parse_args()
    if flags.version:
        print(f"torch {torch.__version__}")
        return
    signal.signal(signal.SIGINT, signal.SIG_DFL)
    torch.set_num_threads(1)
    os.environ["GLOO_SOCKET_IFNAME"] = flags.interface
    dist.init_process_group(
        "gloo", init_method=f"file://{flags.meeting}", rank=flags.rank, world_size=flags.ranks, timeout=PATIENCE
    )
    dist.barrier()
    print("ready")
    mine = Ranks(flags.rank, flags.ranks)
    for line in sys.stdin:
        elements, calls = map(int, line.split())
        print(f"{1000 * mine.seconds(elements, calls):.6f}")
    dist.destroy_process_group()


if __name__ == "__main__":
    main()
