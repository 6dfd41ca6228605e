"""One string → a LangChain chat model: `quoting`, `local`, `gguf:PATH`, `openai:…`, `anthropic:…`, `ollama:…`, a URL.

Whatever runs the model, it is reached in the same way: a local file is served by a child process of ours
(local_model.py) that speaks OpenAI's protocol, like most servers do. Retries, time limits and faults are the
business of completion.py, so the clients' own are turned off.
"""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal
from urllib.parse import urlsplit

from bot.errors import BadSetting, ModelUnavailable
from bot.local_model import LocalModel
from bot.model_files import DEFAULT_LOCAL, model_path

if TYPE_CHECKING:
    from langchain_core.language_models import BaseChatModel

Provider = Literal["quoting", "local", "openai", "anthropic", "ollama", "url"]
FORMS = "quoting, local, gguf:PATH, openai:NAME, anthropic:NAME, ollama:NAME, or http://host/v1#NAME"
# No answer of a consultant is longer, in tokens.
MAX_TOKENS = 700


@dataclass(frozen=True)
class ModelName:
    """A model as the settings name it: who runs it, its name or its file's path, and its address if it has one."""

    provider: Provider
    name: str
    url: str = ""

    @property
    def shown(self) -> str:
        """The name for people, without a path or an address."""
        return {"local": Path(self.name).stem, "quoting": "quoting"}.get(self.provider, self.name)


def parse(words: str, home: Path) -> ModelName:
    """Read the setting; `local` is the file that `consultant model pull` put into the data directory.

    Raises BadSetting for what is none of FORMS.

    >>> parse("openai:gpt-x", Path()), parse("http://127.0.0.1:8000/v1#qwen", Path()).url
    (ModelName(provider='openai', name='gpt-x', url=''), 'http://127.0.0.1:8000/v1')
    """
    provider, _, name = words.strip().partition(":")
    if words == "quoting":
        return ModelName("quoting", "quoting")
    if words == "local":
        return ModelName("local", str(model_path(home, DEFAULT_LOCAL)))
    if provider == "gguf" and name:
        return ModelName("local", str(Path(name).expanduser()))
    if provider in ("openai", "anthropic", "ollama") and name:
        return ModelName(provider, name)  # type: ignore[arg-type]
    if provider in ("http", "https"):
        url, _, name = words.partition("#")
        if name and urlsplit(url).hostname:
            return ModelName("url", name, url.rstrip("/"))
        raise BadSetting(f"CONSULTANT_MODEL {url} lacks its host or its #NAME. Set it to http://host/v1#NAME")
    raise BadSetting(f"CONSULTANT_MODEL {words!r} names no model. Set it to one of: {FORMS}")


def chat_model(name: ModelName, *, api_key: str = "") -> BaseChatModel:
    """A chat model for the name; raises ModelUnavailable when an extra or a file is missing, naming the command.

    A local file is checked and its server started at the first call.
    """
    made: BaseChatModel = _MAKERS[name.provider](name, api_key)
    return made


def _local(name: ModelName, _: str) -> BaseChatModel:
    server = LocalModel(Path(name.name))
    server.require()
    served: BaseChatModel = _class("langchain_openai", "ChatOpenAI", "local")(
        model=name.shown,
        # The server's address is known once it runs.
        base_url="http://127.0.0.1:1/v1",
        api_key="not yet known",
        **_COMMON,
        **_STREAM,
        http_async_client=server.client(),
        # A small model that says a thing twice says it for ever.
        extra_body={"repeat_penalty": 1.1, "cache_prompt": True},
    )
    return served


def _openai(name: ModelName, api_key: str) -> BaseChatModel:
    made: BaseChatModel = _class("langchain_openai", "ChatOpenAI", "openai")(
        model=name.name, **({"api_key": api_key} if api_key else {}), **_COMMON, **_STREAM
    )
    return made


def _url(name: ModelName, api_key: str) -> BaseChatModel:
    made: BaseChatModel = _class("langchain_openai", "ChatOpenAI", "openai")(
        model=name.name, base_url=name.url, api_key=api_key or "none", **_COMMON, **_STREAM
    )
    return made


def _anthropic(name: ModelName, api_key: str) -> BaseChatModel:
    made: BaseChatModel = _class("langchain_anthropic", "ChatAnthropic", "anthropic")(
        model=name.name, **({"api_key": api_key} if api_key else {}), **_COMMON
    )
    return made


def _ollama(name: ModelName, _: str) -> BaseChatModel:
    made: BaseChatModel = _class("langchain_ollama", "ChatOllama", "ollama")(
        model=name.name, temperature=0, num_predict=MAX_TOKENS
    )
    return made


_COMMON: dict[str, Any] = {"temperature": 0, "max_tokens": MAX_TOKENS, "max_retries": 0}
_STREAM: dict[str, Any] = {"stream_usage": True, "use_responses_api": False}
_MAKERS: dict[Provider, Callable[[ModelName, str], Any]] = {
    "local": _local,
    "openai": _openai,
    "url": _url,
    "anthropic": _anthropic,
    "ollama": _ollama,
}


def _class(package: str, name: str, extra: str) -> Any:
    try:
        return getattr(importlib.import_module(package), name)
    except ImportError as error:
        missing = re.sub(r"_", "-", error.name or package)
        raise ModelUnavailable(
            f"This model needs the package {missing}. Install it with: pip install -e '.[{extra}]'"
        ) from error
