"""What `ocici check` hides of a config, and that it takes no time."""

from __future__ import annotations

import time
from pathlib import Path

import pytest

from ocici import existing


def hidden(tmp_path: Path, text: str) -> list[str]:
    file = tmp_path / "config"
    file.write_bytes(text.encode())
    return [secret if isinstance(secret, str) else secret.text() for secret in existing.secrets(file)]


@pytest.mark.parametrize(
    ("text", "secret"),
    [
        ("pass_phrase = correct horse\n", "correct horse"),
        ("  Pass_Phrase: correct horse\n", "correct horse"),
        ("pass_phrase=\n  correct horse\n", "correct horse"),
        ("pass_phrase=\npass_phrase=correct horse\n", "correct horse"),
        ("pass_phrase=\n\nKEY_CONTENT=MIIEvAIBADAN\n", "MIIEvAIBADAN"),
        ("key_content=\n  MIIEvAIBADAN\n", "MIIEvAIBADAN"),
        ("user=u\rpass_phrase=correct\u2028horse\r", "correct\u2028horse"),
    ],
)
def test_what_is_hidden_whatever_stands_round_it(tmp_path: Path, text: str, secret: str) -> None:
    assert secret in hidden(tmp_path, f"[DEFAULT]\n{text}")


def test_an_empty_field_hides_no_other_line(tmp_path: Path) -> None:
    assert hidden(tmp_path, "[DEFAULT]\npass_phrase=\nregion=eu-frankfurt-1\n") == []


@pytest.mark.parametrize("line", ["", " ", "pass_phrase=", " key_file=x"])
def test_many_lines_take_no_time(tmp_path: Path, line: str) -> None:
    started = time.monotonic()
    hidden(tmp_path, "[DEFAULT]\nuser=u\n" + f"{line}\n" * 60_000)
    assert time.monotonic() - started < 5
