"""The offline backend as the official Python SDK sees it.

The SDK is the outside judge: it sends requests the way real clients do and parses every answer
into its own types. Nothing of the kernel takes part.
"""

import base64
import datetime
import json
import os
import subprocess
import time
from pathlib import Path
from typing import Literal

import anthropic
import httpx
import pydantic
import pytest

ROOT = Path(__file__).resolve().parents[2]
BINARY = os.environ.get("CLAUDE_KERNEL_BIN", str(ROOT / "target/debug/claude-kernel"))
MODEL = "claude-opus-5-5"
CODE = {"type": "code_execution_20260521", "name": "code_execution"}
WEATHER = {
    "name": "get_weather",
    "description": "Says what the weather is.",
    "input_schema": {
        "type": "object",
        "properties": {"city": {"type": "string"}},
        "required": ["city"],
    },
}

SCRIPT = """
# Say hello

> A greeting is asked for.

Hello, **world**: grüße, 日本, 🎉. This sentence is here so that there are several deltas.

# Make a table

> First the numbers.

I write a table.

```bash
printf 'n,square\\n2,4\\n3,9\\n' > "$OUTPUT_DIR/table.csv"
cp "$OUTPUT_DIR/table.csv" kept.csv
wc -l < kept.csv
echo "rows=2" >> "$SCRIPT_VARS"
```

The table has {{rows}} rows.

# Is it still there?

```bash
cat kept.csv
```

It is.

# Read my file

```python
import os, pathlib
for path in sorted(pathlib.Path(os.environ["INPUT_DIR"]).iterdir()):
    print(path.name, path.read_text().strip())
```

Read.

# Edit a file

```create notes.txt
one
two
```

```str_replace notes.txt
two
=======
three
```

```view notes.txt
```

Edited.

# Count on

```python repl
x = 41
```

```python repl
x + 1
```

Counted.

# What is the weather?

> I must ask.

```json block
{"type": "tool_use", "name": "get_weather", "input": {"city": "Bern"}}
```

It is {{tool_result}} in Bern.

# Compare two cities

```call get_weather
{"city": "Bern"}
```

```call get_weather
{"city": "Oslo"}
```

{{tool_result_1}} and {{tool_result_2}}.

# Count in code

```python repl
import asyncio

first = await asyncio.gather(*(get_weather({"city": city}) for city in ("Bern", "Oslo")))
third = await get_weather({"city": first[0] + "wil"})
print(first, third)
```

Counted.

# Fail

```bash
echo to the error stream >&2
exit 3
```

That failed.

# Take a break

```bash
echo first
```

<!-- stop: pause_turn -->

```bash
echo second
```

Done.

# Decline

<!-- stop: refusal cyber -->

# Which towns?

```bash
echo "people=$((280000 + 9000))" >> "$SCRIPT_VARS"
```

```json result
{"country": "Norway", "towns": [{"name": "Bergen", "people": {{people}}, "size": "large", "founded": null}]}
```

# Which towns, wrongly?

```json result
{"country": "Norway", "towns": [{"name": "Bergen", "people": "many", "size": "large", "founded": null}]}
```
"""


class Town(pydantic.BaseModel):
    name: str
    people: int = pydantic.Field(ge=0)
    size: Literal["small", "large"]
    founded: datetime.date | None


class Towns(pydantic.BaseModel):
    country: str
    towns: list[Town]


class Backend:
    """A running `claude-kernel emulate` and the SDK pointed at it."""

    def __init__(self, directory, text=SCRIPT):
        script = directory / "sdk.claude.md"
        script.write_text(text, encoding="utf-8")
        self.process = subprocess.Popen(
            [BINARY, "emulate", "--until-stdin-closes", "--script", str(script)],
            stdin=subprocess.PIPE,
            stdout=subprocess.PIPE,
            text=True,
        )
        values = {}
        for _ in range(2):
            line = self.process.stdout.readline()
            name, _, value = line.removeprefix("export ").strip().partition("=")
            values[name] = value
        self.url = values["ANTHROPIC_BASE_URL"]
        self.key = values["ANTHROPIC_API_KEY"]
        self.client = self.sdk()

    def sdk(self, **options):
        return anthropic.Anthropic(**{"base_url": self.url, "api_key": self.key, **options})

    def post(self, path, body):
        answer = httpx.post(
            f"{self.url}/_emulator/{path}", json=body, headers={"x-api-key": self.key}
        )
        answer.raise_for_status()
        return answer.json()

    def arm(self, **fault):
        self.post("faults", fault)

    def requests(self):
        answer = httpx.get(f"{self.url}/_emulator/requests", headers={"x-api-key": self.key})
        return answer.json()["requests"]

    def ask(self, prompt, history=(), **options):
        return self.say([*history, {"role": "user", "content": prompt}], **options)

    def say(self, messages, **options):
        options = {"model": MODEL, "max_tokens": 4000, **options}
        return self.client.messages.create(messages=messages, **options)


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    backend = Backend(tmp_path_factory.mktemp("scripts"))
    yield backend
    backend.process.stdin.close()
    assert backend.process.wait(timeout=10) == 0


def plain(message):
    return message.model_dump(mode="json", exclude_unset=True)


def kinds(message):
    return [block.type for block in message.content]


def text_of(message):
    return "".join(block.text for block in message.content if block.type == "text")


def turn(prompt, message):
    """A finished turn, as history."""
    return [
        {"role": "user", "content": prompt},
        {"role": "assistant", "content": [block.model_dump(exclude_unset=True) for block in message.content]},
    ]


def test_a_streamed_answer_accumulates_to_the_one_that_is_not_streamed(backend):
    options = {
        "model": MODEL,
        "max_tokens": 1000,
        "thinking": {"type": "adaptive", "display": "summarized"},
        "messages": [{"role": "user", "content": "Say hello"}],
    }
    whole = backend.client.messages.create(**options)
    events = []
    with backend.client.messages.stream(**options) as stream:
        for event in stream:
            events.append(event.type)
        streamed = stream.get_final_message()
    assert kinds(whole) == ["thinking", "text"]
    assert whole.content[0].thinking == "A greeting is asked for."
    assert "grüße, 日本, 🎉" in text_of(whole)
    assert whole.stop_reason == "end_turn" and whole.stop_sequence is None
    assert events.count("text") > 2, "text comes in several deltas"
    expected, accumulated = plain(whole), plain(streamed)
    assert expected.pop("id") != accumulated.pop("id")
    # The text deltas are the same; what the stream's start alone reports is too.
    assert accumulated == expected
    assert whole.usage.output_tokens_details.thinking_tokens > 0
    assert whole.usage.output_tokens > whole.usage.output_tokens_details.thinking_tokens
    assert whole._request_id.startswith("req_")


def test_hidden_thinking_is_a_signature_without_text(backend):
    message = backend.ask("Say hello")
    assert kinds(message) == ["thinking", "text"]
    assert message.content[0].thinking == ""
    assert message.content[0].signature


def test_commands_run_and_their_files_can_be_downloaded(backend):
    with backend.client.messages.stream(
        model=MODEL,
        max_tokens=4000,
        tools=[CODE],
        messages=[{"role": "user", "content": "Make a table"}],
    ) as stream:
        message = stream.get_final_message()
    assert kinds(message) == [
        "thinking",
        "text",
        "server_tool_use",
        "bash_code_execution_tool_result",
        "text",
    ]
    call, result = message.content[2], message.content[3]
    assert call.name == "bash_code_execution"
    assert "$OUTPUT_DIR/table.csv" in call.input["command"]
    assert call.id.startswith("srvtoolu_") and result.tool_use_id == call.id
    assert result.content.stdout == "3\n"
    assert result.content.return_code == 0
    assert text_of(message).endswith("The table has 2 rows.")
    assert message.container.id.startswith("container_")
    assert message.container.expires_at.tzinfo is not None

    (output,) = result.content.content
    files = backend.client.files
    metadata = files.retrieve_metadata(output.file_id)
    assert metadata.filename == "table.csv"
    assert metadata.mime_type == "text/csv"
    assert metadata.downloadable is True
    content = files.download(output.file_id).read()
    assert content == b"n,square\n2,4\n3,9\n"
    assert metadata.size_bytes == len(content)

    history = turn("Make a table", message)
    after = backend.ask(
        "Is it still there?", history, tools=[CODE], container=message.container.id
    )
    assert after.container.id == message.container.id
    assert after.content[1].content.stdout == "n,square\n2,4\n3,9\n"
    fresh = backend.ask("Is it still there?", history, tools=[CODE])
    assert fresh.container.id != message.container.id
    assert fresh.content[1].content.return_code != 0, "a new container is empty"


def test_a_failed_command_is_an_answer(backend):
    message = backend.ask("Fail", tools=[CODE])
    outcome = message.content[1].content
    assert (outcome.return_code, outcome.stderr.splitlines()[-1]) == (3, "to the error stream")
    assert message.stop_reason == "end_turn"


def test_the_text_editor_and_the_persistent_interpreter(backend):
    message = backend.ask("Edit a file", tools=[CODE])
    create, replace, view = [
        block.content for block in message.content if block.type.endswith("tool_result")
    ]
    assert create.is_file_update is False
    assert [line for line in replace.lines if line[0] in "+-"] == ["-two", "+three"]
    assert view.content.splitlines() == ["one", "three"] and view.file_type == "text"

    message = backend.ask("Count on", tools=[CODE])
    results = [b.content for b in message.content if b.type == "code_execution_tool_result"]
    assert [result.stdout for result in results] == ["", "42\n"]


def test_without_the_tool_nothing_runs_and_that_is_said(backend):
    message = backend.ask("Is it still there?")
    assert kinds(message) == ["text", "text"]
    assert "Not run" in text_of(message)
    assert message.container is None


def test_uploads_reach_the_sandbox_and_cannot_be_downloaded(backend):
    files = backend.client.files
    uploaded = files.upload(file=("notes/übung.txt", b"forty-two", "text/plain"))
    assert uploaded.filename == "übung.txt"
    assert uploaded.downloadable is False and uploaded.size_bytes == 9
    content = [
        {"type": "container_upload", "file_id": uploaded.id},
        {"type": "text", "text": "Read my file"},
    ]
    message = backend.ask(content, tools=[CODE])
    assert message.content[1].content.stdout == "übung.txt forty-two\n"
    with pytest.raises(anthropic.BadRequestError, match=f"File '{uploaded.id}' is not downloadable") as refused:
        files.download(uploaded.id)
    assert "details" not in refused.value.body["error"]
    assert files.delete(uploaded.id).type == "file_deleted"
    with pytest.raises(anthropic.NotFoundError):
        files.retrieve_metadata(uploaded.id)
    with pytest.raises(anthropic.NotFoundError):
        backend.ask(content, tools=[CODE])


def test_an_upload_works_in_its_own_turn_only(backend):
    files = backend.client.files
    uploaded = files.upload(file=("übung.txt", b"forty-two", "text/plain"))
    first = [
        {"type": "container_upload", "file_id": uploaded.id},
        {"type": "text", "text": "Read my file"},
    ]
    message = backend.ask(first, tools=[CODE])
    history = [
        {"role": "user", "content": first},
        {"role": "assistant", "content": message.content},
    ]
    container = message.container.id
    kept = backend.ask("Read my file", history, tools=[CODE], container=container)
    assert "forty-two" in kept.content[1].content.stdout
    fresh = backend.ask("Read my file", history, tools=[CODE])
    assert fresh.container.id != message.container.id
    assert "forty-two" not in fresh.content[1].content.stdout


def test_files_are_listed_page_by_page_newest_first(backend):
    files = backend.client.files
    ids = [files.upload(file=(f"{n}.txt", b"x", "text/plain")).id for n in range(5)]
    listed = [file.id for file in files.list(limit=2)]
    assert listed[:5] == ids[::-1]
    assert len(listed) == len(set(listed))
    for id in ids:
        files.delete(id)
    assert not set(ids) & {file.id for file in files.list(limit=100)}


def test_a_client_tool_is_called_and_answered(backend):
    prompt = "What is the weather?"
    asked = backend.ask(prompt, tools=[WEATHER])
    assert asked.stop_reason == "tool_use"
    assert kinds(asked) == ["thinking", "tool_use"]
    call = asked.content[1]
    assert (call.name, call.input) == ("get_weather", {"city": "Bern"})
    history = turn(prompt, asked)
    result = [{"type": "tool_result", "tool_use_id": call.id, "content": "sunny"}]
    answered = backend.ask(result, history, tools=[WEATHER])
    assert text_of(answered) == "It is sunny in Bern."

    with pytest.raises(anthropic.BadRequestError, match="without `tool_result` blocks"):
        backend.ask("never mind", history, tools=[WEATHER])
    without = [history[0], {"role": "assistant", "content": history[1]["content"][1:]}]
    with pytest.raises(anthropic.BadRequestError, match="latest assistant message"):
        backend.ask(result, without, tools=[WEATHER])


def answers(message, **texts):
    """What a client answers to the calls of a message."""
    return [
        {"type": "tool_result", "tool_use_id": block.id, "content": texts.get(block.input["city"], "none")}
        for block in message.content
        if block.type == "tool_use"
    ]


def test_parallel_calls_are_answered_together(backend):
    prompt = "Compare two cities"
    asked = backend.ask(prompt, tools=[WEATHER])
    assert kinds(asked) == ["tool_use", "tool_use"] and asked.stop_reason == "tool_use"
    results = answers(asked, Bern="sunny", Oslo="snow")
    with pytest.raises(anthropic.BadRequestError, match="without `tool_result` blocks"):
        backend.ask(results[:1], turn(prompt, asked), tools=[WEATHER])
    answered = backend.ask(results, turn(prompt, asked), tools=[WEATHER])
    assert text_of(answered) == "sunny and snow."


def test_the_sdks_own_tool_runner_finds_its_way(backend):
    asked = []

    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city."""
        asked.append(city)
        return f"fine in {city}"

    runner = backend.client.beta.messages.tool_runner(
        model=MODEL, max_tokens=4000, tools=[get_weather], messages=[{"role": "user", "content": "Compare two cities"}]
    )
    final = runner.until_done()
    assert asked == ["Bern", "Oslo"]
    assert text_of(final) == "fine in Bern and fine in Oslo."


def test_code_in_the_sandbox_calls_a_client_tool_and_waits(backend):
    prompt = "Count in code"
    tools = [CODE, WEATHER | {"allowed_callers": ["code_execution_20260120"]}]
    asked = backend.ask(prompt, tools=tools)
    assert asked.stop_reason == "tool_use"
    assert kinds(asked) == ["server_tool_use", "tool_use", "tool_use"]
    pending = asked.content[0]
    assert pending.name == "code_execution"
    for call, city in zip(asked.content[1:], ("Bern", "Oslo")):
        assert call.input == {"city": city}
        assert (call.caller.type, call.caller.tool_id) == ("code_execution_20260120", pending.id)
    history = turn(prompt, asked)
    results = answers(asked, Bern="Bo", Oslo="Ak")
    with pytest.raises(anthropic.BadRequestError, match="container"):
        backend.ask(results, history, tools=tools)
    container = asked.container.id
    with pytest.raises(anthropic.BadRequestError, match="was found without"):
        backend.ask([*results, {"type": "text", "text": "go on"}], history, tools=tools, container=container)
    picture = [results[0] | {"content": [{"type": "image", "source": {"type": "url", "url": "https://e.x/a.png"}}]}]
    with pytest.raises(anthropic.BadRequestError, match="text only"):
        backend.ask([*picture, results[1]], history, tools=tools, container=container)

    more = backend.ask(results, history, tools=tools, container=container)
    assert kinds(more) == ["tool_use"] and more.content[0].input == {"city": "Bowil"}
    assert more.content[0].caller.tool_id == pending.id
    history += [
        {"role": "user", "content": results},
        {"role": "assistant", "content": [block.model_dump(exclude_unset=True) for block in more.content]},
    ]
    done = backend.ask(answers(more, Bowil="end"), history, tools=tools, container=container)
    assert kinds(done) == ["code_execution_tool_result", "text"]
    assert done.content[0].tool_use_id == pending.id
    assert done.content[0].content.stdout == "['Bo', 'Ak'] end\n"


def test_a_paused_turn_goes_on_where_it_stopped(backend):
    prompt = "Take a break"
    paused = backend.ask(prompt, tools=[CODE])
    assert paused.stop_reason == "pause_turn"
    rest = backend.client.messages.create(
        model=MODEL,
        max_tokens=4000,
        tools=[CODE],
        container=paused.container.id,
        messages=turn(prompt, paused),
    )
    assert rest.content[1].content.stdout == "second\n"
    assert rest.stop_reason == "end_turn" and text_of(rest) == "Done."


def test_a_refusal_says_why(backend):
    message = backend.ask("Decline")
    assert message.stop_reason == "refusal"
    assert message.stop_details.category == "cyber"


def parse(backend, prompt, **options):
    messages = [{"role": "user", "content": prompt}]
    options = {"model": MODEL, "max_tokens": 4000, "output_format": Towns, **options}
    return backend.client.messages.parse(messages=messages, **options)


def test_structured_output_is_what_the_schema_says(backend):
    message = parse(backend, "Which towns?", tools=[CODE])
    towns = message.parsed_output
    assert isinstance(towns, Towns) and towns.towns[0].people == 289_000 and towns.towns[0].founded is None
    assert kinds(message) == ["server_tool_use", "bash_code_execution_tool_result", "text"]
    # No script knows this prompt, so the answer is an example of the schema.
    example = parse(backend, "Anything").parsed_output
    assert isinstance(example, Towns) and len(example.towns) == 2
    with backend.client.messages.stream(
        model=MODEL, max_tokens=4000, output_format=Towns, messages=[{"role": "user", "content": "Anything"}]
    ) as stream:
        assert sum(event.type == "text" for event in stream) > 3
        assert stream.get_final_message().parsed_output == example


def test_structured_output_is_broken_only_by_what_may_break_it(backend):
    with pytest.raises(pydantic.ValidationError):
        parse(backend, "Which towns?", tools=[CODE], max_tokens=30)
    schema = {"output_config": {"format": {"type": "json_schema", "schema": anthropic.transform_schema(Towns)}}}
    assert backend.ask("Decline", **schema).stop_reason == "refusal"
    assert json.loads(text_of(backend.ask("Which towns?", tools=[CODE], **schema)))["country"] == "Norway"
    with pytest.raises(anthropic.InternalServerError):
        backend.sdk(max_retries=0).messages.create(
            model=MODEL, max_tokens=4000, messages=[{"role": "user", "content": "Which towns, wrongly?"}], **schema
        )


def closed(properties, **more):
    return {"type": "object", "properties": properties, "additionalProperties": False, **more}


INTEGER = {"type": "integer"}
TWO = [{"type": "null"}, INTEGER]


@pytest.mark.parametrize(
    "schema, why",
    [
        ({"type": "object", "properties": {"n": INTEGER}}, "additionalProperties"),
        (closed({"n": {"type": "integer", "minimum": 1}}), "minimum"),
        (closed({"n": {"$ref": "#"}}), "recursive"),
        (closed({"n": {"$ref": "https://example.com/n.json"}}), "external"),
        (
            closed(
                {"a": {"$ref": "#/$defs/a"}},
                **{"$defs": {"a": closed({"b": {"$ref": "#/$defs/b"}}), "b": closed({"a": {"$ref": "#/$defs/a"}})}},
            ),
            "recursive",
        ),
        (closed({f"n{i}": INTEGER for i in range(25)}), "optional"),
        (closed({f"n{i}": {"anyOf": TWO} for i in range(17)}, required=[f"n{i}" for i in range(17)]), "union"),
        (closed({"n": {"type": "whole number"}}), "invalid schema"),
    ],
)
def test_schemas_that_the_api_does_not_take(backend, schema, why):
    with pytest.raises(anthropic.BadRequestError, match=why):
        backend.ask("Anything", output_config={"format": {"type": "json_schema", "schema": schema}})


def test_structured_output_does_not_go_with_citations(backend):
    source = {"type": "text", "media_type": "text/plain", "data": "Bergen has 289,000 people."}
    document = {"type": "document", "source": source, "citations": {"enabled": True}}
    schema = {"format": {"type": "json_schema", "schema": closed({"n": INTEGER})}}
    with pytest.raises(anthropic.BadRequestError, match="citations"):
        backend.ask([document, {"type": "text", "text": "Anything"}], output_config=schema)


def test_max_tokens_and_stop_sequences_end_an_answer(backend):
    cut = backend.ask("Say hello", max_tokens=12)
    assert cut.stop_reason == "max_tokens" and cut.usage.output_tokens <= 12
    stopped = backend.ask("Say hello", stop_sequences=["grüße"])
    assert (stopped.stop_reason, stopped.stop_sequence) == ("stop_sequence", "grüße")
    assert text_of(stopped) == "Hello, **world**: "
    empty = backend.ask("Say hello", max_tokens=0)
    assert (empty.content, empty.stop_reason) == ([], "max_tokens")


def test_an_edited_history_is_refused_and_a_stripped_one_is_not(backend):
    first = backend.ask("Say hello")
    history = turn("Say hello", first)
    backend.ask("Say hello", history)
    edited = [{"role": "user", "content": "Say Hello"}, history[1]]
    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        backend.ask("Say hello", edited)
    with pytest.raises(anthropic.BadRequestError, match="different conversation"):
        backend.ask("Say hello", history, system="Be brief.")
    stripped = [edited[0], {"role": "assistant", "content": history[1]["content"][1:]}]
    backend.ask("Say hello", stripped, system="Be brief.")
    dropped = backend.client.beta.messages.create(
        model=MODEL,
        max_tokens=1000,
        betas=["thinking-binding-controls-2026-08-01"],
        thinking={"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}},
        messages=[*edited, {"role": "user", "content": "Say hello"}],
    )
    (done,) = plain(dropped)["input_transformations"]
    assert done == {
        "type": "thinking_dropped",
        "path": "messages.1.content.0",
        "reason": "prefix_binding_mismatch",
    }


def test_the_second_turn_reads_the_first_from_the_cache(backend):
    system = [{"type": "text", "text": f"{time.time_ns()} " + "Background. " * 400,
               "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    first = backend.ask("Say hello", system=system, diagnostics={"previous_message_id": None})
    usage = first.usage
    assert usage.cache_creation.ephemeral_1h_input_tokens == usage.cache_creation_input_tokens > 0
    assert usage.cache_read_input_tokens == 0 and first.diagnostics is None
    second = backend.ask(
        "Say hello",
        turn("Say hello", first),
        system=system,
        diagnostics={"previous_message_id": first.id},
    )
    assert second.usage.cache_read_input_tokens == usage.cache_creation_input_tokens
    assert second.usage.cache_creation_input_tokens == 0
    assert second.diagnostics is None
    changed = backend.ask(
        "Say hello", system="other", diagnostics={"previous_message_id": second.id}
    )
    assert changed.diagnostics.cache_miss_reason.type == "system_changed"


def test_tokens_are_counted_as_they_are_billed(backend):
    messages = [{"role": "user", "content": "Say hello"}]
    counted = backend.client.messages.count_tokens(model=MODEL, messages=messages)
    answered = backend.ask("Say hello")
    assert counted.input_tokens == answered.usage.input_tokens
    more = backend.client.messages.count_tokens(model=MODEL, messages=messages, tools=[CODE])
    assert more.input_tokens > counted.input_tokens


def test_counting_says_what_context_management_would_leave(backend):
    counted = backend.client.beta.messages.count_tokens(
        model=MODEL,
        betas=["context-management-2025-06-27"],
        context_management={"edits": [{"type": "clear_tool_uses_20250919"}]},
        messages=[{"role": "user", "content": "Say hello"}],
    )
    assert counted.context_management.original_input_tokens == counted.input_tokens > 0


def test_a_picture_that_is_too_large_is_named_with_its_limit(backend):
    size = (8001).to_bytes(2, "little") * 2
    data = base64.b64encode(b"GIF89a" + size + bytes(20)).decode()
    picture = {"type": "image", "source": {"type": "base64", "media_type": "image/gif", "data": data}}
    with pytest.raises(anthropic.types.ImageDimensionsTooLargeError) as refused:
        backend.ask([{"type": "text", "text": "Say hello"}, picture])
    details = refused.value.details
    assert (details.max_side_length_pixels, details.paths) == (8000, ["messages.0.content.1"])


def test_models_say_with_the_header_whether_they_summarize(backend):
    described = backend.client.beta.models.retrieve(MODEL, betas=["compact-2026-09-04"])
    assert described.capabilities.compaction.supported
    assert described.capabilities.compaction.summarize.supported
    assert backend.client.beta.models.retrieve(MODEL).capabilities.compaction is None


def test_models_are_listed_and_described(backend):
    listed = [model.id for model in backend.client.models.list(limit=3)]
    assert MODEL in listed and len(listed) == len(set(listed)) > 10
    model = backend.client.models.retrieve(MODEL)
    assert model.max_tokens == 128_000
    described = plain(model)
    assert described["capabilities"]["thinking"]["types"]["disabled"] == {"supported": False}
    with pytest.raises(anthropic.NotFoundError):
        backend.client.models.retrieve("claude-nonesuch")
    with pytest.raises(anthropic.NotFoundError):
        backend.ask("Say hello", model="claude-nonesuch")


def test_unknown_and_beta_fields_are_refused(backend):
    for extra in [{"temperature": 1.0}, {"output_format": {}}, {"thread": {"type": "create"}}]:
        with pytest.raises(anthropic.BadRequestError) as refused:
            backend.ask("Say hello", extra_body=extra)
        (name,) = extra
        message = refused.value.body["error"]["message"]
        assert message == f"{name}: Extra inputs are not permitted"
    backend.client.beta.messages.create(
        model=MODEL,
        max_tokens=100,
        betas=["message-threads-2026-08-12"],
        messages=[{"role": "user", "content": "Say hello"}],
        extra_body={"thread": {"type": "create"}},
    )


@pytest.mark.parametrize(
    ("status", "error", "attempts"),
    [
        (400, anthropic.BadRequestError, 1),
        (401, anthropic.AuthenticationError, 1),
        (403, anthropic.PermissionDeniedError, 1),
        (404, anthropic.NotFoundError, 1),
        (409, anthropic.ConflictError, 3),
        (413, anthropic.APIStatusError, 1),
        (422, anthropic.UnprocessableEntityError, 1),
        (429, anthropic.RateLimitError, 3),
        (500, anthropic.InternalServerError, 3),
        (529, anthropic.APIStatusError, 3),
    ],
)
def test_every_status_is_the_exception_it_should_be(backend, status, error, attempts):
    backend.arm(kind="status", status=status, retry_after_ms=1, times=attempts)
    before = len(backend.requests())
    with pytest.raises(error) as raised:
        backend.ask("Say hello")
    assert raised.value.status_code == status
    assert raised.value.request_id.startswith("req_")
    assert len(backend.requests()) - before == attempts
    assert text_of(backend.ask("Say hello")), "the faults are used up"


def test_retries_end_in_an_answer(backend):
    backend.arm(kind="status", status=429, retry_after="0.01")
    backend.arm(kind="status", status=529, retry_after_ms=1)
    assert backend.ask("Say hello").stop_reason == "end_turn"
    backend.arm(kind="reset")
    assert backend.ask("Say hello").stop_reason == "end_turn"
    backend.arm(kind="status", status=500, should_retry=False)
    before = len(backend.requests())
    with pytest.raises(anthropic.InternalServerError):
        backend.ask("Say hello")
    assert len(backend.requests()) - before == 1


def test_a_wrong_key_and_a_proxy_page(backend):
    with pytest.raises(anthropic.AuthenticationError):
        backend.sdk(api_key="sk-wrong").models.list()
    backend.arm(kind="status", status=413, body="<html>too large</html>")
    with pytest.raises(anthropic.APIStatusError) as raised:
        backend.ask("Say hello")
    assert raised.value.status_code == 413


def stream_of(backend):
    return backend.client.messages.stream(
        model=MODEL, max_tokens=1000, messages=[{"role": "user", "content": "Say hello"}]
    )


def test_a_stream_breaks_as_it_is_told_to(backend):
    backend.arm(kind="error", after_deltas=2)
    with pytest.raises(anthropic.APIStatusError, match="Overloaded"), stream_of(backend) as stream:
        stream.until_done()
    backend.arm(kind="cut", after_deltas=2)
    with pytest.raises(Exception, match="peer closed connection"), stream_of(backend) as stream:
        stream.until_done()


@pytest.mark.parametrize("chunks", [{"size": 1}, {"size": 100_000}, {"split_utf8": True}])
def test_any_chunking_gives_the_same_message(backend, chunks):
    backend.arm(kind="chunks", **chunks)
    with stream_of(backend) as stream:
        assert "grüße, 日本, 🎉" in text_of(stream.get_final_message())


def test_generated_text_for_benchmarks(backend):
    backend.arm(kind="deltas", count=2000, size=20)
    with stream_of(backend) as stream:
        deltas = [event for event in stream if event.type == "text"]
    assert len(deltas) == 2000


def test_a_conversation_is_summed_up_and_goes_on_from_the_summary(backend):
    first = backend.ask("Say hello")
    options = {"model": MODEL, "max_tokens": 4000, "betas": ["compact-2026-09-04"]}
    history = turn("Say hello", first)
    with backend.client.beta.messages.stream(
        messages=history, compaction={"type": "summarize"}, **options
    ) as stream:
        summed = stream.get_final_message()
    assert summed.stop_reason == "compaction"
    (block,) = summed.content
    assert block.type == "compaction" and "Say hello" in block.content and block.signature
    assert summed.usage.input_tokens == 0 and summed.usage.output_tokens == 0
    (spent,) = summed.usage.iterations
    assert spent.type == "compaction" and spent.input_tokens > 0 and spent.output_tokens > 0
    summary = {"role": "assistant", "content": [block.model_dump(exclude_unset=True)]}
    question = {"role": "user", "content": "Say hello"}
    answer = backend.client.beta.messages.create(messages=[summary, question], **options)
    assert "Hello" in text_of(answer)
    changed = {"role": "assistant", "content": [summary["content"][0] | {"content": "Nothing."}]}
    with pytest.raises(anthropic.BadRequestError) as caught:
        backend.client.beta.messages.create(messages=[changed, question], **options)
    assert caught.value.body["error"]["details"]["error_code"] == "compaction_content_mismatch"
