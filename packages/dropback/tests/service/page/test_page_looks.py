"""The page for any eye, finger and policy: contrast, names, small screens, no code inline."""

import re
from importlib.resources import files
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest

from examples.service import Address

STATIC = Path(str(files("dropback.service.page") / "static"))
VIEWS = {
    "leaderboard": "/",
    "passer": "/#/passers/00-0",
    "plays": "/#/plays",
    # At its end, where there is most to read.
    "play": "/#/plays/{game}/{play}?frame=99",
    "live": "/#/live",
    "compare": "/#/compare",
}


@pytest.fixture(params=VIEWS)
def view(request: pytest.FixtureRequest, key: tuple[int, int]) -> str:
    return VIEWS[request.param].format(game=key[0], play=key[1])


# Each text that is shown, its color, and the first ground behind it that is not see-through.
_TEXTS = """() => {
  const found = [];
  const walker = document.createTreeWalker(document.body, NodeFilter.SHOW_TEXT);
  for (let node = walker.nextNode(); node; node = walker.nextNode()) {
    const text = node.textContent.trim();
    const holder = node.parentElement;
    if (!text || !holder.checkVisibility()) continue;
    // Not seen, or painted on the turf: the field's own numbers.
    if (holder.closest('title, .unseen, .skip, script, option, .ground')) continue;
    const style = getComputedStyle(holder);
    let ground = null;
    const player = holder.closest('.player');
    const shape = player?.querySelector(':is(circle, rect):not(.ring)');
    if (shape) ground = getComputedStyle(shape).fill;
    for (let at = holder; at && !ground; at = at.parentElement) {
      const color = getComputedStyle(at).backgroundColor;
      if (color !== 'rgba(0, 0, 0, 0)') ground = color;
    }
    found.push([text, holder instanceof SVGElement ? style.fill : style.color, ground,
      parseFloat(style.fontSize), Number(style.fontWeight)]);
  }
  return found;
}"""


def luminance(color: str) -> float:
    """Relative luminance of ``rgb(r, g, b)`` (WCAG 2.2)."""
    numbers = [float(value) for value in re.findall(r"[\d.]+", color)]
    assert color.startswith("rgb("), color
    linear = [
        value / 255 / 12.92 if value / 255 <= 0.04045 else ((value / 255 + 0.055) / 1.055) ** 2.4
        for value in numbers
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


def contrast(color: str, ground: str) -> float:
    low, high = sorted((luminance(color), luminance(ground)))
    return (high + 0.05) / (low + 0.05)


def test_contrast_is_that_of_the_standard() -> None:
    assert contrast("rgb(0, 0, 0)", "rgb(255, 255, 255)") == pytest.approx(21)
    # The gray that every text on the standard names: the least dark that passes on white.
    assert contrast("rgb(118, 118, 118)", "rgb(255, 255, 255)") == pytest.approx(4.54, abs=0.005)


@pytest.mark.browser
@pytest.mark.sample(2)
def test_view_can_be_read_is_named_and_fits_a_phone(show: Any, view: str) -> None:
    page = show(view)
    faint = []
    seen = 0
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        for text, color, ground, size, weight in page.evaluate(_TEXTS):
            seen += 1
            # WCAG 2.2, 1.4.3: large is 24 px, or 18.66 px bold.
            needed = 3.0 if size >= 24 or (size >= 18.66 and weight >= 700) else 4.5
            if contrast(color, ground) < needed:
                faint.append((scheme, text, color, ground, contrast(color, ground)))
    assert faint == []
    # The view of two passers before they are named shows least: 12 texts in each scheme.
    assert seen > 20
    # The code and colors of a view, before its data and as they are before they are packed.
    loaded = page.evaluate(
        "performance.getEntriesByType('resource').filter(one => one.name.includes('/static/'))"
        ".reduce((sum, one) => sum + one.decodedBodySize, 0)"
    )
    assert 40_000 < loaded <= 150_000
    controls = page.locator("button, a, select, input, svg[role=img]")
    nameless = controls.evaluate_all(
        "all => all.filter(one => !one.ariaLabel && !one.textContent.trim() && !one.labels?.length)"
        ".map(one => one.outerHTML.slice(0, 120))"
    )
    assert nameless == []
    levels = page.locator("h1, h2, h3, h4").evaluate_all(
        "all => all.map(one => Number(one.tagName[1]))"
    )
    assert [n for n, (one, other) in enumerate(pairwise([0, *levels])) if other > one + 1] == []
    axe = pytest.importorskip("axe_playwright_python", reason="axe-playwright-python is missing")
    page.evaluate((files(axe) / "axe.min.js").read_text())
    found = page.evaluate("axe.run(document, {resultTypes: ['violations']})")["violations"]
    assert [(one["id"], [node["html"][:99] for node in one["nodes"]]) for one in found] == []
    page.set_viewport_size({"width": 320, "height": 640})
    assert page.evaluate("document.documentElement.scrollWidth") == 320
    # What may scroll in itself need not.
    wide = page.locator(".scroll").evaluate_all(
        "all => all.map(one => one.scrollWidth - one.clientWidth)"
    )
    assert wide == [0] * len(wide)
    # WCAG 2.2, 2.5.8: 24 pixels; a box within its label is pressed by the label.
    boxes = page.locator("button, select, input:not([type=checkbox]), nav a")
    small = boxes.evaluate_all(
        "all => all.filter(one => one.checkVisibility()).filter(one => {"
        " const box = one.getBoundingClientRect(); return Math.min(box.width, box.height) < 24; })"
        ".map(one => one.outerHTML.slice(0, 80))"
    )
    assert small == []


@pytest.mark.browser
def test_the_first_row_is_above_the_fold_of_a_phone(show: Any) -> None:
    page = show("/")
    page.set_viewport_size({"width": 390, "height": 844})
    box = page.locator(".ranking tbody tr").first.bounding_box()
    assert box["y"] + box["height"] < 844 / 2


@pytest.mark.browser
def test_the_field_fills_a_phone_that_is_held_sideways(show: Any, key: tuple[int, int]) -> None:
    page = show("/")
    page.set_viewport_size({"width": 844, "height": 390})
    page = show(f"/#/plays/{key[0]}/{key[1]}?frame=5")
    seen = page.evaluate(
        """() => {
          const field = document.querySelector('.pitch').getBoundingClientRect();
          const bar = document.querySelector('.under').getBoundingClientRect();
          return Math.min(field.bottom, bar.top, innerHeight) - Math.max(field.top, 0);
        }"""
    )
    assert seen >= 0.4 * 390


@pytest.mark.browser
def test_a_change_of_view_takes_the_focus_to_it_and_says_its_name(show: Any) -> None:
    page = show("/")
    assert page.evaluate("document.activeElement.tagName") == "BODY"
    page.get_by_role("link", name="A.<Passer>").click()
    page.wait_for_selector("h1:text-is('A.<Passer>')")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.locator("#announce").text_content() == "A.<Passer>"


@pytest.mark.browser
def test_teams_have_their_names_and_colors(show: Any) -> None:
    page = show("/")
    chip = page.locator("tr:has-text('A.<Passer>') .team")
    assert (chip.text_content(), chip.get_attribute("title")) == ("KC", "Kansas City Chiefs")
    ground = chip.evaluate("chip => getComputedStyle(chip).backgroundColor")
    assert ground == "rgb(227, 24, 55)"
    page.get_by_label("Search").fill("packers")
    assert page.locator(".ranking tbody tr").count() == 1


@pytest.mark.browser
def test_dark_and_light_can_be_chosen_and_are_kept(show: Any) -> None:
    page = show("/")
    ground = "getComputedStyle(document.body).backgroundColor"
    light = page.evaluate(ground)
    button = page.locator("#theme")
    for words in ("Colors: light", "Colors: dark"):
        button.click()
        assert button.get_attribute("aria-label") == words
    dark = page.evaluate(ground)
    assert luminance(dark) < 0.02
    assert luminance(light) > 0.5
    show("/")
    assert page.evaluate(ground) == dark


@pytest.mark.browser
def test_the_first_tab_stop_skips_to_the_content(show: Any) -> None:
    page = show("/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to content"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    assert page.locator(".ranking").count() == 1


@pytest.mark.browser
def test_players_do_not_glide_where_motion_is_not_wanted(show: Any, key: tuple[int, int]) -> None:
    page = show(f"/#/plays/{key[0]}/{key[1]}")
    glide = "getComputedStyle(document.querySelector('.player')).transitionProperty"
    assert page.evaluate(glide) == "none"
    page.emulate_media(reduced_motion="no-preference")
    assert page.evaluate(glide) == "transform"


def test_policy_allows_nothing_but_the_service_itself(address: Address) -> None:
    policy = address.get("/").headers["content-security-policy"]
    assert "default-src 'self'" in policy
    assert "unsafe" not in policy
    assert not re.search(r"https?:", policy)


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.*")), ids=lambda path: path.name)
def test_files_are_for_safari_15(path: Path) -> None:
    """Neither of these is known to Safari 15.0: they broke the page, or painted it black."""
    text = re.sub(r"/\*.*?\*/", "", path.read_text(), flags=re.DOTALL)
    later = (
        r"light-dark\(|\.to(?:Sorted|Reversed|Spliced)\(|(?<!this)\.at\(|structuredClone|"
        r"color-mix\(|@container"
    )
    assert re.findall(later, text) == []


@pytest.mark.parametrize("path", sorted(STATIC.rglob("*.*")), ids=lambda path: path.name)
def test_files_of_the_page_need_nothing_from_elsewhere(path: Path) -> None:
    text = path.read_text()
    assert len(text.splitlines()) <= 400
    outside = re.findall(r"https?://[^\"'\s)]+", text)
    assert set(outside) <= {"http://www.w3.org/2000/svg"}
    if path.suffix == ".html":
        assert not re.search(r"<script(?![^>]* src=)|<style|\sstyle=|\son\w+=", text)
    if path.suffix == ".js":
        assert not re.search(
            r"\beval\(|innerHTML|insertAdjacentHTML|new Function|Math\.random", text
        )
