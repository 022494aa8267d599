"""What recordings of the live API show, as the official Python SDK sees it from the offline backend.

Errors that come after HTTP 200, sandboxes that are gone, answers that begin with all they hold.
"""

import anthropic
import pytest
from test_sdk import CODE, MODEL, WEATHER, Backend, answers, kinds, plain, text_of, turn

SCRIPT = """
# Work

> Let me see.

```bash
echo one; echo 🎉
```

Done 🎉.

# Count in code

```python repl
print(await get_weather({"city": "Bern"}), await get_weather({"city": "Oslo"}))
```

Counted.

# Two at once

<!-- together: 2 -->

```bash
echo one
```

```create two.txt
two
```

Both.

# Odd

> Hm.

```json block
{"type": "text", "text": "\\n\\n"}
```

```json block
{"type": "bash_code_execution_tool_result", "tool_use_id": "srvtoolu_x", "content":
 {"type": "bash_code_execution_tool_result_error", "error_code": "unavailable"}}
```

```json block
{"type": "server_tool_use", "id": "srvtoolu_x", "name": "bash_code_execution", "input": "hello"}
```

# Nothing

<!-- stop: end_turn -->
"""


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    backend = Backend(tmp_path_factory.mktemp("scripts"), SCRIPT)
    yield backend
    backend.process.stdin.close()
    assert backend.process.wait(timeout=10) == 0


def streamed(backend, prompt, history=(), **options):
    messages = [*history, {"role": "user", "content": prompt}]
    options = {"model": MODEL, "max_tokens": 4000, **options}
    with backend.client.messages.stream(messages=messages, **options) as stream:
        return stream.get_final_message()


def used(backend):
    """A sandbox that was used and is about to expire."""
    return backend.ask("Work", tools=[CODE]).container.id


def test_a_sandbox_that_is_gone_is_not_found_also_within_a_stream(backend):
    container = used(backend)
    backend.arm(kind="expire_container")
    for _ in range(2):
        with pytest.raises(anthropic.NotFoundError, match="Container not found") as refused:
            backend.ask("Work", tools=[CODE], container=container)
        assert refused.value.body["error"]["type"] == "not_found_error"
        with pytest.raises(anthropic.APIStatusError, match="Container not found") as refused:
            streamed(backend, "Work", tools=[CODE], container=container)
        assert refused.value.response.status_code == 200
        assert refused.value.body["error"]["type"] == "not_found_error"
    container = used(backend)
    backend.arm(kind="expire_container", told="not_found")
    with pytest.raises(anthropic.NotFoundError) as refused:
        streamed(backend, "Work", tools=[CODE], container=container)
    assert refused.value.status_code == 404
    container = used(backend)
    backend.arm(kind="expire_container", told="internal")
    with pytest.raises(anthropic.InternalServerError):
        backend.sdk(max_retries=0).messages.create(
            model=MODEL,
            max_tokens=4000,
            messages=[{"role": "user", "content": "Work"}],
            tools=[CODE],
            container=container,
        )


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_a_step_may_say_that_its_sandbox_expired(backend):
    container = used(backend)
    backend.arm(kind="expire_container", told="result")
    message = streamed(backend, "Work", tools=[CODE], container=container)
    (result,) = [block for block in message.content if block.type == "bash_code_execution_tool_result"]
    assert result.content.error_code == "container_expired"
    with pytest.raises(anthropic.NotFoundError):
        backend.ask("Work", tools=[CODE], container=container)


def test_a_container_goes_with_a_tool_that_can_use_it_and_by_its_bare_id(backend):
    container = used(backend)
    with pytest.raises(anthropic.BadRequestError, match="can use a container"):
        backend.ask("Work", container=container)
    with pytest.raises(anthropic.BadRequestError, match="valid string"):
        backend.ask("Work", tools=[CODE], container={"id": container})
    skills = [{"type": "anthropic", "skill_id": "xlsx", "version": "latest"}]
    again = backend.ask("Work", tools=[CODE], container={"id": container, "skills": skills})
    assert again.container.id == container and len(again.container.skills) == 1
    assert backend.ask("Work").container is None


@pytest.mark.parametrize(
    ("kind", "error"),
    [
        ("overloaded_error", anthropic.APIStatusError),
        ("rate_limit_error", anthropic.RateLimitError),
        ("api_error", anthropic.InternalServerError),
    ],
)
def test_the_first_event_may_be_an_error(backend, kind, error):
    backend.arm(kind="first_event", error_type=kind)
    before = len(backend.requests())
    with pytest.raises(anthropic.APIStatusError) as refused:
        streamed(backend, "Work")
    assert refused.value.body["error"]["type"] == kind
    assert refused.value.response.status_code == 200
    assert len(backend.requests()) - before == 1, "the SDK leaves it to its user to try again"
    backend.arm(kind="first_event", error_type=kind)
    with pytest.raises(error):
        backend.sdk(max_retries=0).messages.create(
            model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "Work"}]
        )


def test_thinking_may_be_refused_and_another_account_cannot_read_it(backend):
    history = turn("Work", backend.ask("Work", tools=[CODE]))
    options = {"tools": [CODE], "container": backend.ask("Work", tools=[CODE]).container.id}
    backend.arm(kind="refuse_thinking")
    with pytest.raises(anthropic.BadRequestError, match="thinking"):
        backend.ask("Work", history, **options)
    assert backend.ask("Work", history, **options)
    backend.arm(kind="other_organization")
    for _ in range(2):
        with pytest.raises(anthropic.BadRequestError, match="another organization"):
            backend.ask("Work", history, **options)
    history[1]["content"] = [block for block in history[1]["content"] if block["type"] != "thinking"]
    assert backend.ask("Work", history, **options)


def test_diagnostics_name_messages_of_this_api(backend):
    assert backend.ask("Work", diagnostics={"previous_message_id": None})
    with pytest.raises(anthropic.BadRequestError, match="diagnostics"):
        backend.ask("Work", diagnostics={"previous_message_id": "gen-1"})
    backend.arm(kind="refuse_diagnostics")
    with pytest.raises(anthropic.BadRequestError, match="Extra inputs"):
        backend.ask("Work", diagnostics={"previous_message_id": None})
    backend.arm(kind="old_version")
    with pytest.raises(anthropic.BadRequestError, match="Invalid API version"):
        backend.ask("Work")
    assert backend.sdk(default_headers={"anthropic-version": "2023-06-01"}).messages.create(
        model=MODEL, max_tokens=100, messages=[{"role": "user", "content": "Work"}]
    )


def test_an_answer_that_begins_with_all_it_holds_accumulates(backend):
    tools = [CODE, WEATHER | {"allowed_callers": ["code_execution_20260120"]}]
    asked = streamed(backend, "Count in code", tools=tools)
    assert kinds(asked) == ["server_tool_use", "tool_use"]
    assert asked.content[1].input == {"city": "Bern"}, "whole from its start"
    history = turn("Count in code", asked)
    options = {"tools": tools, "container": asked.container.id}
    results = answers(asked, Bern="sunny")
    more = streamed(backend, results, history, **options)
    assert kinds(more) == ["tool_use"] and more.content[0].input == {"city": "Oslo"}
    assert (more.stop_reason, more.container.id) == ("tool_use", asked.container.id)
    assert (more.usage.input_tokens, more.usage.output_tokens) == (0, 0)
    history += [
        {"role": "user", "content": results},
        {"role": "assistant", "content": [block.model_dump(exclude_unset=True) for block in more.content]},
    ]
    done = streamed(backend, answers(more, Oslo="rain"), history, **options)
    assert done.content[0].content.stdout == "sunny rain\n"


def test_calls_made_at_once_are_answered_in_their_order(backend):
    messages = [streamed(backend, "Two at once", tools=[CODE]), backend.ask("Two at once", tools=[CODE])]
    for message in messages:
        assert kinds(message) == [
            "server_tool_use",
            "server_tool_use",
            "bash_code_execution_tool_result",
            "text_editor_code_execution_tool_result",
            "text",
        ]
        one, two, first, second, _ = message.content
        assert (one.id, two.id) == (first.tool_use_id, second.tool_use_id)
        assert one.input == {"command": "echo one\n"} and one.caller is None


def test_halves_of_a_character_make_it_when_they_are_joined(backend):
    backend.arm(kind="surrogates")
    message = streamed(backend, "Work", tools=[CODE])
    said = text_of(message)
    assert said == "Done \ud83c\udf89."
    assert said.encode("utf-16", "surrogatepass").decode("utf-16") == "Done 🎉."
    assert message.content[2].content.stdout == "one\n🎉\n"


@pytest.mark.filterwarnings("ignore:Pydantic serializer warnings")
def test_an_answer_may_hold_what_no_request_may(backend):
    odd = streamed(backend, "Odd", tools=[CODE])
    assert plain(odd)["content"][1:] == plain(backend.ask("Odd", tools=[CODE]))["content"][1:]
    assert kinds(odd) == ["thinking", "text", "bash_code_execution_tool_result", "server_tool_use"]
    assert odd.content[1].text == "\n\n" and odd.content[3].input == "hello"
    refusals = set()
    blocks = [block.model_dump(exclude_unset=True) for block in odd.content]
    while True:
        said = {"role": "assistant", "content": blocks}
        try:
            backend.ask("Work", [{"role": "user", "content": "Odd"}, said], tools=[CODE])
            break
        except anthropic.BadRequestError as error:
            refusals.add(error.body["error"]["message"].split(": ", 1)[1].split(" found")[0])
            blocks = blocks[:-1]
    assert refusals == {
        "Input should be a valid dictionary",
        "unexpected `tool_use_id`",
        "text content blocks must contain non-whitespace text",
    }
    assert [block["type"] for block in blocks] == ["thinking"]
    assert streamed(backend, "Nothing").content == []
