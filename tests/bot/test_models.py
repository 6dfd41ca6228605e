"""One string chooses the model."""

from __future__ import annotations

import sys
from pathlib import Path

import pytest

from bot.errors import BadSetting, ModelUnavailable
from bot.models import ModelName, chat_model, parse

HOME = Path("/data")


@pytest.mark.parametrize(
    ("words", "name"),
    [
        ("quoting", ModelName("quoting", "quoting")),
        ("local", ModelName("local", "/data/models/smollm2.gguf")),
        ("gguf:/models/x.gguf", ModelName("local", "/models/x.gguf")),
        ("openai:gpt-x", ModelName("openai", "gpt-x")),
        ("anthropic:claude-x", ModelName("anthropic", "claude-x")),
        ("ollama:llama3.2:3b", ModelName("ollama", "llama3.2:3b")),
        ("http://127.0.0.1:8000/v1#a/b", ModelName("url", "a/b", "http://127.0.0.1:8000/v1")),
        ("https://models.example/v1/#m", ModelName("url", "m", "https://models.example/v1")),
    ],
    ids=lambda value: value if isinstance(value, str) else "",
)
def test_a_name_is_read(words: str, name: ModelName) -> None:
    assert parse(words, HOME) == name


@pytest.mark.parametrize("words", ["", "gpt", "openai:", "gguf:", "http://host/v1", "http:///v1#m", "ftp://h#m"])
def test_what_names_no_model_is_said_with_what_does(words: str) -> None:
    with pytest.raises(BadSetting, match=r"CONSULTANT_MODEL .*Set it to"):
        parse(words, HOME)


@pytest.mark.parametrize(
    ("words", "kind"),
    [
        ("openai:gpt-x", "ChatOpenAI"),
        ("http://127.0.0.1:8000/v1#m", "ChatOpenAI"),
        ("anthropic:claude-x", "ChatAnthropic"),
        ("ollama:llama", "ChatOllama"),
    ],
)
def test_each_provider_s_client_is_made_without_retries_of_its_own(words: str, kind: str) -> None:
    made = chat_model(parse(words, HOME), api_key="secret")
    assert type(made).__name__ == kind
    assert getattr(made, "max_retries", 0) == 0
    assert "secret" not in repr(made)


@pytest.mark.parametrize(
    ("words", "package", "extra"),
    [
        ("openai:x", "langchain_openai", "openai"),
        ("anthropic:x", "langchain_anthropic", "anthropic"),
        ("ollama:x", "langchain_ollama", "ollama"),
        ("gguf:/x.gguf", "xllamacpp", "local"),
    ],
)
def test_a_missing_package_names_its_extra(
    monkeypatch: pytest.MonkeyPatch, words: str, package: str, extra: str
) -> None:
    monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(ModelUnavailable, match=rf"pip install -e '\.\[{extra}\]'"):
        chat_model(parse(words, HOME))
