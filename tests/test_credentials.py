"""Secrets never show."""

from __future__ import annotations

import copy
import pickle
import traceback

import pytest

from ocici.credentials import Credentials, Profile, Secret

CANARY = "canary-4711"


@pytest.mark.parametrize("show", [repr, str, "{}".format, "{!r}".format, "{:>20}".format])
def test_no_text_form_holds_the_secret(show: object) -> None:
    profile = Profile("P", Credentials(key=Secret(CANARY), pass_phrase=Secret(CANARY)))
    for value in (Secret(CANARY), profile):
        if show is not repr and isinstance(value, Profile):
            continue
        assert CANARY not in show(value)  # type: ignore[operator]


def test_a_traceback_does_not_either() -> None:
    try:
        raise ValueError(Secret(CANARY))
    except ValueError:
        assert CANARY not in traceback.format_exc()


def test_it_is_not_serialised() -> None:
    for serialise in (pickle.dumps, copy.copy):
        with pytest.raises(TypeError):
            serialise(Secret(CANARY))


def test_what_went_in_comes_out() -> None:
    assert Secret("ä\udcff").reveal() == b"\xc3\xa4\xff"
    assert Secret(b"\xc3\xa4\xff").text() == "ä\udcff"
    assert not Secret()
    assert Secret("a") == Secret(b"a") != Secret("b")
    assert len({Secret("a"), Secret(b"a")}) == 1
