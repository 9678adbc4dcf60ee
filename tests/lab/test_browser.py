"""The browser that suites use, on pages of its own: no lab is needed."""

from __future__ import annotations

from harness.probe.browser import Browser

_PAGE = "data:text/html,<button id=a onclick='document.title=\"clicked\"'>go</button>"


def test_a_page_is_opened_clicked_and_read() -> None:
    """What fails on the page is no answer, and what cannot be opened says why."""
    with Browser() as browser:
        assert browser.open(_PAGE) == ""
        browser.evaluate("document.querySelector('#a').click()")
        assert browser.until("document.title == 'clicked'", 5.0) is True
        assert browser.evaluate("nothing.here") is None
        assert browser.open("http://127.0.0.1:9/") != ""
        assert browser.until("false", 0.2) is False
