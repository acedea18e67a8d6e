# Copyright (c) itops contributors
# GNU General Public License v3.0-or-later (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# SPDX-License-Identifier: GPL-3.0-or-later
"""The static site in a real browser, straight from the disk: it sorts, filters, changes language and colours, asks nobody, and is accessible."""

from __future__ import annotations

import json
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import Any

import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService, Keys
from selenium.webdriver.common.by import By

from tests.servers import need
from tests.unit import site_house

FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--disable-dev-shm-usage",
)  # fmt: skip
AXE = files("axe_core_python").joinpath("axe.min.js").read_text("utf-8")
PAGES = ("index.html", "services/web.html", "services/mail.html", "records/index.html", "records/CHG-20261122-01.html", "documents/index.html",
         "documents/web-manual.html")  # fmt: skip


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = tmp_path_factory.mktemp("site")
    site_house.built(site_house.furnish(root / "workspace"), root / "public")
    return root / "public"


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """Debian's own browser and driver. Every request and every word on the console is kept."""
    need("chromium", "chromedriver")
    options = ChromeOptions()
    options.binary_location = "/usr/bin/chromium"
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('profile')}", "--window-size=1440,1000"):
        options.add_argument(flag)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = Chrome(options=options, service=ChromeService("/usr/bin/chromedriver"))
    yield driver
    driver.quit()


def opened(browser: Chrome, site: Path, page: str, dark: bool = False) -> Chrome:
    browser.get_log("browser"), browser.get_log("performance")
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": "dark" if dark else "light"}]})
    browser.get((site / page).as_uri())
    return browser


def requests(browser: Chrome) -> set[str]:
    messages = [json.loads(entry["message"])["message"] for entry in browser.get_log("performance")]
    return {message["params"]["request"]["url"] for message in messages if message["method"] == "Network.requestWillBeSent"}


def column(browser: Chrome, number: int) -> list[str]:
    return [cell.text for cell in browser.find_elements(By.CSS_SELECTOR, f"#status tbody tr > :nth-child({number})") if cell.is_displayed()]


def head(browser: Chrome, text: str) -> Any:
    return next(th for th in browser.find_elements(By.CSS_SELECTOR, "#status thead th") if th.text == text)


@pytest.mark.parametrize("page", [f"{lang}/{page}" for lang in ("zh_CN", "en") for page in PAGES])
@pytest.mark.parametrize("dark", [False, True], ids=["light", "dark"])
def test_every_kind_of_page_is_accessible_silent_and_asks_nobody(browser: Chrome, site: Path, page: str, dark: bool) -> None:
    opened(browser, site, page, dark)
    browser.execute_script(AXE)
    found = browser.execute_async_script("const done = arguments[arguments.length - 1]; axe.run({resultTypes: ['violations']}).then(done)")
    assert [(fault["id"], fault["nodes"][0]["html"], fault["nodes"][0]["failureSummary"]) for fault in found["violations"]] == []
    assert browser.get_log("browser") == []
    asked = requests(browser)
    assert asked and {url.partition(":")[0] for url in asked} <= {"file", "data"}
    ground = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    assert (sum(map(int, ground[4:-1].split(", "))) < 120) == dark


def test_the_door_leads_to_the_chinese_pages_and_every_page_to_its_other_language(browser: Chrome, site: Path) -> None:
    opened(browser, site, "index.html")
    for _attempt in range(50):
        if browser.current_url.endswith("zh_CN/index.html"):
            break
    assert browser.current_url == (site / "zh_CN/index.html").as_uri()
    for page in PAGES:
        opened(browser, site, f"zh_CN/{page}")
        assert browser.execute_script("return document.documentElement.lang") == "zh-CN"
        browser.find_element(By.CSS_SELECTOR, "a.language").click()
        assert browser.current_url == (site / "en" / page).as_uri()
        assert browser.execute_script("return document.documentElement.lang") == "en"


def test_the_status_table_sorts_by_what_a_cell_means(browser: Chrome, site: Path) -> None:
    opened(browser, site, "en/index.html")
    before, capacity = column(browser, 1), head(browser, "Allocated resources [n]")
    capacity.find_element(By.TAG_NAME, "button").click()
    shares = [int(text.partition("(")[2].partition("%")[0]) for text in column(browser, 8)]
    assert capacity.get_attribute("aria-sort") == "ascending" and shares == sorted(shares) and len(shares) == 5
    capacity.find_element(By.TAG_NAME, "button").send_keys(Keys.ENTER)
    assert capacity.get_attribute("aria-sort") == "descending"
    assert [int(text.partition("(")[2].partition("%")[0]) for text in column(browser, 8)] == sorted(shares, reverse=True)
    head(browser, "State").find_element(By.TAG_NAME, "button").click()
    assert capacity.get_attribute("aria-sort") is None and column(browser, 17)[0] == "overdue"
    assert sorted(column(browser, 1)) == sorted(before)


def test_the_status_table_filters_by_words_and_by_state(browser: Chrome, site: Path) -> None:
    opened(browser, site, "zh_CN/index.html")
    box, output = (browser.find_element(By.CSS_SELECTOR, f".filter {name}") for name in ("input", "output"))
    assert output.text == "显示 5 / 5 行"
    box.send_keys("张三 邮件")
    assert [text.split("\n")[0] for text in column(browser, 1)] == ["邮件系统（mail）"] and output.text == "显示 1 / 5 行"
    box.clear()
    box.send_keys(Keys.SPACE)
    select = browser.find_element(By.CSS_SELECTOR, ".filter select")
    select.send_keys("逾期")
    overdue = int(browser.find_element(By.CSS_SELECTOR, ".tiles div:nth-child(2) dd").text)
    assert len(column(browser, 1)) == overdue and set(column(browser, 17)) == {"逾期"}


def test_the_keyboard_reaches_the_content_first(browser: Chrome, site: Path) -> None:
    opened(browser, site, "en/index.html")
    browser.find_element(By.TAG_NAME, "body").send_keys(Keys.TAB)
    skip = browser.switch_to.active_element
    assert skip.text == "Skip to content" and skip.is_displayed()
    skip.send_keys(Keys.ENTER)
    assert browser.switch_to.active_element.get_attribute("id") == "content"


def test_without_javascript_all_of_it_can_be_read(browser: Chrome, site: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened(browser, site, "en/index.html")
        assert len(browser.find_elements(By.CSS_SELECTOR, "#status tbody tr")) == 5
        assert not browser.find_elements(By.CSS_SELECTOR, "th button")
        assert not browser.find_element(By.CSS_SELECTOR, ".filter").is_displayed()
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})


@pytest.mark.parametrize("width", [360, 1440])
def test_no_page_is_wider_than_its_window(browser: Chrome, site: Path, width: int) -> None:
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": False})
    try:
        for page in PAGES:
            opened(browser, site, f"en/{page}")
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width, page
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
