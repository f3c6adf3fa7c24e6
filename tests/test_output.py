"""The last guard over what goes out."""

from __future__ import annotations

import io
import time
from pathlib import Path

import pytest

from ocici.credentials import Secret
from ocici.output import LONG, Guarded


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


def test_where_secrets_overlap_all_that_they_cover_is_hidden() -> None:
    stream, out = guarded("abcdef", "efgh-abc", "defg")
    print("abcdefgh-abc, abcdef-defgh, efgh-ab", file=stream)
    assert out.getvalue() == "***, ***-***h, efgh-ab\n"


def test_a_hundred_thousand_lines_are_hidden_in_no_time() -> None:
    stream, out = guarded(*(f"MIIE-line-{number}-of-a-key" for number in range(100_000)))
    begun = time.process_time()
    print("a text of no secrets, as setup prints it\n" * 5_000, "MIIE-line-99999-of-a-key", file=stream)
    assert time.process_time() - begun < 2
    assert out.getvalue().endswith(" ***\n")


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


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="there is no /dev/full")
def test_what_cannot_be_written_is_an_error_only_where_it_is_needed() -> None:
    with open("/dev/full", "w", encoding="utf-8") as full:
        stream = Guarded(full, needed=False)
        print("lost", file=stream)
        stream.flush()
        print("lost too", file=stream)
    with open("/dev/full", "w", encoding="utf-8") as full:
        stream = Guarded(full)
        print("needed", file=stream)
        with pytest.raises(OSError, match="No space left"):
            stream.flush()
        stream.flush()  # and never again: Python does so as it ends


def test_a_stream_that_was_closed_takes_everything() -> None:
    stream = Guarded(None, needed=False)
    print("lost", file=stream)
    stream.flush()
    assert not stream.isatty()


def test_a_result_for_a_stream_that_was_closed_is_an_error() -> None:
    with pytest.raises(OSError, match="closed"):
        print("lost", file=Guarded(None))


def test_a_short_secret_garbles_no_result() -> None:
    out = io.StringIO()
    stream = Guarded(out, LONG)
    stream.hide(["config", "a-line-of-some-key"])
    print('{"config_file": "/tmp/config", "a": "a-line-of-some-key"}', file=stream)
    assert out.getvalue() == '{"config_file": "/tmp/config", "a": "***"}\n'
