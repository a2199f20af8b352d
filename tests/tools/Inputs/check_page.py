"""usage: check_page.py CHROMEDRIVER CHROMIUM PAGE [SCREENSHOTS]

Opens a page of `fovea inspect` in a headless browser, on a wide and a narrow screen, light and dark:
there is no message on the console, every pane shows when its tab is clicked and fits the screen's
width, and a click on a line of the description marks lines of the IR. With a folder it leaves
screenshots there. Speaks the WebDriver protocol (w3.org/TR/webdriver2) with the standard library."""

import base64
import json
import pathlib
import re
import subprocess
import sys
import urllib.request

TABS = ("report", "graph", "ir", "attention", "memory", "time")
ELEMENT = "element-6066-11e4-a52e-4f735466cecf"


class Browser:
    def __init__(self, driver: str, browser: str):
        self.process = subprocess.Popen(
            [driver, "--port=0"], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True
        )
        for line in self.process.stdout:
            if found := re.search(r"started successfully on port (\d+)", line):
                self.url = f"http://127.0.0.1:{found[1]}"
                break
        arguments = ["--headless=new", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage"]
        arguments += ["--hide-scrollbars", "--disable-background-networking"]
        options = {"binary": browser, "args": arguments}
        capabilities = {"goog:chromeOptions": options, "goog:loggingPrefs": {"browser": "ALL"}}
        session = self.call("POST", "/session", {"capabilities": {"alwaysMatch": capabilities}})
        self.url += f"/session/{session['sessionId']}"

    def call(self, method: str, path: str, body=None):
        request = urllib.request.Request(
            self.url + path,
            method=method,
            data=None if body is None else json.dumps(body).encode(),
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=300) as answer:
            return json.load(answer)["value"]

    def run(self, script: str):
        return self.call("POST", "/execute/sync", {"script": script, "args": []})

    def devtools(self, command: str, parameters: dict):
        self.call("POST", "/goog/cdp/execute", {"cmd": command, "params": parameters})

    def click(self, selector: str):
        found = self.call("POST", "/element", {"using": "css selector", "value": selector})
        self.call("POST", f"/element/{found[ELEMENT]}/click", {})

    def console(self) -> list:
        return self.call("POST", "/se/log", {"type": "browser"})

    def close(self):
        try:
            self.call("DELETE", "")
        finally:
            self.process.terminate()
            self.process.wait()


def check_panes(browser: Browser, name: str, screenshots):
    for tab in TABS:
        browser.click(f"#tab-{tab}")
        shown = browser.run(
            "return [...document.querySelectorAll('section')]"
            ".filter(s => s.offsetHeight > 20 && s.innerText.trim()).map(s => s.id)"
        )
        assert shown == [f"pane-{tab}"], (name, tab, shown)
        wide = browser.run("return document.documentElement.scrollWidth - innerWidth")
        assert wide <= 0, f"{name}: the pane {tab} is {wide} pixels wider than the screen"
        if screenshots:
            picture = base64.b64decode(browser.call("GET", "/screenshot"))
            (screenshots / f"{name}-{tab}.png").write_bytes(picture)


def check_click(browser: Browser):
    browser.click("#tab-ir")
    # A line that some line of the IR comes from.
    browser.run(
        "const lines = new Set([...document.querySelectorAll('#ir .placed')]"
        ".map(e => e.dataset.line)); [...document.querySelectorAll('#source .placed')]"
        ".find(e => lines.has(e.dataset.line)).setAttribute('id', 'picked')"
    )
    browser.click("#picked")
    marked = browser.run("return document.querySelectorAll('#ir .marked').length")
    assert marked > 0, "a click on a line of the description marks nothing"
    browser.click("#diff")
    changed = browser.run("return document.querySelectorAll('#ir .added, #ir .removed').length")
    assert changed > 0, "there is no difference to the phase before"


def main() -> int:
    driver, chromium, page, *rest = sys.argv[1:]
    screenshots = pathlib.Path(rest[0]) if rest else None
    browser = Browser(driver, chromium)
    try:
        for width in (1280, 390):
            for scheme in ("light", "dark"):
                metrics = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
                browser.devtools("Emulation.setDeviceMetricsOverride", metrics)
                feature = {"name": "prefers-color-scheme", "value": scheme}
                browser.devtools("Emulation.setEmulatedMedia", {"features": [feature]})
                browser.call("POST", "/url", {"url": pathlib.Path(page).resolve().as_uri()})
                check_panes(browser, f"{width}-{scheme}", screenshots)
                paper = browser.run("return getComputedStyle(document.body).backgroundColor")
                is_dark = sum(map(int, re.findall(r"\d+", paper)[:3])) < 384
                assert is_dark == (scheme == "dark"), (scheme, paper)
        check_click(browser)
        messages = browser.console()
        assert not messages, messages
        requests = browser.run(
            "return performance.getEntriesByType('resource').map(entry => entry.name)"
        )
        assert not requests, requests
        print(browser.run("return document.title"))
    finally:
        browser.close()
    return 0


if __name__ == "__main__":
    sys.exit(main())
