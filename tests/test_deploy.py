"""What is in deploy/ fits the code, as far as can be told without an engine to run it."""

from __future__ import annotations

import re
import shutil
import subprocess
from pathlib import Path

import pytest
import yaml

from bot.settings import PREFIX, Settings
from ui.sites import read_sites

DEPLOY = Path(__file__).parent.parent / "deploy"
DOCKERFILE = (DEPLOY / "Dockerfile").read_text(encoding="utf-8")


def test_the_operators_file_of_the_example_is_one() -> None:
    file = read_sites(DEPLOY / "sites.toml")
    assert [site.name for site in file.sites] == ["shop"]


@pytest.mark.parametrize("name", ["Dockerfile", "compose.yaml", "consultant.service"])
def test_every_setting_that_is_named_exists(name: str) -> None:
    named = set(re.findall(rf"{PREFIX}[A-Z_]+", (DEPLOY / name).read_text(encoding="utf-8")))
    assert named
    assert named <= {PREFIX + field.upper() for field in Settings.model_fields}


def test_the_image_has_two_stages_and_runs_as_nobody_special() -> None:
    stages = re.split(r"(?m)^FROM ", DOCKERFILE)[1:]
    assert len(stages) == 2
    users = re.findall(r"(?m)^USER (\S+)", stages[-1])
    assert users == ["consultant"]
    assert not re.search(r"(?m)^FROM \S+:latest|^ADD |sudo|--privileged", DOCKERFILE)
    copied = set(re.findall(r"(?m)^COPY (?!--from)(.+) \S+$", stages[0]))
    assert all((DEPLOY.parent / name).exists() for names in copied for name in names.split())


def test_the_compose_file_hardens_the_server_and_publishes_the_proxy_alone() -> None:
    services = yaml.safe_load((DEPLOY / "compose.yaml").read_text(encoding="utf-8"))["services"]
    consultant = services["consultant"]
    assert (consultant["read_only"], consultant["cap_drop"]) == (True, ["ALL"])
    assert "ports" not in consultant
    assert consultant["environment"]["CONSULTANT_TRUSTED_PROXIES"]
    assert (DEPLOY.parent / "deploy" / Path(consultant["build"]["dockerfile"]).name).is_file()


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if not shutil.which("systemd-analyze"):
        pytest.skip("needs systemd-analyze")
    unit = tmp_path / "consultant.service"
    text = (DEPLOY / unit.name).read_text(encoding="utf-8")
    # The unit names an installation that is not here.
    unit.write_text(text.replace("/opt/consultant/.venv/bin/consultant", "/bin/true"), encoding="utf-8")
    said = subprocess.run(["systemd-analyze", "verify", unit], capture_output=True, text=True)
    assert (said.returncode, [line for line in said.stderr.splitlines() if "consultant.service" in line]) == (0, [])
