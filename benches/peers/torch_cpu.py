"""W1, W2 and W5 of `benches/train_step.rs` in PyTorch on the CPU, for orientation.

    python benches/peers/torch_cpu.py [--steps 20] [--threads N]

Needs `pip install torch`. One JSON object a line, medians over --steps samples that take turns; images are random and
resident, execution is eager, layouts are PyTorch's own and, for W2 and W5, also channels-last.
"""

import argparse
import json
import statistics
import time

import torch
import torch.nn.functional as F
from torch import nn


class Mlp(nn.Module):
    """W1: 784-512-(20, 20)-512-784 with Bernoulli pixels."""

    shape, batch = (1, 28, 28), 128

    def __init__(self):
        super().__init__()
        self.encoder = nn.Sequential(nn.Flatten(), nn.Linear(784, 512), nn.ReLU())
        self.mu, self.logvar = nn.Linear(512, 20), nn.Linear(512, 20)
        self.decoder = nn.Sequential(nn.Linear(20, 512), nn.ReLU(), nn.Linear(512, 784), nn.Unflatten(1, self.shape))

    def reconstruction(self, decoded, x):
        return F.binary_cross_entropy_with_logits(decoded, x, reduction="sum")

    def loss(self, x):
        h = self.encoder(x)
        mu, logvar = self.mu(h), self.logvar(h).clamp(-12, 6)
        z = mu + torch.exp(0.5 * logvar) * torch.randn_like(mu)
        kl = 0.5 * (mu.square() + logvar.exp() - 1 - logvar).sum()
        return (self.reconstruction(self.decoder(z), x) + kl) / len(x)


class Conv(Mlp):
    """W2: four strided convolutions, 128 latent dimensions, four transposed convolutions, Gaussian pixels."""

    shape, batch = (3, 64, 64), 64

    def __init__(self):
        nn.Module.__init__(self)
        layers, before = [], 3
        for channels in (32, 64, 128, 256):
            layers += [nn.Conv2d(before, channels, 4, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
            before = channels
        self.encoder = nn.Sequential(*layers, nn.Flatten())
        self.mu, self.logvar = nn.Linear(4096, 128), nn.Linear(4096, 128)
        layers = [nn.Linear(128, 4096), nn.Unflatten(1, (256, 4, 4))]
        for channels in (128, 64, 32):
            layers += [nn.ConvTranspose2d(before, channels, 4, 2, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]
            before = channels
        self.decoder = nn.Sequential(*layers, nn.ConvTranspose2d(before, 3, 4, 2, 1), nn.Sigmoid())

    def reconstruction(self, decoded, x):
        return (decoded - x).square().sum() / (2 * 0.1**2)


def layout(channels_last):
    return torch.channels_last if channels_last else torch.contiguous_format


def training(model, channels_last):
    model = model.to(memory_format=layout(channels_last))
    x = torch.rand(model.batch, *model.shape).to(memory_format=layout(channels_last))
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad(set_to_none=True)
        model.loss(x).backward()
        optimizer.step()

    return step


def inference(model, channels_last):
    model = model.eval().to(memory_format=layout(channels_last))
    z = torch.randn(model.batch, 128)

    def step():
        with torch.inference_mode():
            model.decoder(z)

    return step


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--steps", type=int, default=20, help="samples of each")
    parser.add_argument("--threads", type=int, help="PyTorch's threads")
    args = parser.parse_args()
    if args.threads:
        torch.set_num_threads(args.threads)
    torch.manual_seed(0)
    works = {
        ("W1", "eager"): training(Mlp(), False),
        ("W2", "eager"): training(Conv(), False),
        ("W2", "channels-last"): training(Conv(), True),
        ("W5", "eager"): inference(Conv(), False),
        ("W5", "channels-last"): inference(Conv(), True),
    }
    samples = {key: [] for key in works}
    for step in works.values():
        step()
        step()
    for _ in range(args.steps):
        for key, step in works.items():
            start, used = time.perf_counter(), time.process_time()
            step()
            samples[key].append(((time.perf_counter() - start) * 1e3, (time.process_time() - used) * 1e3))
    for (workload, how), pairs in samples.items():
        wall, processor = (statistics.median(column) for column in zip(*pairs))
        name = f"torch {torch.__version__} {how}"
        print(json.dumps({"workload": workload, "device": name, "ms_per_step": wall, "processor_ms": processor}))


if __name__ == "__main__":
    main()
