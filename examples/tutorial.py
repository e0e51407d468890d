"""The tutorial everybody starts with, step by step, in inkdigits' words. Every number is asserted.

Run it: python examples/tutorial.py
"""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory

import numpy as np

import inkdigits

# 1. The data: 1,797 images of 8x8, with values from 0 (paper) to 16 (ink).
digits = inkdigits.load_digits()
assert digits.images.shape == (1797, 8, 8)
assert (digits.images.min(), digits.images.max()) == (0, 16)
assert digits.counts == {0: 178, 1: 182, 2: 177, 3: 183, 4: 181, 5: 182, 6: 181, 7: 179, 8: 174, 9: 180}

# 2. Look at one: the first is a 0, a ring of large numbers around small ones.
print(digits.images[0])
assert digits.labels[0] == 0
assert digits.images[0][0].tolist() == [0, 0, 5, 13, 9, 1, 0, 0]

# 3. A network takes rows of numbers, not squares: flatten 8x8 to 64.
assert digits.flat.shape == (1797, 64)

# 4. The first 1,000 images are to learn from, the other 797 to be tested on. Who wrote them?
parts = inkdigits.split(digits, "first", n_train=1000)
assert (len(parts.train), len(parts.test)) == (1000, 797)
print(parts.people)

# 5. Train: 64 inputs, 15 hidden neurons, 10 outputs; plain gradient descent.
result = inkdigits.train(recipe="tutorial", data="digits")
print(result.stopped_because)
assert result.n_iter == 189

# 6. Watch the loss: it falls, ever more slowly, until it stays where it is.
losses = [round(loss, 8) for loss in result.loss_curve]
assert losses[0] > losses[10] > losses[100]
assert losses[184:189] == [0.01147629, 0.01142365, 0.01136608, 0.01128053, 0.01128869]

# 7. Predict the images it has not seen, and compare: in the first 50 it takes two 9s for 3 and 5.
print(result.predictions[:50])
wrong = np.flatnonzero(result.predictions[:50] != parts.test.labels[:50])
assert wrong.tolist() == [38, 48]
assert result.predictions[wrong].tolist() == [3, 5]

# 8. The score: 729 of 797.
print(result.accuracy)
assert result.accuracy == 0.9146800501882058
assert result.errors == 68

# 9. Keep it. A model is one file, and gives the same answers when it is opened again.
with TemporaryDirectory() as folder:
    path = Path(folder) / "my.onnx"
    result.model.save(path)
    again = inkdigits.evaluate(inkdigits.Model.load(path), parts.test)
assert again.errors == 68

# 10. And now your own handwriting: the tutorial's network beside the bundled reader.
page = Path(__file__).with_name("page.jpg")
written = "1492 305 78 60231"
tutorial_reads = inkdigits.Reader(result.model).read(page).text
bundled_reads = inkdigits.Reader().read(page).text
print(f"written {written}, the tutorial's network reads {tutorial_reads}, the bundled reader {bundled_reads}")
assert bundled_reads == written
assert tutorial_reads != written  # 91 % on the test set is not enough on paper
