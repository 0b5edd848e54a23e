"""W1 to W5 in PyTorch, as `benches/train_step.rs` runs them here: the same shapes, data in memory.

    python benches/peers/torch/bench.py [--steps 20] [--threads N] [--how WAY]... [--no-compile] [--serve] [W1 W2 ...]

Needs `pip install torch` and, for torch.compile, a C++ compiler. One JSON object a line: medians over --steps samples, all
workloads and ways taking turns. Ways: eager, channels-last, compiled; cuda-... the same on a GPU in f32, cuda-tf32-... with
TF32. W3 is matrix products, W4 a convolution forward, W5 W2's decoder. The last thing timed is always a wait for the device.

With --serve everything is prepared, `{"ready": [...]}` is printed, and each line `WORKLOAD WAY` on standard input is answered
by one sample: `benches/compare` lets other engines take turns with it.
"""

import argparse
import json
import sys
import time

import torch
from models import WORKLOADS, How, ways

# A sample lasts at least this long.
SAMPLE_SECONDS = 0.05


def quantile(samples, q):
    return sorted(samples)[round((len(samples) - 1) * q)]


class Work:
    """A workload in one way of running it."""

    def __init__(self, workload, way):
        self.workload, self.how = workload, How(way)
        self.how.enter()
        start = time.perf_counter()
        self.step, self.images, self.flops = WORKLOADS[workload](self.how)
        self.step()
        self.how.wait()
        self.first_ms = (time.perf_counter() - start) * 1e3
        self.repeats = 1
        warm = quantile([self.sample()[0] for _ in range(3)], 0.5)
        self.repeats = max(1, min(1000, round(SAMPLE_SECONDS * 1e3 / warm + 0.5)))

    def sample(self):
        """Clock and processor milliseconds of a step."""
        self.how.enter()
        start, used = time.perf_counter(), time.process_time()
        for _ in range(self.repeats):
            self.step()
        self.how.wait()
        scale = 1e3 / self.repeats
        return (time.perf_counter() - start) * scale, (time.process_time() - used) * scale

    def line(self, ms, processor_ms, **more):
        device = torch.cuda.get_device_name() if self.how.device == "cuda" else "cpu"
        line = {
            "workload": self.workload,
            "device": f"torch {torch.__version__} {device} {self.how.name}",
            "how": self.how.name,
            "ms_per_step": ms,
            "processor_ms": processor_ms,
            "images_per_s": self.images / ms * 1e3,
            "first_step_ms": self.first_ms,
        }
        if self.flops:
            line["gflops"] = self.flops / ms * 1e-6
            del line["images_per_s"]
        return line | more


def say(line):
    print(json.dumps(line), flush=True)


def prepare(args):
    """Every wanted workload in every way; a way that fails is told and left out."""
    works = {}
    for workload in WORKLOADS:
        if args.workloads and workload not in args.workloads and workload.split("-")[0] not in args.workloads:
            continue
        for way in ways(workload, torch.cuda.is_available(), not args.no_compile):
            if args.how and way not in args.how:
                continue
            try:
                works[workload, way] = Work(workload, way)
            except Exception as error:  # no compiler, no memory: the others still run
                print(f"{workload} {way}: {error}", file=sys.stderr)
    return works


def serve(works):
    say({"ready": [" ".join(key) for key in works]})
    for line in sys.stdin:
        work = works.get(tuple(line.split()))
        if work is None:
            say({"error": f"{line.strip()}: not prepared"})
            continue
        say(work.line(*work.sample()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20, help="samples of each")
    parser.add_argument("--threads", type=int, help="PyTorch's threads")
    parser.add_argument("--how", action="append", help="only this way; may be repeated")
    parser.add_argument("--no-compile", action="store_true", help="leave torch.compile out")
    parser.add_argument("--serve", action="store_true", help="answer requests on standard input")
    parser.add_argument("workloads", nargs="*", help="W1 to W5; all without")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    works = prepare(args)
    if args.serve:
        return serve(works)
    samples = {key: [] for key in works}
    for _ in range(max(1, args.steps)):
        for key, work in works.items():
            samples[key].append(work.sample())
    for key, work in works.items():
        clock, processor = zip(*samples[key])
        say(work.line(quantile(clock, 0.5), quantile(processor, 0.5), p10=quantile(clock, 0.1), p90=quantile(clock, 0.9)))


if __name__ == "__main__":
    main()
