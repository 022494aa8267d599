"""Jupyter's own suite for kernels (`jupyter_kernel_test`), every part of it that has a meaning here.

Its client looks like a terminal: text comes as streams, figures as displays.
"""

import os
import subprocess
import tempfile
from pathlib import Path
from unittest import mock

import jupyter_kernel_test
from kernel_process import BINARY, LIMIT_S, environment

SCRIPTS = '''
# Say hello to the world

hello, world

# Complain

```bash
echo "this is a complaint" >&2
```

# Draw a dot

```python
import base64, os

PNG = "iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg=="
with open(os.path.join(os.environ["OUTPUT_DIR"], "dot.png"), "wb") as file:
    file.write(base64.b64decode(PNG))
```
'''


class ClaudeKernelTests(jupyter_kernel_test.KernelTests):
    kernel_name = "claude-offline"
    language_name = "claude-offline"
    file_extension = ".claude"

    code_hello_world = "Say hello to the world"
    code_stderr = "Complain"
    completion_samples = [
        {"text": "%mod", "matches": {"%model", "%models"}},
        {"text": "%effort h", "matches": {"high"}},
        {"text": "Explain the word mod"},
    ]
    complete_code_samples = ["What is a monad?", "%model", "two\nlines"]
    incomplete_code_samples = ["Run this:\n```python\nprint(1)", "and so on \\"]
    invalid_code_samples = ["%nosuchmagic"]
    code_page_something = "%model?"
    code_generate_error = "%nosuchmagic"
    code_execute_result = [
        {"code": "%version", "mime": "text/plain"},
        {"code": "%version", "mime": "text/markdown"},
        {"code": "%lsmagic", "mime": "text/plain"},
    ]
    code_display_data = [{"code": "Draw a dot", "mime": "image/png"}]
    supported_history_operations = ("tail", "range", "search")
    code_history_pattern = "%vers*"
    code_inspect_sample = "%model"

    @classmethod
    def setUpClass(cls):
        cls.home = tempfile.TemporaryDirectory()
        home = Path(cls.home.name)
        (home / "prompts.claude.md").write_text(SCRIPTS)
        env = environment(home) | {"JUPYTER_PATH": str(home / "prefix/share/jupyter")}
        install = [BINARY, "install", "--offline", "--prefix", home / "prefix"]
        subprocess.run(install, env=env, cwd=home, check=True, capture_output=True, timeout=LIMIT_S)
        # Scripts lie beside the notebook: the path that a Jupyter server would announce.
        env["JPY_SESSION_NAME"] = str(home / "prompts.ipynb")
        cls.env = mock.patch.dict(os.environ, env, clear=True)
        cls.env.start()
        super().setUpClass()

    @classmethod
    def tearDownClass(cls):
        super().tearDownClass()
        cls.env.stop()
        cls.home.cleanup()


# The base class is imported for its name only: collected, it would test a kernel called `python3`.
del jupyter_kernel_test
