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


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    """JupyterLab in an environment and a folder of its own."""
    from browser import Lab

    lab = Lab(Jupyter(tmp_path_factory.mktemp("lab-home")), tmp_path_factory.mktemp("lab"))
    yield lab
    lab.close()


@pytest.fixture(scope="module")
def browser():
    from browser import Browser

    browser = Browser()
    yield browser
    browser.close()
