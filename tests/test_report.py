"""The report: one page that holds everything, says the truth first and trusts no name."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path

import numpy as np
import pytest

from inkdigits.datasets import Dataset
from inkdigits.errors import InkdigitsError
from inkdigits.evaluation import Evaluation
from inkdigits.graph import Layer
from inkdigits.modelfile import Metadata, Model
from inkdigits.report import render_report, write_report
from inkdigits.training import TrainingResult, train

VOID = {"meta", "img", "br"}  # elements without an end tag
HOSTILE = '"><script>alert(1)</script>&$title.png'

UNTOLD = Model.from_layers(  # a model that does not tell how it came to be
    [Layer("Flatten"), Layer("Gemm", (np.zeros((64, 10)), np.zeros(10)))],
    Metadata(name="untold", preparation="uci-8"),
    image_size=8,
)


@pytest.fixture(scope="module")
def training() -> TrainingResult:
    """Train the tutorial once for all tests."""
    return train("tutorial", "digits")


@pytest.fixture(scope="module")
def page(training: TrainingResult) -> str:
    """Render its report once for all tests."""
    return render_report(training.evaluation, title="The tutorial", model=training.model)


class Elements(HTMLParser):
    """Collects the start tags with their attributes, and checks that each is closed in turn."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: list[tuple[str, dict[str, str | None]]] = []
        self.open: list[str] = []
        self.feed(page)
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note an element that begins."""
        self.found.append((tag, dict(attrs)))
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        """Check that the element that began last is the one that ends."""
        assert self.open.pop() == tag, f"</{tag}> closes another element"

    def named(self, tag: str) -> list[dict[str, str | None]]:
        """Return the attributes of each element of that name."""
        return [attributes for name, attributes in self.found if name == tag]


def make_evaluation(n: int = 60, *, wrong: int = 2, writers: bool = False, file: str = "") -> Evaluation:
    """Return n answers, of which the first ones read a digit one too high."""
    labels = (np.arange(n) % 10).astype(np.uint8)
    dataset = Dataset(
        name="made up",
        images=np.full((n, 8, 8), 16, np.uint8),
        labels=labels,
        preparation="uci-8",
        description="",
        source="",
        people="three people",
        n_train=n // 2,
        writers=np.arange(n) if writers else None,
        files=(file,) * n if file else (),
    )
    probabilities = np.full((n, 10), 0.1 / 9)
    probabilities[np.arange(n), (labels + (np.arange(n) < wrong)) % 10] = 0.9
    return Evaluation(dataset, probabilities, np.arange(n))


def head(page: str) -> str:
    """Return what a reader sees first."""
    return page.partition("</header>")[0]


def section(page: str, anchor: str) -> str:
    """Return the section whose heading has that id."""
    return page.partition(f'<h2 id="{anchor}">')[2].partition("</section>")[0]


def test_the_headline_is_the_published_figure(page: str) -> None:
    """The tutorial's report opens with its accuracy and its errors."""
    assert "<strong>0.9147</strong> accuracy on digits: 68 of 797 images read wrongly (8.53%)" in head(page)


def test_who_wrote_the_test_images_stands_beside_the_headline(page: str, training: TrainingResult) -> None:
    """Whether the split mixes writers is said before anything else is shown."""
    note = f"<strong>The writers:</strong> the split {training.split.people}.</p>"
    assert note in head(page)


def test_without_a_training_the_data_sets_people_stand_there() -> None:
    """Where the model may have seen the images, what is known of the writers takes the place of the split."""
    page = render_report(make_evaluation(), title="Made up", model=UNTOLD)
    assert "<strong>The writers:</strong> three people.</p>" in page
    assert 'id="training"' not in page


def test_the_training_is_told_whole(page: str, training: TrainingResult) -> None:
    """Recipe, images, who wrote them, seed, epochs and the reason it stopped are all there."""
    facts = dict(re.findall("<dt>(.*?)</dt><dd>(.*?)</dd>", page))
    assert facts.pop("Recipe").startswith("tutorial: ")
    assert facts.pop("Data").startswith("digits: bundled with scikit-learn")
    assert facts == {
        "Images": "1,000 trained on; split: first",
        "Writers": f"the split {training.split.people}",
        "Seed": "1",
        "Epochs": "189 of at most 200",
        "Why it stopped": "stopped after 189 epochs: the loss no longer improved by 0.0001 for 10 epochs",
    }


def test_every_tag_is_closed_in_turn(page: str) -> None:
    """The page is balanced HTML: what is opened is closed, in order."""
    assert Elements(page).open == []


def test_ids_are_unique_and_contents_lead_to_them(page: str) -> None:
    """Each entry of the contents leads to one section."""
    elements = Elements(page)
    ids = [attributes["id"] for _, attributes in elements.found if "id" in attributes]
    assert [link["href"] for link in elements.named("a")] == [f"#{name}" for name in ids]
    assert len(set(ids)) == len(ids)


def test_nothing_is_loaded_from_elsewhere(page: str) -> None:
    """Every picture is inside the page; there is no script, no linked style, no font and no address."""
    elements = Elements(page)
    assert {tag for tag, _ in elements.found} & {"script", "link", "iframe", "object", "base"} == set()
    assert all(str(image["src"]).startswith("data:image/png;base64,") for image in elements.named("img"))
    assert re.findall(r"""url\(|@import|["'(]\s*(?:https?:)?//""", page) == []


def test_every_picture_says_what_it_shows(page: str) -> None:
    """A page read aloud misses nothing: each image has its words."""
    assert all(image["alt"] for image in Elements(page).named("img"))


def test_it_fits_a_phone_and_a_dark_room(page: str) -> None:
    """The page scales to a phone's width and follows the reader's choice of light and dark."""
    assert {"name": "viewport", "content": "width=device-width, initial-scale=1"} in Elements(page).named("meta")
    assert "prefers-color-scheme: dark" in page


def test_the_tutorials_page_is_small(page: str) -> None:
    """The whole page stays below 1.5 MB, so that it can be sent by mail."""
    assert len(page.encode()) < 1_500_000


def test_a_large_test_part_keeps_the_page_below_5_mb() -> None:
    """Ten thousand images, all read wrongly, are cut to what a person looks through, and the page says so."""
    page = render_report(make_evaluation(10_000, wrong=10_000), title="Large", model=UNTOLD)
    assert len(page.encode()) < 5_000_000
    assert section(page, "mistakes").count("<img") == 200
    assert "And 9,800 more." in section(page, "mistakes")
    assert "And 9,000 more." in section(page, "predictions")


def test_the_confusion_matrix_is_a_table_with_headings(page: str, training: TrainingResult) -> None:
    """Each count stands in a table with a heading for its row and its column."""
    table = section(page, "confusion-matrix")
    counts = [int(count) for count in re.findall("<td[^>]*>(.*?)</td>", table)]
    assert counts == training.evaluation.confusion_matrix.ravel().tolist()
    assert (table.count('<th scope="row">'), table.count('<th scope="col">')) == (10, 11)


def test_a_digit_without_images_has_no_recall() -> None:
    """A digit that does not occur or was never read is told in words, not as a failure of 0.000."""
    evaluation = make_evaluation(5, wrong=0)
    rows = section(render_report(evaluation, title="Five", model=UNTOLD), "per-digit")
    assert '<tr><th scope="row">4</th><td>1</td><td>1.000</td><td>1.000</td></tr>' in rows
    assert '<tr><th scope="row">9</th><td>0</td><td>never read</td><td>no images</td></tr>' in rows


def test_each_wrong_prediction_is_marked(page: str) -> None:
    """All 797 predictions stand below their labels, with one mark for each of the 68 that are wrong."""
    predictions = section(page, "predictions").split('<div class="predictions">')[1]
    assert predictions.count("<mark>^</mark>") == 68
    assert sum(len(line.split()) - 1 for line in predictions.splitlines() if "read " in line) == 797


def test_each_mistake_is_shown_with_what_is_needed_to_find_it(page: str, training: TrainingResult) -> None:
    """The gallery shows every mistake: what it is, what was read, how sure, and its number."""
    gallery = section(page, "mistakes")
    captions = re.findall("<figcaption>(.*?)</figcaption>", gallery)
    assert captions == [
        f"{m.label} read as <b>{m.read_as}</b><br>{m.confidence:.2f}, #{m.number}" for m in training.evaluation.mistakes
    ]


def test_a_hostile_file_name_stays_text() -> None:
    """What a file is called is shown, never run."""
    page = render_report(make_evaluation(file=HOSTILE), title=HOSTILE, model=UNTOLD)
    assert page.count("&quot;&gt;&lt;script&gt;alert(1)&lt;/script&gt;&amp;$title.png") == 2 + 2  # mistakes; title, h1
    assert Elements(page).named("script") == []


def test_no_mistakes_are_said_in_words() -> None:
    """A faultless evaluation says so instead of showing an empty gallery."""
    assert "<p>None.</p>" in section(
        render_report(make_evaluation(wrong=0), title="Faultless", model=UNTOLD), "mistakes"
    )


def test_what_was_learned_from_besides_is_told(training: TrainingResult) -> None:
    """Further sets and drawn digits stand beside the data; a file that says nonsense of them harms nothing."""
    for also, told in (
        ([{"name": "semeion", "n_train": 9}], "semeion (9 images), 3 drawn digits of national forms"),
        (7, "3 drawn digits of national forms"),
    ):
        metadata = Metadata(
            name="m", preparation="uci-8", recipe={"drawn": 3, "loss_curve": []}, data={"n_train": 1, "also": also}
        )
        layers = [Layer("Flatten"), Layer("Gemm", (np.zeros((64, 10)), np.zeros(10)))]
        model = Model.from_layers(layers, metadata, image_size=8)
        assert f"<dt>Besides</dt><dd>{told}</dd>" in render_report(training.evaluation, title="t", model=model)


def test_the_models_promises_are_kept_or_broken_in_public(training: TrainingResult) -> None:
    """Each promised error rate stands beside what it comes to on these images; without promises that is said."""
    promising = replace(training.evaluation, thresholds={"0.01": 0.9})
    [promise] = promising.trust.promises
    shown = render_report(promising, title="t", model=UNTOLD)
    row = f"<td>0.900</td><td>{promise.coverage:.1%}</td><td>{promise.error_rate:.2%}</td>"
    assert f'<th scope="row">1.0%</th>{row}' in shown
    assert "The model promises no error rate." in render_report(training.evaluation, title="t", model=UNTOLD)


def test_the_worst_twenty_writers_are_listed() -> None:
    """Where writers are known, the worst come first, and the page says how many it leaves out."""
    writers = section(render_report(make_evaluation(writers=True), title="Writers", model=UNTOLD), "writers")
    assert '<tr><th scope="row">0</th><td>1</td><td>1</td><td>100.0%</td></tr>' in writers
    assert writers.count('<th scope="row">') == 20
    assert "And 40 more." in writers


def test_skipped_pictures_are_told() -> None:
    """Pictures that could not be used are listed with the reason, as they count in no figure."""
    evaluation = make_evaluation()
    evaluation = replace(evaluation, dataset=replace(evaluation.dataset, skipped=("'7/<a>.png': it is blank",)))
    skipped = section(render_report(evaluation, title="Skipped", model=UNTOLD), "skipped-pictures")
    assert "could not be used: 1. They count nowhere" in skipped
    assert "<li>&#x27;7/&lt;a&gt;.png&#x27;: it is blank</li>" in skipped


def test_the_model_is_named_for_good(page: str, training: TrainingResult) -> None:
    """The page ends with the model's card and the hash of its file."""
    assert training.model.sha256 in section(page, "model")
    assert "recipe tutorial" in section(page, "model")


def test_the_written_page_is_the_rendered_one(tmp_path: Path, page: str, training: TrainingResult) -> None:
    """The file holds what render_report returns."""
    write_report(tmp_path / "report.html", training.evaluation, title="The tutorial", model=training.model)
    assert (tmp_path / "report.html").read_text(encoding="utf-8") == page


def test_a_file_name_that_is_not_unicode_does_not_lose_the_report(tmp_path: Path) -> None:
    """File systems allow names that are no text; the report is written all the same."""
    write_report(tmp_path / "report.html", make_evaluation(file="7/\udcff.png"), title="Odd", model=UNTOLD)
    assert "7/?.png" in (tmp_path / "report.html").read_text(encoding="utf-8")


def test_a_path_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    """The error says which path, why, and what to do."""
    with pytest.raises(
        InkdigitsError, match=r"cannot write report '.*none.report\.html': No such file .* another path"
    ):
        write_report(tmp_path / "none" / "report.html", make_evaluation(), title="Nowhere", model=UNTOLD)
