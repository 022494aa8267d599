"""Notebooks at random: cells of every kind run, run again, are taken back, interrupted, refused and forgotten, before the strict judge."""

import os

import pytest
from strict_walk import Walk

STEPS = int(os.environ.get("CLAUDE_KERNEL_TEST_STEPS", "70"))
SEEDS = [int(seed) for seed in os.environ.get("CLAUDE_KERNEL_TEST_SEEDS", "1 2 3 5").split()]


@pytest.mark.parametrize("seed", SEEDS)
def test_a_notebook_at_random(tmp_path, seed):
    walk = Walk(tmp_path, seed)
    try:
        for _ in range(STEPS):
            walk.step()
    except BaseException:
        walk.session.judge.problems.clear()
        print(*walk.done, sep="\n")
        raise
    finally:
        walk.session.close()
