"""The golden card in a real browser: nothing fetched, nothing blocked, nothing wider than a phone."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from reports import history, html, store
from reports.record import Curve, Finding, Forest, ForestRow, Measurement, Series

ROOT = Path(__file__).parents[2]
CARD = ROOT / "tests" / "golden" / "card.html"
BROWSER = next(
    (found for name in ("chromium", "chromium-browser", "google-chrome") if (found := shutil.which(name))), ""
)
FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-sync",
    "--disable-background-networking", "--disable-component-update", "--remote-debugging-pipe",
)  # fmt: skip

pytestmark = pytest.mark.skipif(not BROWSER, reason="no Chromium; install it to look at the card in a browser")


class Tab:
    """One page, driven over the browser's own pipe: no port, no network."""

    def __init__(self, profile: Path) -> None:
        theirs_in, self._out = os.pipe()
        self._in, theirs_out = os.pipe()
        command = f'exec "$0" "$@" 3<&{theirs_in} 4>&{theirs_out}'
        self._process = subprocess.Popen(
            ["bash", "-c", command, BROWSER, *FLAGS, f"--user-data-dir={profile}"],
            pass_fds=(theirs_in, theirs_out),
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
        )
        os.close(theirs_in)
        os.close(theirs_out)
        self._rest, self._number, self._session = b"", 0, ""
        self.events: list[dict[str, Any]] = []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self._session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Log", "Network", "Runtime"):
            self.call(f"{domain}.enable")

    def call(self, method: str, **parameters: object) -> dict[str, Any]:
        """Send a command and wait for its answer."""
        self._number += 1
        message: dict[str, object] = {"id": self._number, "method": method, "params": parameters}
        if self._session:
            message["sessionId"] = self._session
        os.write(self._out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self._next()
            if answer.get("id") == self._number:
                assert "error" not in answer, answer
                result: dict[str, Any] = answer["result"]
                return result
            self.events.append(answer)

    def _next(self) -> dict[str, Any]:
        while b"\0" not in self._rest:
            found = os.read(self._in, 1 << 16)
            assert found, "the browser went away"
            self._rest += found
        one, _, self._rest = self._rest.partition(b"\0")
        answer: dict[str, Any] = json.loads(one)
        return answer

    def show(self, width: int, theme: str = "light", media: str = "", page: Path = CARD) -> None:
        """Open a page in a window of that width, theme and medium."""
        self.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=False)
        features = [{"name": "prefers-color-scheme", "value": theme}]
        self.call("Emulation.setEmulatedMedia", media=media, features=features)
        self.call("Page.navigate", url=page.as_uri())
        for _ in range(100):
            if self.ask("document.readyState") == "complete" and self.ask("location.href") == page.as_uri():
                return
            time.sleep(0.05)
        raise AssertionError("the card did not load")

    def ask(self, expression: str) -> Any:  # noqa: ANN401 -- whatever the page answers
        """Evaluate an expression in the page, and wait for what it promises."""
        answer = self.call("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        return answer["result"].get("value")

    def close(self) -> None:
        """End the browser."""
        self._session = ""
        with contextlib.suppress(AssertionError, OSError):
            self.call("Browser.close")
        self._process.wait(20)
        os.close(self._in)
        os.close(self._out)


@pytest.fixture(scope="module")
def tab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Tab]:
    opened = Tab(tmp_path_factory.mktemp("profile"))
    yield opened
    opened.close()


def test_nothing_is_fetched_blocked_or_run(tab: Tab) -> None:
    tab.events.clear()
    tab.show(1200)
    tab.ask("1")
    asked = [one["params"]["request"]["url"] for one in tab.events if one["method"] == "Network.requestWillBeSent"]
    assert [url for url in asked if not url.startswith(("file:", "data:"))] == []
    assert [one for one in tab.events if one["method"] in ("Log.entryAdded", "Runtime.exceptionThrown")] == []
    assert tab.ask("document.querySelectorAll('script').length") == 0
    assert tab.ask("document.querySelectorAll('a[download]').length") == 1


@pytest.mark.parametrize("width", [320, 480, 768, 1400])
def test_the_page_is_no_wider_than_its_window(tab: Tab, width: int) -> None:
    tab.show(width)
    assert tab.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")
    tab.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
    assert tab.ask("document.documentElement.scrollWidth <= document.documentElement.clientWidth")


def test_themes_differ_and_print_is_light(tab: Tab) -> None:
    ground = "getComputedStyle(document.body).backgroundColor"
    found = {}
    for name, theme, media in (("light", "light", ""), ("dark", "dark", ""), ("print", "dark", "print")):
        tab.show(1200, theme, media)
        found[name] = tab.ask(ground)
    assert found == {"light": "rgb(255, 255, 255)", "dark": "rgb(22, 24, 28)", "print": "rgb(255, 255, 255)"}


def test_folded_parts_are_printed(tab: Tab) -> None:
    tab.show(1000, media="print")
    heights = tab.ask("[...document.querySelectorAll('.annex .gates details table')].map(one => one.offsetHeight)")
    assert heights
    assert min(heights) > 20


def test_links_are_large_enough_to_hit(tab: Tab) -> None:
    tab.show(1200)
    heights = tab.ask("[...document.querySelectorAll('nav a, summary')].map(one => one.offsetHeight)")
    assert heights
    assert [one for one in heights if 0 < one < 24] == []


def test_every_figure_has_a_size_of_its_own(tab: Tab) -> None:
    tab.show(1200)
    sizes = tab.ask("[...document.querySelectorAll('figure svg')].map(one => one.getBoundingClientRect().width)")
    assert len(sizes) >= 6
    assert min(sizes) > 200


def test_verdict_answers_and_actions_stand_on_the_first_screen(tab: Tab) -> None:
    tab.show(1200)
    places = tab.ask(
        "[...document.querySelectorAll('.verdict, .tile h2, .tile .say')].map(o => o.getBoundingClientRect().top)"
    )
    assert len(places) == 12
    assert max(places) < 800
    assert tab.ask("document.querySelector('.verdict').getBoundingClientRect().top") < 200


def test_no_column_is_cut_off_on_a_usual_window(tab: Tab) -> None:
    tab.show(1200)
    tab.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
    wide = "[...document.querySelectorAll('.scroll')].filter(one => one.scrollWidth > one.clientWidth + 1).length"
    assert tab.ask(wide) == 0


CROWDED = """
(() => {
  const found = [], box = one => one.getBoundingClientRect();
  document.querySelectorAll('details').forEach(one => { one.open = true });
  for (const svg of document.querySelectorAll('svg')) {
    const texts = [...svg.querySelectorAll('text')].filter(one => one.textContent.trim());
    texts.forEach((one, k) => {
      const a = box(one), all = box(svg);
      if (a.right > all.right + 2 || a.left < all.left - 2) found.push('outside: ' + one.textContent);
      for (const other of texts.slice(k + 1)) {
        const b = box(other);
        const x = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const y = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (x > 1.5 && y > 3) found.push(one.textContent + ' over ' + other.textContent);
      }
    });
  }
  return found;
})()
"""


def test_no_words_of_a_figure_overlap_or_leave_it(tab: Tab, pages: dict[str, Path]) -> None:
    for name in ("full", "long"):
        tab.show(1200, page=pages[name])
        assert tab.ask(CROWDED) == [], name


# --- axe, where it is installed -------------------------------------------------------------------


def axe_file() -> Path | None:
    """Find axe-core: the file that MODELASSAY_AXE names, or what `npm install axe-core` put here."""
    places = (os.environ.get("MODELASSAY_AXE", ""), str(ROOT / "node_modules/axe-core/axe.min.js"))
    return next((Path(one) for one in places if one and Path(one).is_file()), None)


def _long_numbers() -> Finding:
    """Draw a forest of numbers as long as they come, on a narrow axis."""
    rows = tuple(
        ForestRow(label=f"group: {k}", value=value, low=value - 0.00123, high=value + 0.00123, n=123_456)
        for k, value in enumerate((-0.00029, 0.0, 0.00031))
    )
    large = tuple(replace(row, value=-2674.1, low=-15044.2, high=9736.3) for row in rows)
    exhibits = tuple(
        Forest(title=f"{n}", x_label="mean", rows=one, reference=0.0) for n, one in enumerate((rows, large))
    )
    measured = Measurement(summary="Long numbers.", exhibits=exhibits)
    return Finding(check="l", title="Long", family="groups", revision=1, outcome="measured", measurement=measured)


def _course() -> Finding:
    """Write what a window of a log says of the windows before it."""
    line = Series(name="accuracy", x=(0.0, 1.0, 2.0), y=(0.9, 0.9, 0.8), low=(0.8, 0.8, 0.7), high=(1.0, 1.0, 0.9))
    flat = Series(name="2024", x=(0.0, 2.0), y=(0.9, 0.9), style="dashed")
    curve = Curve(
        title="accuracy", x_label="window", y_label="accuracy", x_names=("01", "02", "03"), series=(line, flat)
    )
    measured = Measurement(summary="As before.", exhibits=(curve,))
    return Finding(
        check="window_performance", title="Window", family="monitoring", revision=1, outcome="measured",
        measurement=measured,
    )  # fmt: skip


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Write every kind of page that this package draws."""
    folder = tmp_path_factory.mktemp("pages")
    record = store.load(CARD.with_name("record.v2.json"))
    entries = [history.entry(name, json.loads(store.dumps(record))) for name in ("a", "b")]
    drawn = {
        "full": html.render(record),
        "short": html.render(record, "short"),
        "first": html.first_screen(record),
        "bare": html.render(replace(record, findings=(), verdicts=(), warnings=())),
        "regression": html.render(replace(record, task="regression")),
        "history": history.page(entries),
        "window": html.render(replace(record, findings=(_course(), *record.findings))),
        "long": html.render(replace(record, findings=(_long_numbers(), *record.findings))),
    }
    for name, text in drawn.items():
        (folder / f"{name}.html").write_text(text, encoding="utf-8")
    return {name: folder / f"{name}.html" for name in drawn}


@pytest.mark.parametrize("width", [320, 1200])
@pytest.mark.parametrize("theme", ["light", "dark"])
def test_axe_finds_nothing(tab: Tab, pages: dict[str, Path], width: int, theme: str) -> None:
    axe = axe_file()
    if axe is None:
        pytest.skip("no axe-core; `npm install axe-core`, or name axe.min.js in MODELASSAY_AXE")
    for name, page in pages.items():
        tab.show(width, theme, page=page)
        tab.ask("document.querySelectorAll('details').forEach(one => { one.open = true })")
        tab.ask(axe.read_text(encoding="utf-8"))
        found = tab.ask(
            "axe.run(document).then(r => r.passes.length ? r.violations.map(v => v.id + v.nodes[0].html) : ['?'])"
        )
        assert found == [], f"{name}: {found}"


def test_courses_keep_their_height_in_print(tab: Tab, pages: dict[str, Path]) -> None:
    tab.show(700, media="print", page=pages["window"])
    heights = tab.ask("[...document.querySelectorAll('svg.trend')].map(one => one.getBoundingClientRect().height)")
    assert heights
    assert min(heights) >= 24


@pytest.mark.parametrize("media", ["", "print"])
def test_no_word_in_the_head_of_the_history_is_broken(tab: Tab, pages: dict[str, Path], media: str) -> None:
    tab.show(700, media=media, page=pages["history"])
    heads = tab.ask(
        "[...document.querySelectorAll('th')].map(one => { const text = document.createRange();"
        " text.selectNodeContents(one);"
        " return [one.textContent, new Set([...text.getClientRects()].map(box => Math.round(box.top))).size] })"
    )
    assert heads
    assert [text for text, lines in heads if lines > len(text.split()) and max(map(len, text.split())) < 20] == []
