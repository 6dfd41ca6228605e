"""Documents added on the page: by whom, under which name, and the index that follows them."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from pydantic import SecretStr

from bot import assemble
from bot.consultant import Consultant
from bot.settings import Settings, read_settings
from knowledge.embeddings import SentenceEmbedder
from knowledge.ingest import Report
from tests.ui.conftest import serving
from ui import server
from ui.collection import Collection, own_name
from ui.replies import Refused
from ui.sites import Access

TOKEN = "a-token-of-the-operator"
TEXT = b"# Zorbel\n\n## What is a zorbel?\n\nA zorbel is a prompt template that our own team keeps in a drawer.\n"
FILE = {"Content-Type": "application/octet-stream"}


@pytest.fixture(scope="module")
def settings(corpus_home: Path, tmp_path_factory: pytest.TempPathFactory) -> Settings:
    home = shutil.copytree(corpus_home, tmp_path_factory.mktemp("collection") / "home")
    return read_settings(home=home)


@pytest.fixture(scope="module")
def consultant(settings: Settings, embedder: SentenceEmbedder) -> Iterator[Consultant]:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(assemble, "embedder", lambda _: embedder)
        yield assemble.consultant(settings)


@pytest.fixture(scope="module")
def http(consultant: Consultant, settings: Settings) -> Iterator[httpx.Client]:
    access = Access(operator_tokens=(SecretStr(TOKEN),))
    with serving(lambda: server.application(consultant, access=access, settings=settings, page=False)) as client:
        yield client


def add(http: httpx.Client, name: str, data: bytes = TEXT, token: str = TOKEN, **headers: str) -> httpx.Response:
    told = {**FILE, **({"Authorization": f"Bearer {token}"} if token else {}), **headers}
    return http.post("/api/collection", params={"name": name}, content=data, headers=told)


def test_an_added_document_is_quoted_and_a_removed_one_is_not(http: httpx.Client, consultant: Consultant) -> None:
    assert consultant.ask("What is a zorbel?").status == "refused"
    assert add(http, "zorbel.md").json() == {"name": "zorbel.md", "characters": len(TEXT.decode().strip())}
    collection = Collection(consultant.retriever)
    *_, report = collection.follow()
    assert isinstance(report, Report)
    assert (report.count("added"), report.failed) == (1, ())
    answer = consultant.ask("What is a zorbel?")
    assert "in a drawer" in answer.statements[0].text
    assert [held.name for held in collection.files] == ["zorbel.md"]
    collection.remove("zorbel.md")
    *_, report = collection.follow()
    assert isinstance(report, Report)
    assert report.count("removed") == 1
    assert consultant.ask("What is a zorbel?").status == "refused"
    assert collection.files == []


@pytest.mark.parametrize(
    ("name", "token", "kind", "status", "said"),
    [
        pytest.param("a.md", "", FILE["Content-Type"], 401, "operator's token", id="no token"),
        pytest.param(
            "a.md", "another-token-than-it", FILE["Content-Type"], 401, "operator's token", id="wrong token"
        ),
        pytest.param("a.md", TOKEN, "text/plain", 415, "/api/collection?name=", id="another page's form"),
        pytest.param("a.exe", TOKEN, FILE["Content-Type"], 422, "a.exe was not read", id="kind"),
        pytest.param("../.bashrc", TOKEN, FILE["Content-Type"], 422, "begins with no dot", id="hidden"),
        pytest.param("a\x00.md", TOKEN, FILE["Content-Type"], 422, "A file's name", id="NUL"),
        pytest.param("a" * 200 + ".md", TOKEN, FILE["Content-Type"], 422, "A file's name", id="long name"),
    ],
)
def test_what_is_not_kept(
    http: httpx.Client, settings: Settings, name: str, token: str, kind: str, status: int, said: str
) -> None:
    answer = add(http, name, token=token, **{"Content-Type": kind})
    assert answer.status_code == status
    assert said in answer.json()["error"]
    folder = settings.home / "collection"
    assert not folder.exists() or list(folder.iterdir()) == []


def test_a_broken_file_is_told_and_not_kept(http: httpx.Client, consultant: Consultant) -> None:
    answer = add(http, "a.pdf", b"%PDF-1.7 nothing")
    assert answer.status_code == 422
    assert "a.pdf was not read" in answer.json()["error"]
    assert Collection(consultant.retriever).files == []


def test_a_name_never_leads_out_of_the_folder(tmp_path: Path) -> None:
    assert own_name("../../etc/passwd") == "passwd"
    for name in ("..", "", " ", "/", ".hidden", "a\nb"):
        with pytest.raises(Refused, match="A file's name"):
            own_name(name)


def test_a_full_disk_is_said(consultant: Consultant, monkeypatch: pytest.MonkeyPatch) -> None:
    def full(*_: object) -> int:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(Path, "write_bytes", full)
    with pytest.raises(Refused, match=r"zorbel\.md cannot be kept"):
        Collection(consultant.retriever).keep("zorbel.md", TEXT)
