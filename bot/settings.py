"""Settings: an argument wins over the environment (`CONSULTANT_*`), the environment over the default."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import Field, SecretStr, ValidationError, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from bot.errors import BadSetting
from bot.models import parse
from knowledge.embeddings import DEFAULT_MODEL

PREFIX = "CONSULTANT_"
DEFAULT_HOME = Path.home() / ".consultant"


class Settings(BaseSettings):
    """Read once, then frozen. Each field is `CONSULTANT_` + its name in capitals in the environment."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, frozen=True, extra="ignore", protected_namespaces=())

    home: Path = Field(DEFAULT_HOME, description="Data directory of the index.")
    embeddings: str = Field(DEFAULT_MODEL, description="Embedding model: its name or a folder.")
    model: str = Field(
        "quoting",
        description="Who writes the answers: quoting (no language model), local, gguf:PATH, openai:NAME, "
        "anthropic:NAME, ollama:NAME, or http://host/v1#NAME.",
    )
    api_key: SecretStr = Field(SecretStr(""), description="Key of the model's provider; its own variable works too.")
    model_timeout: float = Field(60, gt=0, description="Seconds that a language model may take for an answer.")
    prompt: str = Field(
        "auto",
        description="Prompts for the model: full, brief (for small ones), or auto, which tests what the model can.",
    )
    prompts: Path | None = Field(
        None, description="Folder with prompt files of one's own; each takes the place of ours with its name."
    )
    retriever: Literal["fused", "dense", "bm25"] = Field("fused", description="How passages are found.")
    rewrite: bool = Field(False, description="Whether the model rewrites follow-ups before they are looked up.")
    host: str = Field("127.0.0.1", description="Address that the page is served on.")
    port: int = Field(7860, ge=0, le=65535, description="Port that the page is served on; 0 takes a free one.")
    feedback_db: str = Field(
        "", description="SQLAlchemy URL of the database of feedback; empty: a SQLite file in the data directory."
    )
    allowed_origins: str = Field("", description="Origins whose pages may embed and call it, separated by commas.")
    sites: Path | None = Field(None, description="Operators' file (TOML): sites with origins, quotas, tokens, looks.")
    trusted_hosts: str = Field("", description="Names that it is reached by, separated by commas; empty: any.")
    trusted_proxies: str = Field(
        "", description="Addresses or networks of proxies whose X-Forwarded-For and -Proto are believed."
    )
    concurrency: int = Field(16, ge=1, description="Questions over HTTP that are answered at once.")
    queue: int = Field(64, ge=0, description="Questions over HTTP that may wait; more are told to come again.")
    mcp: bool = Field(
        False, description="Whether the consultant is also a tool of the Model Context Protocol, at /mcp."
    )
    log_level: Literal["debug", "info", "warning", "error"] = Field("warning", description="How much is logged.")

    log_format: Literal["text", "json"] = Field("text", description="Form of the log's lines.")

    @field_validator("home", mode="before")
    @classmethod
    def _whole_path(cls, value: Any) -> Path:
        """No shell expands a tilde in a service's environment file; an empty path would mean the current folder."""
        return Path(value).expanduser() if str(value) else DEFAULT_HOME

    @field_validator("sites", "prompts", mode="before")
    @classmethod
    def _maybe_path(cls, value: Any) -> Path | None:
        """Empty, as an environment file leaves it, means none."""
        return Path(value).expanduser() if value else None


def read_settings(**arguments: Any) -> Settings:
    """Settings from arguments that are not None, environment and defaults; raises BadSetting."""
    try:
        settings = Settings(**{name: value for name, value in arguments.items() if value is not None})
    except ValidationError as error:
        first = error.errors()[0]
        name = ".".join(str(part) for part in first["loc"])
        raise BadSetting(
            f"{PREFIX}{name.upper()} is not usable: {first['msg']}. Set it to a value that is, or unset it."
        ) from error
    parse(settings.model, settings.home)
    return settings


def origins(settings: Settings, arguments: set[str]) -> list[tuple[str, str, str]]:
    """(name, value, where it came from) of every setting, secrets masked."""
    rows = []
    for name in type(settings).model_fields:
        value = getattr(settings, name)
        shown = "********" if isinstance(value, SecretStr) else str(value)
        told = name in settings.model_fields_set
        origin = "argument" if name in arguments else "environment" if told else "default"
        rows.append((PREFIX + name.upper(), shown, origin))
    return rows
