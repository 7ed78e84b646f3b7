"""The page of a soak as a browser shows it."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import pytest
from selenium.webdriver import Chrome, ChromeOptions
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.remote.webelement import WebElement
from selenium.webdriver.support.ui import Select, WebDriverWait

from stressor.report.html.page import render_page
from stressor.soak.history import History
from tests.report.soak_sample import CLEAN, EMPTY, HISTORY, HOSTILE, with_findings

BROWSER, DRIVER = shutil.which("chromium"), shutil.which("chromedriver")

pytestmark = [
    pytest.mark.slow,
    pytest.mark.skipif(not (BROWSER and DRIVER), reason="needs chromium and chromedriver; apt install chromium-driver"),
]


@pytest.fixture(scope="module")
def browser() -> Iterator[Chrome]:
    options = ChromeOptions()
    options.binary_location = BROWSER or ""
    for argument in ("--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"):
        options.add_argument(argument)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options=options, service=Service(DRIVER))
    try:
        yield driver
    finally:
        driver.quit()


def opened(browser: Chrome, folder: Path, history: History) -> None:
    """Open the page of a history; what the browser said of it before is forgotten."""
    said(browser)
    file = folder / "report.html"
    file.write_text(render_page(history), encoding="utf-8")
    browser.get(file.as_uri())


def said(browser: Chrome) -> list[str]:
    """Return what the browser's console said since the last time."""
    return [line["message"] for line in browser.get_log("browser")]  # type: ignore[no-untyped-call]


def shown(browser: Chrome) -> list[str]:
    """Return the ids of the findings that can be seen."""
    return [one.get_attribute("id") or "" for one in browser.find_elements(By.CSS_SELECTOR, ".finding") if one.is_displayed()]


def said_copied(finding: WebElement) -> bool:
    return finding.find_element(By.CSS_SELECTOR, ".copy").text == "Copied"


@pytest.mark.parametrize("history", [HISTORY, CLEAN, EMPTY, HOSTILE], ids=["all", "clean", "empty", "hostile"])
def test_a_page_opens_without_errors(browser: Chrome, tmp_path: Path, history: History) -> None:
    opened(browser, tmp_path, history)

    assert said(browser) == []
    assert browser.title.startswith("Stressor: ")


def test_an_error_would_be_seen(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, CLEAN)
    file = tmp_path / "report.html"
    file.write_text(file.read_text(encoding="utf-8").replace("</main>", "<script>1</script><img src=x></main>"), encoding="utf-8")
    browser.get(file.as_uri())

    assert len(said(browser)) >= 2


def test_a_hostile_name_runs_nothing(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, HOSTILE)

    assert browser.title == "Stressor: 1 new finding"
    assert browser.find_elements(By.TAG_NAME, "img") == []


def test_findings_are_filtered(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, HISTORY)
    ids = {one.finding.divergence.first.path: one.finding.id for one in HISTORY.findings}
    search = browser.find_element(By.ID, "search")
    all_shown = shown(browser)
    search.send_keys("IRQ receive")
    by_words = shown(browser)
    search.clear()
    search.send_keys("irq")
    by_word = shown(browser)
    search.clear()
    search.send_keys(Keys.SPACE)
    Select(browser.find_element(By.ID, "target")).select_by_visible_text("timer")
    by_target = shown(browser)
    browser.find_element(By.CSS_SELECTOR, "[name=status][value='not replaying']").click()

    assert len(all_shown) == len(HISTORY.findings)
    assert by_words == []
    assert by_word == [ids["serial/0.irq"]]
    assert by_target == [ids["timer/0.deadline"]]
    assert shown(browser) == []
    assert browser.find_element(By.ID, "none").is_displayed()


def test_findings_in_short_are_filtered_and_linked_to_as_well(browser: Chrome, tmp_path: Path) -> None:
    history = with_findings(120)
    opened(browser, tmp_path, history)
    (last,) = [one.finding.id for one in history.findings if one.finding.divergence.first.path.endswith("_114")]
    browser.find_element(By.ID, "search").send_keys("deadline_63")
    searched = shown(browser)
    browser.get(f"{browser.current_url}#{last}")
    WebDriverWait(browser, 10).until(lambda _: last in shown(browser))

    assert said(browser) == []
    assert browser.find_element(By.ID, last).tag_name == "tr"
    assert searched == [one.finding.id for one in history.findings if one.finding.divergence.first.path.endswith("deadline_63")]


def test_every_replay_line_can_be_copied(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, HISTORY)
    search = browser.find_element(By.ID, "search")
    pasted = []
    for finding in browser.find_elements(By.CSS_SELECTOR, ".finding"):
        if not finding.get_attribute("open"):
            finding.find_element(By.TAG_NAME, "summary").click()
        finding.find_element(By.CSS_SELECTOR, ".copy").click()
        WebDriverWait(finding, 10).until(said_copied)
        browser.execute_script("arguments[0].value = ''; arguments[0].focus()", search)
        search.send_keys(Keys.CONTROL, "v")
        pasted.append(search.get_attribute("value"))
        browser.execute_script("arguments[0].value = ''; arguments[0].dispatchEvent(new Event('input', {bubbles: true}))", search)

    assert sorted(map(str, pasted)) == sorted(f"stressor replay {one.finding.id}" for one in HISTORY.findings)


def test_a_link_to_a_finding_opens_it(browser: Chrome, tmp_path: Path) -> None:
    opened(browser, tmp_path, HISTORY)
    known = HISTORY.findings[1].finding.id
    browser.find_element(By.CSS_SELECTOR, "[name=status][value='known']").click()
    browser.find_element(By.CSS_SELECTOR, f".found a[href='#{known}']").click()
    WebDriverWait(browser, 10).until(lambda _: known in shown(browser))

    assert browser.find_element(By.ID, known).get_attribute("open") == "true"


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_a_phone_shows_it_without_moving_sideways(browser: Chrome, tmp_path: Path, scheme: str) -> None:
    phone = {"width": 390, "height": 844, "deviceScaleFactor": 2, "mobile": True}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", phone)
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": [{"name": "prefers-color-scheme", "value": scheme}]})
    try:
        opened(browser, tmp_path, HOSTILE)
        width = browser.execute_script("return document.documentElement.scrollWidth")
        paper = browser.execute_script("return getComputedStyle(document.body).backgroundColor")
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
        browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})

    assert width == 390
    assert paper == ("rgb(252, 251, 248)" if scheme == "light" else "rgb(21, 23, 27)")


def test_without_its_script_everything_is_there(browser: Chrome, tmp_path: Path) -> None:
    browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": True})
    try:
        opened(browser, tmp_path, HISTORY)
        findings, buttons = shown(browser), browser.find_elements(By.CSS_SELECTOR, ".copy, #filters")
        visible = [button for button in buttons if button.is_displayed()]
    finally:
        browser.execute_cdp_cmd("Emulation.setScriptExecutionDisabled", {"value": False})

    assert len(findings) == len(HISTORY.findings)
    assert visible == []
