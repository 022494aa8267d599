"""What several judges share: one environment, and every notebook executed at most once."""

import pytest
from notebook_runs import Jupyter, Runs


@pytest.fixture(scope="session")
def jupyter(tmp_path_factory):
    return Jupyter(tmp_path_factory.mktemp("home"))


@pytest.fixture(scope="session")
def runs(jupyter, tmp_path_factory):
    runs = Runs(jupyter, tmp_path_factory.mktemp("runs"))
    yield runs
    runs.close()
