"""Distortions that turn one training image into endless ones: pose, pen, ink and what else is on the paper.

Everything works on a batch of images as one PyTorch tensor, (n, 1, size, size) float32, ink is 1, so that a
whole batch costs a few tensor operations. Drawn from a `torch.Generator`: the same seed gives the same images.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from torch import Generator, Tensor


@dataclass(frozen=True, kw_only=True)
class Augmentation:
    """How far the distortions go. Lengths are fractions of the image side, angles are degrees."""

    rotation: float = 14.0
    scale: float = 0.18  # the sides grow or shrink independently by up to this factor
    shear: float = 0.3
    shift: float = 0.06
    elastic: float = 0.035  # standard deviation of the coarse displacement grid
    pen: float = 0.5  # share of images whose strokes are made thinner or thicker
    blur: float = 0.3  # share of images
    clutter: float = 0.15  # share of images that get a bit of frame or a dot beside the digit
    gamma: float = 0.5  # the grey curve is bent by up to this factor's exponential
    noise: float = 0.05  # largest standard deviation

    def times(self, factor: float) -> Augmentation:
        """Return distortions a factor as far, of a factor as many images."""
        return Augmentation(**{name: value * factor for name, value in asdict(self).items()})


def distort(images: NDArray[np.uint8], settings: Augmentation, *, full: int, random_state: int) -> NDArray[np.uint8]:
    """Return a distorted copy of images (n, size, size) uint8 whose full ink is `full`."""
    import torch

    generator = torch.Generator().manual_seed(random_state)
    batch = torch.from_numpy(images.astype(np.float32) / full)[:, None]
    return np.asarray(torch.round(augment(batch, settings, generator)[:, 0] * full).to(torch.uint8).numpy())


def augment(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Return a distorted copy of a batch of images, (n, 1, size, size) float32 in 0..1, ink is 1."""
    images = _change_pose(images, settings, generator)
    if settings.pen:
        images = _change_pen(images, settings, generator)
    if settings.clutter:
        images = _add_clutter(images, settings, generator)
    return _change_ink(images, settings, generator) if settings.blur or settings.noise or settings.gamma else images


def _change_pose(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    import torch
    from torch.nn import functional

    n = len(images)
    angle = _symmetric(n, math.radians(settings.rotation), generator)
    scale_x, scale_y = (torch.exp(_symmetric(n, settings.scale, generator)) for _ in "xy")
    shear = _symmetric(n, settings.shear, generator)
    shift_x, shift_y = (_symmetric(n, 2 * settings.shift, generator) for _ in "xy")
    cos, sin = torch.cos(angle), torch.sin(angle)
    theta = torch.stack(
        [
            torch.stack([cos * scale_x, (shear * cos - sin) * scale_y, shift_x], dim=1),
            torch.stack([sin * scale_x, (shear * sin + cos) * scale_y, shift_y], dim=1),
        ],
        dim=1,
    )
    grid = _affine_grid(theta, images.shape[-1])
    if settings.elastic:
        coarse = 2 * settings.elastic * torch.randn(n, 2, 5, 5, generator=generator, device=generator.device)
        waves = functional.interpolate(coarse, images.shape[-2:], mode="bicubic", align_corners=False)
        grid = grid + waves.permute(0, 2, 3, 1)
    return functional.grid_sample(images, grid, mode="bilinear", align_corners=False)


def _affine_grid(theta: Tensor, size: int) -> Tensor:
    """Return where each pixel of each image comes from, (n, size, size, 2) in -1..1, for theta (n, 2, 3).

    That is functional.affine_grid in a tenth of its time: one product for all images instead of one for each.
    """
    import torch

    at = (2 * torch.arange(size, device=theta.device) + 1) / size - 1
    x, y = at.expand(size, size), at[:, None].expand(size, size)
    points = torch.stack([x, y, torch.ones_like(x)]).view(3, -1)
    return (theta.view(-1, 3) @ points).view(-1, 2, size, size).permute(0, 2, 3, 1)


def _change_pen(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blend each image with its dilation or its erosion: a thicker or a thinner pen."""
    import torch
    from torch.nn import functional

    n = len(images)
    amount = _symmetric(n, 1.0, generator) * (
        torch.rand(n, generator=generator, device=generator.device) < settings.pen
    )
    amount = amount.view(n, 1, 1, 1)
    thick = functional.max_pool2d(images, 3, stride=1, padding=1)
    thin = -functional.max_pool2d(-functional.pad(images, (0, 1, 0, 1)), 2, stride=1)
    changed = torch.where(amount > 0, images.lerp(thick, amount.abs()), images.lerp(thin, amount.abs()))
    peak = changed.amax(dim=(1, 2, 3), keepdim=True).clamp_min(0.2)
    return changed / peak


def _add_clutter(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Draw a piece of a printed frame along one side, or a full stop in a corner, over some of the images."""
    import torch

    n, _, size, _ = images.shape
    position = torch.arange(size, device=images.device)
    where = torch.rand(n, 6, generator=generator, device=generator.device)
    start, length = where[:, 0:1] * size, (0.2 + 0.8 * where[:, 1:2]) * size
    along = ((position >= start) & (position < start + length)).float()
    at_edge = (position[None] < 1 + (where[:, 2:3] > 0.6)).float()
    frame = at_edge[:, :, None] * along[:, None, :]
    dot_x, dot_y = 0.75 * size + where[:, 0] * size / 4, 0.75 * size + where[:, 1] * size / 4
    dot = torch.exp(
        -((position[None, None, :] - dot_x[:, None, None]) ** 2 + (position[None, :, None] - dot_y[:, None, None]) ** 2)
        / 2
    )
    mark = torch.where((where[:, 3] < 0.5)[:, None, None], frame, dot)
    flip = where[:, 4] < 0.5
    mark = torch.where(flip[:, None, None] & (where[:, 3] < 0.5)[:, None, None], mark.transpose(1, 2).flip(2), mark)
    chosen = (torch.rand(n, generator=generator, device=generator.device) < settings.clutter).float() * (
        0.3 + 0.7 * where[:, 5]
    )
    return torch.maximum(images, (mark * chosen[:, None, None])[:, None])


def _change_ink(images: Tensor, settings: Augmentation, generator: Generator) -> Tensor:
    """Blur some images, bend the grey curve of each, add noise."""
    import torch
    from torch.nn import functional

    n = len(images)
    kernel = torch.tensor([1.0, 2.0, 1.0], device=images.device)
    kernel = (kernel[:, None] * kernel[None, :] / 16).view(1, 1, 3, 3)
    amount = torch.rand(n, 1, 1, 1, generator=generator, device=generator.device)
    amount = amount * (torch.rand(n, 1, 1, 1, generator=generator, device=generator.device) < settings.blur)
    images = images.lerp(functional.conv2d(images, kernel, padding=1), amount)
    gamma = torch.exp(_symmetric(n, settings.gamma, generator)).view(n, 1, 1, 1)
    images = images.clamp(0, 1) ** gamma
    sigma = settings.noise * torch.rand(n, 1, 1, 1, generator=generator, device=generator.device) ** 2
    return (images + sigma * torch.randn(images.shape, generator=generator, device=generator.device)).clamp(0, 1)


def _symmetric(n: int, limit: float, generator: Generator) -> Tensor:
    """Draw n values uniformly from -limit to limit."""
    import torch

    return (2 * torch.rand(n, generator=generator, device=generator.device) - 1) * limit
