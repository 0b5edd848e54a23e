"""W1 to W5 of `benches/` in PyTorch: each a step that can be repeated, in one of several ways of running it."""

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

    def forward(self, x):
        """Negative ELBO, the mean over images."""
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


class How:
    """A way of running: `eager`, `channels-last` or `compiled`, with `cuda-` before it on a GPU, `cuda-tf32-` with TF32."""

    def __init__(self, name):
        self.name = name
        self.device = "cuda" if name.startswith("cuda") else "cpu"
        self.tf32 = "tf32" in name
        self.compiled = name.endswith("compiled")
        self.layout = torch.channels_last if name.endswith("channels-last") else torch.contiguous_format

    def enter(self):
        """Sets what is global in PyTorch; before each sample."""
        torch.backends.cuda.matmul.allow_tf32 = self.tf32
        torch.backends.cudnn.allow_tf32 = self.tf32

    def place(self, thing):
        """A model or tensor on the device, in the layout."""
        images = isinstance(thing, nn.Module) or thing.dim() == 4
        return thing.to(self.device, memory_format=self.layout) if images else thing.to(self.device)

    def wait(self):
        if self.device == "cuda":
            torch.cuda.synchronize()

    def compile(self, f):
        return torch.compile(f) if self.compiled else f


def training(model, how):
    model = how.place(model)
    x = how.place(torch.rand(model.batch, *model.shape))
    loss = how.compile(model)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)

    def step():
        optimizer.zero_grad(set_to_none=True)
        loss(x).backward()
        optimizer.step()

    return step, model.batch, None


def decoding(how):
    model = how.place(Conv().eval())
    decode = how.compile(model.decoder)
    z = how.place(torch.randn(model.batch, 128))

    def step():
        with torch.inference_mode():
            decode(z)

    return step, model.batch, None


def product(m, k, n, how):
    a, b = how.place(torch.rand(m, k)), how.place(torch.rand(k, n))
    return (lambda: torch.mm(a, b)), 1, 2 * m * k * n


def convolution(how):
    x, w = how.place(torch.rand(16, 64, 32, 32)), how.place(torch.rand(64, 64, 3, 3))

    def step():
        with torch.inference_mode():
            F.conv2d(x, w, padding=1)

    return step, 16, 2 * 16 * 64 * 64 * 32 * 32 * 9


# Name, and what makes its step: (step, images, flops or None).
WORKLOADS = {
    "W1": lambda how: training(Mlp(), how),
    "W2": lambda how: training(Conv(), how),
    "W3-1024": lambda how: product(1024, 1024, 1024, how),
    "W3-128x784x512": lambda how: product(128, 784, 512, how),
    "W3-4096": lambda how: product(4096, 4096, 4096, how),
    "W4": convolution,
    "W5": decoding,
}


def ways(workload, cuda, compiled):
    """The names of the ways in which a workload can run here."""
    ways = ["eager"]
    if workload in ("W2", "W4", "W5"):
        ways.append("channels-last")
    if compiled and workload in ("W1", "W2", "W5"):
        ways.append("compiled")
    on_cpu = [] if workload == "W3-4096" else ways
    return on_cpu + [prefix + way for prefix in ("cuda-", "cuda-tf32-") if cuda for way in ways]
