"""What an answer of an application that we did not write must be, and whom it names."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from harness.errors import RequestError
from harness.model import Outcome
from harness.probe.contract import AnyApplication, OurWorkload, Pattern

NAMES = {"0123456789ab": "task-1", "ba9876543210": "task-2"}


def test_without_a_pattern_container_ids_are_looked_for() -> None:
    """In the body and in the headers."""
    contract = AnyApplication(None, NAMES)

    assert contract(200, {}, b"Hostname: 0123456789ab\n")[2].replica == "task-1"
    assert contract(200, {"x-served-by": "ba9876543210"}, b"hello")[2].replica == "task-2"
    assert contract(404, {}, b"nothing here")[::2] == (Outcome.OK, contract(200, {}, b"")[2])


@pytest.mark.parametrize(
    ("pattern", "headers", "body", "replica"),
    [
        ("header:X-Host", {"x-host": "0123456789ab"}, b"", "task-1"),
        ("header:X-Host", {"x-host": "pod-7"}, b"", "pod-7"),
        ("body:served by (\\S+)!", {}, b"served by ba9876543210!", "task-2"),
        ("body:[0-9a-f]{12}", {}, b"<b>0123456789ab</b>", "task-1"),
    ],
)
def test_a_pattern_says_where_to_look(
    pattern: str, headers: dict[str, str], body: bytes, replica: str
) -> None:
    """A name that no task has stays as it is."""
    outcome, _, answer = AnyApplication(Pattern.read(pattern), NAMES)(200, headers, body)

    assert (outcome, answer.replica) == (Outcome.OK, replica)


def test_what_speaks_no_http_is_told_so() -> None:
    """Then only the kernels tell."""
    assert not Pattern.read("tcp").http
    assert Pattern.read("header:x").http


def test_an_answer_that_lacks_what_the_pattern_names_is_no_answer() -> None:
    """It may be a proxy's, or somebody else's."""
    outcome, told, _ = AnyApplication(Pattern.read("header:X-Host"), NAMES)(200, {}, b"hello")

    assert (outcome, told) == (Outcome.WRONG_BODY, "HTTP 200 without header x-host")


def test_server_errors_are_no_answers() -> None:
    """Whatever they say."""
    assert AnyApplication(None, NAMES)(503, {}, b"0123456789ab")[0] is Outcome.SERVER_ERROR
    assert OurWorkload()(500, {}, b"Hostname: a")[0] is Outcome.SERVER_ERROR


@pytest.mark.parametrize("text", ["", "X-Host", "tcp:", "header:", "header: ", "body:", "cookie:a", "body:("])
def test_what_is_no_pattern_is_refused(text: str) -> None:
    """With the shapes that there are."""
    with pytest.raises(RequestError, match=r"no identity|no regular expression"):
        Pattern.read(text)


@given(st.integers(100, 599), st.dictionaries(st.text(max_size=9), st.text(max_size=9)), st.binary())
def test_whatever_comes_is_judged(status: int, headers: dict[str, str], body: bytes) -> None:
    """No answer breaks a contract; only an answer below 500 can be ok."""
    for contract in (
        AnyApplication(None, NAMES),
        AnyApplication(Pattern.read("header:x"), NAMES),
        AnyApplication(Pattern.read("body:(a)?b"), NAMES),
        OurWorkload("us"),
    ):
        outcome, _, answer = contract(status, headers, body)
        assert outcome in {Outcome.OK, Outcome.SERVER_ERROR, Outcome.WRONG_BODY}
        assert outcome is not Outcome.OK or status < 500
        assert len(answer.replica) <= 255
