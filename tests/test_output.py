"""The last guard over what goes out."""

from __future__ import annotations

import io

from ocici.credentials import Secret
from ocici.output import Guarded


def guarded(*secrets: Secret | str) -> tuple[Guarded, io.StringIO]:
    out = io.StringIO()
    stream = Guarded(out)
    stream.hide(secrets)
    return stream, out


def test_each_line_of_a_secret_is_hidden() -> None:
    stream, out = guarded(Secret("first line\n  second line\n"))
    print("a second line, and the first line", file=stream)
    assert out.getvalue() == "a ***, and the ***\n"


def test_the_longest_is_hidden_first() -> None:
    stream, out = guarded("secret", "secret-and-more")
    print("secret-and-more secret", file=stream)
    assert out.getvalue() == "*** ***\n"


def test_what_is_too_short_to_be_a_secret_garbles_no_text() -> None:
    stream, out = guarded(Secret("a"), Secret(""), Secret("\n"))
    print("a text", file=stream)
    assert out.getvalue() == "a text\n"


def test_what_the_stream_cannot_encode_comes_out_escaped() -> None:
    raw = io.BytesIO()
    stream = Guarded(io.TextIOWrapper(raw, encoding="ascii"))
    print("ä \udcff", file=stream)
    stream.flush()
    assert raw.getvalue() == b"\\xe4 \\udcff\n"
