"""Who may embed and call the consultant: the operators' file and the settings that go with it, as frozen values.

The file is TOML:

    operator_tokens = ["at least sixteen characters"]  # for who runs evaluations and adds documents on the page

    [quotas]                      # for who comes by no site
    visitor_per_minute = 20
    visitor_per_day = 500

    [[sites]]
    name = "shop"
    origins = ["https://shop.example", "https://www.shop.example"]
    tokens = ["at least sixteen characters"]
    quotas = {visitor_per_minute = 10, visitor_per_day = 100, site_per_day = 5000}
    branding = {title = "Ask the shop", greeting = "What are you building?", colour = "#0f766e"}
"""

from __future__ import annotations

import hmac
import re
import tomllib
from collections.abc import Sequence
from ipaddress import ip_address
from pathlib import Path
from typing import Annotated, Any

from pydantic import AfterValidator, BaseModel, ConfigDict, Field, PositiveInt, SecretStr, ValidationError

from bot.errors import BadSetting
from bot.settings import PREFIX, Settings

ANY = "*"
_ORIGIN = re.compile(r"https?://(?:[a-z0-9-]+(?:\.[a-z0-9-]+)*|\[[0-9a-f:.]+\])(?::\d{1,5})?")
_BROAD = "* lets every page embed the consultant. Name exact origins, or add --insecure on a network of your own"


def exact(origin: str) -> str:
    """The origin itself; raises ValueError when it is not exact.

    >>> exact("https://shop.example")
    'https://shop.example'
    """
    if origin != ANY and not _ORIGIN.fullmatch(origin):
        raise ValueError(f"{origin!r} is no origin. Write it as https://host or https://host:port, nothing behind it")
    return origin


def _long(token: SecretStr) -> SecretStr:
    if len(token.get_secret_value()) < 16:
        raise ValueError("the token is shorter than 16 characters. Make a longer one, such as: openssl rand -hex 24")
    return token


Origin = Annotated[str, AfterValidator(exact)]
Token = Annotated[SecretStr, AfterValidator(_long)]


class _Value(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class Quotas(_Value):
    """How many questions; None is no limit. A visitor is an address, or a token."""

    visitor_per_minute: PositiveInt | None = None
    visitor_per_day: PositiveInt | None = None
    site_per_day: PositiveInt | None = None


class Branding(_Value):
    """How the widget looks on a site, where its page says nothing else."""

    title: Annotated[str, Field(max_length=60)] = ""
    greeting: Annotated[str, Field(max_length=300)] = ""
    colour: Annotated[str, Field(pattern=r"^(#[0-9a-fA-F]{6})?$")] = ""


class Site(_Value):
    """A site that embeds the consultant."""

    name: str = Field(pattern=r"^[a-z0-9][a-z0-9-]{0,39}$")
    origins: tuple[Origin, ...] = Field(min_length=1)
    quotas: Quotas | None = None
    tokens: tuple[Token, ...] = ()
    branding: Branding = Branding()


class SitesFile(_Value):
    """The whole file."""

    operator_tokens: tuple[Token, ...] = ()
    quotas: Quotas | None = None
    sites: tuple[Site, ...] = ()


class Access(_Value):
    """Who may do what. Without anything told, no other page may embed the consultant and nothing is counted."""

    sites: tuple[Site, ...] = ()
    more_origins: tuple[Origin, ...] = ()
    hosts: tuple[str, ...] = ()
    proxies: tuple[str, ...] = ()
    quotas: Quotas = Quotas()
    operator_tokens: tuple[Token, ...] = ()
    # Whether nobody else reaches the server, by what is told of it.
    alone: bool = False

    @property
    def origins(self) -> tuple[str, ...]:
        """All origins whose pages may embed and call the consultant."""
        named = [*self.more_origins, *(origin for site in self.sites for origin in site.origins)]
        return (ANY,) if ANY in named else tuple(dict.fromkeys(named))

    @property
    def has_tokens(self) -> bool:
        """Whether calls of OpenAI's protocol need a token."""
        return any(site.tokens for site in self.sites)

    def allows(self, origin: str) -> bool:
        """Whether pages of this origin may embed the consultant."""
        return origin in self.origins or (ANY in self.origins and bool(_ORIGIN.fullmatch(origin)))

    def site_of(self, origin: str) -> Site | None:
        """The site that an origin belongs to."""
        return next((site for site in self.sites if origin in site.origins), None)

    def named(self, name: str) -> Site | None:
        """The site of this name."""
        return next((site for site in self.sites if site.name == name), None)

    def holder(self, token: str) -> Site | None:
        """The site that a token belongs to."""
        held = [site for site in self.sites if _is_one_of(token, site.tokens)]
        return held[0] if held else None

    def operates(self, token: str) -> bool:
        """Whether this is a token of the operator."""
        return _is_one_of(token, self.operator_tokens)


def _is_one_of(token: str, known: Sequence[SecretStr]) -> bool:
    """Whether a token is known; how long that takes tells nothing of those that are."""
    matches = [hmac.compare_digest(one.get_secret_value().encode(), token.encode()) for one in known]
    return any(matches)


# For a server that others reach and whose operator named no quotas.
PUBLIC = Quotas(visitor_per_minute=30, visitor_per_day=1000)


def access_of(settings: Settings, *, insecure: bool = False) -> Access:
    """What the settings and the operators' file say; raises BadSetting naming file and key."""
    file = read_sites(settings.sites) if settings.sites else SitesFile()
    try:
        access = Access(
            sites=file.sites,
            more_origins=words(settings.allowed_origins),
            hosts=words(settings.trusted_hosts),
            proxies=words(settings.trusted_proxies),
            operator_tokens=file.operator_tokens,
        )
    except ValidationError as error:
        raise BadSetting(f"{PREFIX}ALLOWED_ORIGINS: {_first(error)[1]}.") from error
    if ANY in access.origins and not insecure:
        raise BadSetting(
            f"{settings.sites if ANY not in access.more_origins else PREFIX + 'ALLOWED_ORIGINS'}: {_BROAD}."
        )
    alone = _is_loopback(settings.host) and not (access.proxies or access.origins)
    return access.model_copy(update={"alone": alone, "quotas": file.quotas or (Quotas() if alone else PUBLIC)})


def read_sites(path: Path) -> SitesFile:
    """The operators' file; raises BadSetting naming the file and the key that is wrong."""
    try:
        file = SitesFile.model_validate(tomllib.loads(path.read_text(encoding="utf-8")))
    except (OSError, UnicodeDecodeError) as error:
        raise BadSetting(f"{path} cannot be read. Set {PREFIX}SITES to a file of sites, or unset it.") from error
    except tomllib.TOMLDecodeError as error:
        raise BadSetting(f"{path} is no TOML: {error}. Mend that line.") from error
    except ValidationError as error:
        key, message = _first(error)
        raise BadSetting(f"{path}: {key}: {message}.") from error
    _check_once(path, "name", [site.name for site in file.sites])
    _check_once(path, "origin", [origin for site in file.sites for origin in site.origins])
    return file


def words(text: str) -> tuple[str, ...]:
    """The parts of a list in a setting, which commas or spaces separate.

    >>> words("a.example, b.example")
    ('a.example', 'b.example')
    """
    return tuple(re.findall(r"[^\s,]+", text))


def _first(error: ValidationError) -> tuple[str, str]:
    first: Any = error.errors(include_url=False, include_input=False)[0]
    return ".".join(str(part) for part in first["loc"]), first["msg"].removeprefix("Value error, ")


def _check_once(path: Path, what: str, values: list[str]) -> None:
    twice = [value for n, value in enumerate(values) if value in values[:n]]
    if twice:
        raise BadSetting(f"{path}: sites: the {what} {twice[0]!r} is there twice. Leave one of them.")


def _is_loopback(host: str) -> bool:
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"
