"""``ufh report NAME… --html``: one file that tells what is in the results, and does nothing of what they ask for."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from html.parser import HTMLParser
from pathlib import Path

import pytest
from ufh_command import SMALL

VOID = {"meta", "link", "br", "hr", "img", "input"}
HOSTILE = '</pre><script>alert("x")</script><img src=http://evil.example onerror=alert(1)>{{ 7 * 7 }}$\\frac{$\x1b[31m'
FRAME = """<!DOCTYPE html><iframe style="border: 0; width: WIDTHpx; height: 3000px"></iframe><pre></pre><script>
const frame = document.querySelector("iframe")
frame.onload = () => {
  const inside = frame.contentDocument, root = inside.documentElement
  const places = [...inside.querySelectorAll("svg")].map(one => one.getBoundingClientRect())
  document.querySelector("pre").textContent = JSON.stringify({
    inside: root.clientWidth, whole: root.scrollWidth, drawings: places.map(one => [one.left, one.right, one.height])})
}
frame.srcdoc = TEXT
</script>"""
BROWSERS = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")


class Page(HTMLParser):
    """What a page consists of; asserts that what is opened is closed."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.words: list[str] = []
        self.rows: list[list[str]] = []
        self.feed(text)
        self.close()
        assert not self.open

    def handle_starttag(self, tag: str, attrs: list) -> None:
        self.tags.append(tag)
        self.attributes += [(key, value or "") for key, value in attrs]
        if tag == "tr":
            self.rows.append([])
        if tag not in VOID:
            self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        if self.open and self.open[-1] not in ("style", "script"):
            self.words.append(data)
        if self.open and self.open[-1] in ("td", "th"):
            self.rows[-1].append(data)


def check_alone(text: str) -> Page:
    """A page that asks for nothing and runs nothing."""
    page = Page(text)
    assert text.startswith("<!DOCTYPE html>")
    assert set(page.tags).isdisjoint({"script", "iframe", "object", "embed", "img", "link", "form", "base"})
    for key, value in page.attributes:
        assert not key.startswith("on")
        assert key not in ("src", "action", "formaction", "background", "xlink:href")
        assert key != "href" or value.startswith("#")
        assert re.fullmatch(r"#[\w-]+", value[4:-1]) or "url(" not in value
    names = [value for key, value in page.attributes if key == "id"]
    assert len(set(names)) == len(names)
    assert {value[1:] for key, value in page.attributes if key == "href"} <= set(names)
    assert ("content", "width=device-width, initial-scale=1") in page.attributes
    assert page.tags.count("table") == page.attributes.count(("class", "wide"))
    style = text[text.index("<style>") : text.index("</style>")]
    assert not re.search("url|@import|expression", style)
    return page


@pytest.fixture(scope="module")
def results(ufh) -> Path:
    """A comparison, a sweep of a number, and a run that nobody can compare."""
    ufh("sweep", "polynomials", *SMALL, "--over=technique=none,fec,fec+fcm", "--trials=4", "--jobs=1", "--name=grid")
    ufh("sweep", "polynomials", *SMALL, "--over=hash.mantissa_bits=2,4,8", "--technique=fec", "--trials=2", "--jobs=1",
        "--name=bits")  # fmt: skip
    ufh("run", "polynomials", *SMALL, "--trials=1", "--technique=fec", "--name=single")
    return ufh.folder / "results"


def page_of(ufh, *names: str) -> str:
    assert ufh("report", *names, "--html=page.html").out == "wrote page.html\n"
    return (ufh.folder / "page.html").read_text(encoding="utf-8")


def test_it_tells_what_show_and_compare_tell(ufh, results) -> None:
    before = {path: path.stat().st_mtime_ns for path in results.rglob("*")}
    text = page_of(ufh, "grid")
    assert {path: path.stat().st_mtime_ns for path in results.rglob("*")} == before
    page = check_alone(text)
    shown = [line.split() for line in ufh("show", "grid").out.splitlines()[1:4]]
    summary = [" ".join(row).split() for row in page.rows[1:4]]
    assert [row[:8] for row in summary] == [row[:8] for row in shown]
    compared = json.loads(ufh("compare", "grid", "--json").out)
    found = [row for row in page.rows if row[1:2] and row[1] in ("AUC", "best fitness") and row[2] != "best"]
    wanted = [one for one in compared if one["quantity"] in ("auc", "best_fitness")]
    assert [row[3] for row in found] == [f"{one['low']:+.3g} … {one['high']:+.3g}" for one in wanted]
    words = " ".join(page.words)
    for heading in ("The best found along the search", "Hits of the cache along the search", "Best candidates"):
        assert heading in words
    best = max(json.loads((results / "grid" / "best.json").read_text()), key=lambda entry: entry["fitness"])
    assert best["description"] in page.words
    assert "a toy [not a benchmark]" in words
    assert page.rows.count(["key", "value"]) == 1
    assert ["search.population_size", "20"] in page.rows
    assert page_of(ufh, "grid") == text


def test_a_sweep_has_its_response_and_comparisons_with_the_first(ufh, results) -> None:
    page = check_alone(page_of(ufh, "bits"))
    words = " ".join(page.words)
    assert "Setup polynomials: 3 cells, 6 trials in all." in words
    assert "AUC by what was swept" in words
    assert {row[0] for row in page.rows if row[1:2] == ["AUC"]} == {"mantissa bits = 4", "mantissa bits = 8"}
    assert "What differs" not in words  # the summary has it
    assert "Front" not in page.words


def test_a_single_search_says_why_there_is_no_comparison(ufh, results) -> None:
    page = check_alone(page_of(ufh, "single"))
    words = " ".join(page.words)
    assert "Setup polynomials: 1 cell, 1 trial in all." in words
    assert re.search(r"Comparisons\s+None: ", words)
    assert "Best candidates" in words
    assert "AUC by what was swept" not in words


def test_what_differs_between_results_is_told(ufh, results) -> None:
    page = check_alone(page_of(ufh, "grid:technique=fec", "bits:hash.mantissa_bits=8"))
    assert "What differs" in page.words
    assert any("hash.mantissa_bits" in row for row in page.rows)


def test_several_objectives_have_their_front(ufh) -> None:
    ufh("run", "nasbench", "--config=nasbench-front", "--trials=2", "--set=budget.candidates=300", "--name=front",
        "--set=search.population_size=20", "--set=budget.cost=none", "--jobs=1")  # fmt: skip
    assert "Front" in check_alone(page_of(ufh, "front")).words


def test_results_that_mean_harm_do_none(ufh, results) -> None:
    """All that may be text in them is: the notice, the host, the unit, a candidate, its details, a swept value."""
    folder = results / "hostile"
    shutil.copytree(results / "grid", folder)
    experiment = (folder / "experiment.toml").read_text(encoding="utf-8")
    quoted = json.dumps(HOSTILE)
    experiment = re.sub(r'notice = ".*"', lambda _: f"notice = {quoted}", experiment)
    experiment = re.sub(r'host = ".*"', lambda _: f"host = {quoted}", experiment)
    experiment = experiment.replace('"fec+fcm"', '"fec+tabulist"')
    (folder / "experiment.toml").write_text(experiment, encoding="utf-8")
    trials = (folder / "trials.csv").read_text(encoding="utf-8").replace("fec+fcm", "fec+tabulist")
    unit = '"' + HOSTILE.replace('"', '""') + '"'
    (folder / "trials.csv").write_text(trials.replace(",points,", f",{unit},"), encoding="utf-8")
    curves = (folder / "curves.csv").read_text(encoding="utf-8").replace("fec+fcm", "fec+tabulist")
    (folder / "curves.csv").write_text(curves, encoding="utf-8")
    best = json.loads((folder / "best.json").read_text(encoding="utf-8"))
    for entry in best:
        entry["description"] = entry["details"] = HOSTILE
        entry["technique"] = entry["technique"].replace("fec+fcm", "fec+tabulist")
    (folder / "best.json").write_text(json.dumps(best), encoding="utf-8")
    text = page_of(ufh, "hostile")
    page = check_alone(text)
    harmless = HOSTILE.replace("\x1b", "\\x1b")
    assert sum(harmless in word for word in page.words) >= 5
    assert "\x1b" not in text
    assert "49" not in [word for word in page.words if "{{" in word]


def test_what_cannot_be_one_page_is_refused(ufh, results, odd) -> None:
    assert "no results called 'grit'" in ufh("report", "grit", "--html=page.html", code=2).refusal()
    assert "cannot be written" in ufh("report", "grid", "--html=results", code=2).refusal()
    assert "one page at a time" in ufh("report", "grid", "--html=a.html", "--out=b.md", code=2).refusal()
    assert "one file of claims at a time" in ufh("report", "a.toml", "b.toml", code=2).refusal()
    ufh("run", "nasbench", "--technique=fec", "--trials=1", "--budget=1e5", "--name=other", "--jobs=1")
    line = ufh("report", "grid", "other", "--html=mixed.html", code=2).refusal()
    assert "cannot compare results of polynomials with results of nasbench" in line
    assert not (ufh.folder / "mixed.html").exists()


@pytest.fixture(scope="module")
def dom(tmp_path_factory):
    """Of a file what a browser makes of it, as text."""
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    home = tmp_path_factory.mktemp("browser")

    def dump(file: Path) -> str:
        asked = [browser, "--headless", "--no-sandbox", "--disable-gpu", f"--user-data-dir={home}", "--dump-dom"]
        done = subprocess.run([*asked, file.as_uri()], capture_output=True, text=True, timeout=60)
        return done.stdout

    probe = home / "probe.html"
    probe.write_text("<p id=a></p><script>a.textContent = 6 * 7</script>", encoding="utf-8")
    try:
        shown = browser is not None and "42</p>" in dump(probe)
    except subprocess.TimeoutExpired:
        shown = False
    if not shown:
        pytest.skip("there is no browser that shows a page without a screen")
    return dump


@pytest.mark.parametrize("width", [375, 1000])
def test_a_browser_shows_all_of_it_within_its_width(ufh, results, tmp_path, dom, width) -> None:
    """No part of the page is wider than a phone; tables that are move in boxes of their own."""
    text = json.dumps(page_of(ufh, "grid")).replace("</", "<\\/")
    frame = tmp_path / "frame.html"
    frame.write_text(FRAME.replace("WIDTH", str(width)).replace("TEXT", text), encoding="utf-8")
    found = json.loads(re.search("<pre>(.*)</pre>", dom(frame))[1])
    assert found["inside"] == found["whole"] == width
    assert len(found["drawings"]) >= 4
    for left, right, height in found["drawings"]:
        assert 0 <= left < right <= width
        assert right - left > 0.7 * min(width, 400)
        assert height > 50
