"""The built documentation in a real browser.

Needs Chromium and its driver, and the documentation::

    python -m sphinx -b html docs docs/_build/html
    python -m pytest tests/docs/test_pages.py --site docs/_build/html
"""

from pathlib import Path
from urllib.parse import quote_plus, urldefrag
from urllib.request import urlopen

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

#: Front page, guide, gallery and API: one page of each kind.
PAGES = [
    "index.html",
    "user_guide/architecture.html",
    "gallery/index.html",
    "gallery/plot_quickstart.html",
    "api/generated/sklearn_cnn.CNNClassifier.html",
    "api/generated/sklearn_cnn.images.ImageFiles.html",
]
GUIDE_FOLDER = Path(__file__).parents[2] / "docs" / "user_guide"
GUIDE = sorted(path.stem for path in GUIDE_FOLDER.glob("*.rst"))
WIDTHS = {"laptop": (1366, 768), "phone": (390, 844)}


#: Tells what of the page's text lies beyond its right edge, where nothing scrolls.
CUT_OFF = """
const width = document.documentElement.clientWidth;
const scrolls = e => e && (/auto|scroll/.test(getComputedStyle(e).overflowX)
                           || scrolls(e.parentElement));
return [...document.querySelectorAll("article *")]
    .filter(e => e.getBoundingClientRect().right > width + 1 && !scrolls(e))
    .map(e => e.outerHTML.slice(0, 200));
"""


#: Code that is wider than its box.
CUT_CODE = """
return [...document.querySelectorAll("article pre")]
    .filter(e => e.scrollWidth > e.clientWidth + 1)
    .map(e => e.textContent.slice(0, 200));
"""

#: Words of tables, names in code and links aside, that are broken into two lines.
BROKEN = """
const broken = [], range = document.createRange();
for (const text of document.querySelectorAll("article :is(td, th)"))
    for (const e of [text, ...text.querySelectorAll("p")])
        for (const node of e.childNodes)
            if (node.nodeType === Node.TEXT_NODE)
                for (const word of node.data.matchAll(/[^\\s-]+/g)) {
                    range.setStart(node, word.index);
                    range.setEnd(node, word.index + word[0].length);
                    if (range.getClientRects().length > 1) broken.push(word[0]);
                }
return broken;
"""


def resized(browser, device):
    """The browser, as wide as a laptop's or a phone's screen."""
    width, height = WIDTHS[device]
    metrics = {"width": width, "height": height, "deviceScaleFactor": 1}
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {**metrics, "mobile": width < 500}
    )
    return browser


@pytest.fixture(params=WIDTHS)
def window(request, browser):
    return resized(browser, request.param)


@pytest.mark.parametrize("page", PAGES)
def test_nothing_overflows(window, site, page):
    window.get(f"{site}/{page}")
    shown, wide = window.execute_script(
        "const e = document.documentElement; return [e.clientWidth, e.scrollWidth]"
    )
    assert wide <= shown
    assert window.execute_script(CUT_OFF) == []
    assert window.find_element(By.TAG_NAME, "h1").is_displayed()


@pytest.mark.parametrize("page", PAGES)
def test_code_is_not_cut_on_a_laptop(browser, site, page):
    window = resized(browser, "laptop")
    window.get(f"{site}/{page}")
    assert window.execute_script(CUT_CODE) == []


@pytest.mark.parametrize("page", GUIDE)
def test_words_of_tables_are_whole(window, site, page):
    window.get(f"{site}/user_guide/{page}.html")
    assert window.execute_script(BROKEN) == []


@pytest.mark.parametrize("page", PAGES)
def test_images_are_there_and_described(window, site, page):
    window.get(f"{site}/{page}")
    for image in window.find_elements(By.TAG_NAME, "img"):
        source = image.get_attribute("src")
        # those further down are loaded when they come into view
        window.execute_script("arguments[0].scrollIntoView()", image)
        WebDriverWait(window, 10).until(
            lambda _, image=image: image.get_property("complete"), source
        )
        assert image.get_property("naturalWidth") > 0, source
        assert image.get_attribute("alt"), source


@pytest.mark.parametrize("page", PAGES)
def test_pages_load_without_errors(browser, site, page):
    browser.get_log("browser")
    browser.get(f"{site}/{page}")
    severe = [e for e in browser.get_log("browser") if e["level"] == "SEVERE"]
    # what the theme fetches from elsewhere is not ours
    assert [e["message"] for e in severe if site in e["message"]] == []


@pytest.mark.parametrize("page", PAGES)
def test_links_lead_somewhere(browser, site, page):
    browser.get(f"{site}/{page}")
    links = {a.get_attribute("href") for a in browser.find_elements(By.TAG_NAME, "a")}
    inside = {urldefrag(link)[0] for link in links if link and link.startswith(site)}
    assert len(inside) > 5
    for link in inside:
        with urlopen(link) as answer:
            assert answer.status == 200
    fragments = {urldefrag(link)[1] for link in links if link and page in link}
    for fragment in filter(None, fragments):
        assert browser.find_elements(By.ID, fragment), fragment


@pytest.mark.parametrize(
    "words, page",
    [
        ("dropout", "CNNClassifier"),
        ("resume", "checkpoints"),
        ("save model", "saving"),
        ("imbalance", "imbalance"),
        ("imbalanced", "imbalance"),
        ("GPU", "performance"),
    ],
)
def test_search_finds_pages(browser, site, words, page):
    browser.get(f"{site}/search.html?q={quote_plus(words)}")
    result = (By.CSS_SELECTOR, f"#search-results a[href*='{page}']")
    found = WebDriverWait(browser, 20).until(
        lambda driver: driver.find_element(*result), "no result"
    )
    found.click()
    assert page in browser.current_url
