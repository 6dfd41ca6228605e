"""Cases as tests of pytest: `pytest --consultant-cases FILE` runs each as one, and a test that asks for the fixture
`consultant_case` is run for each.

    def test_shop(consultant_case):
        assert consultant_case.passed, consultant_case.why
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from bot.consultant import Consultant
    from bot.evaluation.cases import Case
    from bot.evaluation.run import Result

_CONSULTANT = pytest.StashKey[Any]()


@dataclass
class ConsultantCase:
    """A case; it is asked when its result is first looked at."""

    case: Case
    consultant: Consultant

    @cached_property
    def result(self) -> Result:
        """What came of it."""
        from bot.evaluation.run import run

        return next(run([self.case], self.consultant))

    @property
    def passed(self) -> bool:
        """Whether every check passed."""
        return self.result.passed

    @property
    def why(self) -> str:
        """What failed, a line each."""
        from bot.evaluation.figures import failures

        return "\n".join(failures([self.result]))


def pytest_addoption(parser: pytest.Parser) -> None:
    """The option."""
    parser.addoption(
        "--consultant-cases",
        action="append",
        default=[],
        metavar="FILE",
        help="Evaluation cases of the consultant to run as tests; may be given several times.",
    )


def pytest_configure(config: pytest.Config) -> None:
    """With the option and no other argument, the cases are all that is run."""
    files = [str(Path(name).resolve()) for name in config.getoption("--consultant-cases")]
    if files:
        told = config.args_source == pytest.Config.ArgsSource.ARGS
        config.args[:] = [*config.args, *files] if told else files


def pytest_collect_file(file_path: Path, parent: pytest.Collector) -> pytest.Collector | None:
    """A file of cases that the option names."""
    if str(file_path) in [str(Path(name).resolve()) for name in parent.config.getoption("--consultant-cases")]:
        made: pytest.Collector = CasesFile.from_parent(parent, path=file_path)
        return made
    return None


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """A test for each case, for functions that ask for one."""
    if "consultant_case" in metafunc.fixturenames:
        cases = _cases([Path(name) for name in metafunc.config.getoption("--consultant-cases")])
        metafunc.parametrize("consultant_case", cases, ids=[case.id for case in cases], indirect=True)


@pytest.fixture
def consultant_case(request: pytest.FixtureRequest) -> ConsultantCase:
    """One case of the files that --consultant-cases names."""
    return ConsultantCase(request.param, _consultant(request.config))


class CasesFile(pytest.File):
    """A file of cases."""

    def collect(self) -> Iterator[pytest.Item]:
        """An item for each case."""
        for case in _cases([self.path]):
            yield CaseItem.from_parent(self, name=case.id, case=case)


class CaseItem(pytest.Item):
    """A case as a test."""

    def __init__(self, *, case: Case, **more: Any) -> None:
        super().__init__(**more)
        self.case = case

    def runtest(self) -> None:
        """Ask it; fail with what was expected and what came."""
        asked = ConsultantCase(self.case, _consultant(self.config))
        if not asked.passed:
            pytest.fail(asked.why, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Where it stands."""
        return self.path, None, self.name


def _cases(files: list[Path]) -> list[Case]:
    from bot.evaluation.case_files import read_cases
    from bot.evaluation.cases import BadCases

    try:
        return read_cases(files)
    except BadCases as error:
        raise pytest.UsageError(str(error)) from error


def _consultant(config: pytest.Config) -> Consultant:
    """The consultant that the settings of the environment describe, made once."""
    from bot import assemble
    from bot.settings import read_settings

    if _CONSULTANT not in config.stash:
        config.stash[_CONSULTANT] = assemble.consultant(read_settings())
    made: Consultant = config.stash[_CONSULTANT]
    return made
