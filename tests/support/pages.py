"""The node's pages in a browser: signed in, joined as a guest, looked at as people see them."""

from pathlib import Path
from typing import Any

from tests.support.node import Node

AXE = Path(__file__).parents[2] / "web/node_modules/axe-core/axe.min.js"
RUN_AXE = """async () => {
    const result = await axe.run(document, {runOnly: ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa"]});
    return result.violations.map(one => `${one.id}: ${one.nodes.map(node => node.target).join(" ")}`);
}"""
OVERFLOW = "document.documentElement.scrollWidth - document.documentElement.clientWidth"
USER = "admin"
PASSWORD = "a long enough one"
SETTLE_MS = 1200


def add_user(node: Node) -> None:
    """Make the one account of these tests."""
    node.ask("POST", "/api/v1/users", {"name": USER, "password": PASSWORD, "role": "admin"})


def fill_sign_in(page: Any) -> None:
    """Sign in on the page that is open."""
    page.get_by_label("Name").fill(USER)
    page.get_by_label("Password", exact=True).fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.wait_for_url(lambda url: "sign-in" not in url)


def sign_in(browser: Any, node: Node, size: tuple[int, int]) -> Any:
    """Return a page of somebody who is signed in."""
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
    page.goto(node.url + "/sign-in")
    fill_sign_in(page)
    return page


def join(browser: Any, url: str, size: tuple[int, int], name: str = "Dr Remote") -> Any:
    """Return a page of a guest who is in the call, listening only."""
    page = browser.new_context(viewport={"width": size[0], "height": size[1]}).new_page()
    page.goto(url)
    page.get_by_label("Your name").fill(name)
    page.get_by_role("button", name="Join listening only").click()
    page.locator(".picture-layer").wait_for(state="attached", timeout=20_000)
    return page


def look(page: Any, shot: Path) -> list[str]:
    """Return what axe finds, and whether something hangs over the edge."""
    page.wait_for_selector("main, [role=main], h1", timeout=15_000)
    page.wait_for_timeout(SETTLE_MS)
    page.screenshot(path=shot)
    page.evaluate(AXE.read_text(encoding="utf-8"))
    found: list[str] = page.evaluate(RUN_AXE)
    overflow_px = page.evaluate(OVERFLOW)
    return [*found, *([f"{overflow_px} px hang over the edge"] if overflow_px > 0 else [])]
