"""Results of benchmarks/login.py; the best attempt counts, so that they hold on a busy machine."""

from collections.abc import Iterator

import pytest

from benchmarks.login import COMPARED, Project, compare, crowd_in, difference, log_all_in, served

pytestmark = pytest.mark.alone

TRIES = 4


@pytest.fixture(scope="module")
def project(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    with served(tmp_path_factory.mktemp("benchmark")) as project:
        yield project


def low_quartile(times: list[float]) -> float:
    """Return the lower quartile: other processes make responses slower, never faster."""
    return sorted(times)[len(times) // 4]


def test_response_times_do_not_disclose_accounts(project: Project) -> None:
    """Behaviours 3, 28, 30, 88."""
    apart: dict[str, list[float]] = {name: [] for name in COMPARED}
    for _ in range(TRIES):
        unclear = [name for name, found in apart.items() if min(found, default=1) >= 0.15]
        for name, times in compare(project, 12, unclear).items():
            apart[name].append(difference(*map(low_quartile, times)))

    assert {name: found for name, found in apart.items() if min(found) >= 0.15} == {}


def test_other_requests_are_served_during_many_logins(project: Project) -> None:
    """Behaviour 114."""
    slow = []
    for _ in range(TRIES):
        crowded = log_all_in(project)
        assert [answer.status for answer in crowded.logins] == [200] * len(crowded.logins)
        slow.append(sorted(crowded.health)[int(len(crowded.health) * 0.9)])
        if slow[-1] < 100:
            break

    assert min(slow) < 100, slow


def test_excess_logins_get_503_without_using_more_memory(project: Project) -> None:
    """Behaviour 114."""
    before = project.memory_mib()

    answers = crowd_in(project)

    refused = [answer for answer in answers if answer.status == 503]
    assert {answer.status for answer in answers} == {401, 503}
    assert [answer.headers["Retry-After"] for answer in refused] == ["1"] * len(refused)
    assert project.memory_mib() - before < 200, "two hundred hashes at once would take nine GiB"
