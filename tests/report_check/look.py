"""Opens every page of a folder in Chromium, and holds it against the JSON beside it.

    python -m report_check.look FOLDER

No message in the console, no request to anywhere, nothing to be scrolled sideways on a phone, every figure and every line the
one of report.json. A picture of each stays beside it.
"""

import json
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path

from playwright.sync_api import Browser, Page, sync_playwright

from . import charts, figures

# Width and height in CSS pixels, and whether the screen is dark.
SCREENS = {"desktop": (1280, 900, "light"), "phone": (390, 844, "light"), "phone-dark": (390, 844, "dark")}

READ_FIGURES = """() => [...document.querySelectorAll('[data-figure]')].map(element => ({
    place: element.dataset.figure, unit: element.dataset.unit ?? null, dataValue: element.dataset.value ?? null,
    value: element.getAttribute('value'), datetime: element.getAttribute('datetime'), text: element.textContent}))"""
READ_LINES = """() => [...document.querySelectorAll('svg.line')].map(svg => ({series: svg.dataset.chart,
    points: [...svg.querySelector('polyline').points].map(point => [point.x, point.y])}))"""
READ_BARS = """() => [...document.querySelectorAll('svg.bar rect:not(.track)')].map(bar => [bar.x.baseVal.value, bar.width.baseVal.value])"""
# What a page without outside references has none of; the style sheet must be the one that its policy allows.
READ_FOREIGN = """() => [...document.querySelectorAll('script, link, img, iframe, object, embed, base, form, [onclick], [onload], [style]')]
    .map(element => element.outerHTML.slice(0, 100))"""
READ_STYLED = """() => getComputedStyle(document.body).maxWidth"""
READ_SIDEWAYS = """() => document.documentElement.scrollWidth - document.documentElement.clientWidth"""
READ_OVERFLOWING = """() => [...document.body.querySelectorAll('*')].filter(element => element.getBoundingClientRect().right > innerWidth + 1)
    .slice(0, 5).map(element => element.outerHTML.slice(0, 100))"""


def main() -> None:
    folder = Path(sys.argv[1])
    pages = sorted(folder.glob("*.html"))
    count = 0
    with sync_playwright() as playwright:
        # As root, in a machine that is a sandbox already.
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        for page in pages:
            report = json.loads(page.with_suffix(".json").read_text())
            found = [f"{screen}: {problem}" for screen in SCREENS for problem in look(browser, page, report, screen)]
            count += len(found)
            print(f"{'holds' if not found else 'FAILS'}  {page.stem}", *found, sep="\n    ", flush=True)
        browser.close()
    print(f"{len(pages)} pages on {len(SCREENS)} screens, {count} problems")
    sys.exit(1 if count or not pages else 0)


def look(browser: Browser, file: Path, report: dict, screen: str) -> Iterator[str]:
    width, height, scheme = SCREENS[screen]
    with browser.new_page(viewport={"width": width, "height": height}, color_scheme=scheme) as page:
        said, asked = [], []
        page.on("console", lambda message: said.append(f"the console says {message.type}: {message.text}"))
        page.on("pageerror", lambda error: said.append(f"an error: {error}"))
        page.on("request", lambda request: asked.append(request.url))
        page.goto(file.as_uri())
        page.wait_for_load_state("networkidle")
        yield from said
        yield from (f"asks for {url}" for url in asked if url != file.as_uri())
        yield from (f"has {element}" for element in page.evaluate(READ_FOREIGN))
        if page.evaluate(READ_STYLED) == "none":
            yield "its style sheet does not apply"
        shown = page.evaluate(READ_FIGURES)
        yield from figures.problems(report, shown)
        yield from charts.problems(report, page.evaluate(READ_LINES), page.evaluate(READ_BARS))
        yield from _sideways(page)
        page.screenshot(path=file.with_name(f"{file.stem}-{screen}.png"), full_page=True)


def _sideways(page: Page) -> Iterator[str]:
    # With every list open.
    page.evaluate("() => document.querySelectorAll('details').forEach(details => details.open = true)")
    if (pixels := page.evaluate(READ_SIDEWAYS)) > 0:
        yield f"is {pixels} pixels too wide: {page.evaluate(READ_OVERFLOWING)}"


if __name__ == "__main__":
    main()
