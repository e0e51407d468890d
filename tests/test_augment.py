"""Distortions: endless different images from one, the same ones from the same seed."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from inkdigits.augment import Augmentation, distort
from inkdigits.strokes import draw_digits

pytest.importorskip("torch", reason="PyTorch is not installed: nothing is distorted without it")
IMAGES, LABELS = draw_digits(60, random_state=0)
NOTHING = Augmentation(rotation=0, scale=0, shear=0, shift=0, elastic=0, pen=0, blur=0, clutter=0, gamma=0, noise=0)


def test_the_same_seed_gives_the_same_images() -> None:
    """One seed, one set of images; another seed, another set."""
    first, again, other = (distort(IMAGES, Augmentation(), full=255, random_state=seed) for seed in (1, 1, 2))
    assert np.array_equal(first, again)
    assert not np.array_equal(first, other)


def test_each_image_is_distorted_in_its_own_way() -> None:
    """Copies of one image come out different, in the type and size they came in."""
    copies = distort(np.repeat(IMAGES[:1], 20, axis=0), Augmentation(), full=255, random_state=0)
    assert (copies.shape, copies.dtype) == ((20, 28, 28), np.uint8)
    assert len({copy.tobytes() for copy in copies}) == 20


def test_counts_stay_counts() -> None:
    """8x8 images with values 0..16 keep their range."""
    counts = (IMAGES[:, 2:26:3, 2:26:3] / 16).astype(np.uint8)
    assert distort(counts, Augmentation(), full=16, random_state=0).max() <= 16


@pytest.mark.parametrize(
    ("setting", "changes"),
    [
        ({"shift": 0.1}, "where"),
        ({"rotation": 20}, "where"),
        ({"elastic": 0.05}, "where"),
        ({"pen": 1.0}, "ink"),
        ({"clutter": 1.0}, "ink"),
        ({"gamma": 1.0}, "ink"),
        ({"blur": 1.0}, "ink"),
        ({"noise": 0.3}, "ink"),
    ],
    ids=str,
)
def test_each_setting_does_something(setting: dict[str, float], changes: str) -> None:
    """Turned on alone, each distortion moves the ink or changes its amount."""
    plain = distort(IMAGES, NOTHING, full=255, random_state=0).astype(int)
    changed = distort(IMAGES, replace(NOTHING, **setting), full=255, random_state=0).astype(int)
    assert np.abs(changed - plain).mean() > 1
    if changes == "where":
        assert abs(changed.mean() - plain.mean()) < 0.1 * plain.mean()


def test_distortions_may_go_a_factor_as_far() -> None:
    """Each setting is multiplied, and the original stays as it is."""
    settings = replace(NOTHING, rotation=14, shift=0.06, noise=0.05)
    assert settings.times(0.5) == replace(NOTHING, rotation=7, shift=0.03, noise=0.025)
    assert settings.times(1) == settings
    assert settings.times(0) == NOTHING


def test_no_distortion_changes_nothing() -> None:
    """Images that are distorted in no way stay what they are, to the last bit."""
    assert np.array_equal(distort(IMAGES, NOTHING, full=255, random_state=0), IMAGES)


def test_half_the_distortions_move_the_ink_less() -> None:
    """Images distorted half as far are nearer to the originals."""
    pose = replace(NOTHING, rotation=14, shift=0.06, shear=0.3)
    whole, half = (
        np.abs(distort(IMAGES, pose.times(factor), full=255, random_state=0).astype(int) - IMAGES).mean()
        for factor in (1, 0.5)
    )
    assert half < 0.9 * whole


def test_digits_stay_inside() -> None:
    """The default pose leaves at most 1 % of the ink on the border of the image, where it would be cut off."""
    moved = distort(IMAGES, replace(NOTHING, shift=0.06, scale=0.18, rotation=14), full=255, random_state=0).astype(int)
    border = moved.sum() - moved[:, 1:-1, 1:-1].sum()
    assert border <= 0.01 * moved.sum()


def test_pixels_come_from_where_pytorch_says() -> None:
    """The grid of all images at once is the one that PyTorch makes for each."""
    import torch
    from torch.nn import functional

    from inkdigits.augment import _affine_grid

    theta = torch.randn(5, 2, 3, generator=torch.Generator().manual_seed(0))
    expected = functional.affine_grid(theta, [5, 1, 9, 9], align_corners=False)
    assert torch.allclose(_affine_grid(theta, 9), expected, atol=1e-5)
