"""What several judges share: one environment, and every notebook executed at most once."""

import pytest
from notebook_runs import Jupyter, Runs


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """For several workers: a file stays with one of them, and what needs the executed notebooks too."""
    for item in items:
        group = "runs" if "runs" in item.fixturenames else item.path.stem
        item.add_marker(pytest.mark.xdist_group(group))


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
