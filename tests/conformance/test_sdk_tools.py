"""The offline backend's tools that come and go in mid-conversation, as the official Python SDK sees them."""

import anthropic
import pydantic
import pytest
from anthropic.types import (
    AvailableToolsLimitExceededError,
    CompactionContentMismatchError,
    CompactionSignatureInvalidError,
    CompactionToolChangesMismatchError,
    ToolNameConflictError,
    ToolReferenceUnresolvedError,
)
from anthropic.types.beta import BetaMessageParam
from test_sdk import CODE, MODEL, WEATHER, Backend, kinds, text_of

INLINE = "inline-tools-2026-09-15"
REFERENCES = "mid-conversation-tool-changes-2026-07-01"
COMPACT = "compact-2026-09-04"

SCRIPT = """
# What is the weather?

> I must ask.

```call get_weather
{"city": "Bern"}
```

It is {{tool_result}}.

# And the tide?

```call get_tide
{"place": "Bergen"}
```

The tide is {{tool_result}}.

# Is it weather for a swim?

```call get_weather
{"city": "Bergen"}
```

Now the water.

```call get_tide
{"place": "Bergen"}
```

It is {{tool_result_1}} and {{tool_result_2}}.

# Say hello

> A greeting.

Hello.

# Count in code

```python repl
print(await get_weather({"city": "Bern"}))
```

Counted.

# Count in code without it

```python repl
try:
    await get_weather({"city": "Bern"})
except NameError as error:
    print(error)
```

Counted.

# Search

```search knots
https://a.org/one | First page | It says one.
```

Found.
"""

TIDE = {
    "name": "get_tide",
    "description": "Says how high the water is. " * 40,
    "input_schema": {"type": "object", "properties": {"place": {"type": "string"}}, "required": ["place"]},
}
OTHER_WEATHER = WEATHER | {"description": "Says what the weather is, in Fahrenheit."}


def define(definition, **more):
    return {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": definition}, **more}


def add(name):
    return {"type": "tool_addition", "tool": {"type": "tool_reference", "name": name}}


def remove(name):
    return {"type": "tool_removal", "tool": {"type": "tool_reference", "name": name}}


class Talk:
    """A conversation that grows and is sent whole each time."""

    def __init__(self, backend, **options):
        self.backend = backend
        self.messages = []
        self.options = {"model": MODEL, "max_tokens": 4000, "betas": [INLINE], **options}

    def send(self, *messages, **options):
        asked = self.messages + list(messages)
        pydantic.TypeAdapter(list[BetaMessageParam]).validate_python(asked)
        answer = self.backend.client.beta.messages.create(messages=asked, **(self.options | options))
        said = [block.model_dump(exclude_unset=True) for block in answer.content]
        self.messages = [*asked, {"role": "assistant", "content": said}]
        return answer

    def ask(self, prompt, *changes, **options):
        messages = [{"role": "user", "content": prompt}]
        if changes:
            messages.append({"role": "system", "content": list(changes)})
        return self.send(*messages, **options)

    def answer(self, text, *changes, **options):
        calls = [block for block in self.messages[-1]["content"] if block["type"] == "tool_use"]
        return self.ask(
            [{"type": "tool_result", "tool_use_id": call["id"], "content": text} for call in calls], *changes, **options
        )


def running(directory):
    backend = Backend(directory, SCRIPT)
    yield backend
    backend.process.stdin.close()
    assert backend.process.wait(timeout=10) == 0


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    yield from running(tmp_path_factory.mktemp("scripts"))


@pytest.fixture
def another(tmp_path):
    """One whose recorded requests are nobody else's: they may be large."""
    yield from running(tmp_path)


@pytest.fixture
def talk(backend):
    return Talk(backend)


def called(message):
    return [block.name for block in message.content if block.type == "tool_use"]


def test_a_tool_comes_and_changes_and_goes_and_comes_back(talk):
    assert "does not offer" in text_of(talk.ask("What is the weather?"))
    assert called(talk.ask("What is the weather?", define(WEATHER))) == ["get_weather"]
    assert text_of(talk.answer("sunny")) == "It is sunny."
    assert called(talk.ask("What is the weather?", define(OTHER_WEATHER))) == ["get_weather"]
    # What is taken away after the call still gets its result.
    assert text_of(talk.answer("70", remove("get_weather"))) == "It is 70."
    assert "does not offer" in text_of(talk.ask("What is the weather?"))
    assert called(talk.ask("What is the weather?", add("get_weather"))) == ["get_weather"]
    # A tool that comes with a result is there at once.
    talk.answer("sunny", define(TIDE))
    assert called(talk.ask("And the tide?")) == ["get_tide"]


def test_what_was_thought_and_cached_outlives_a_change_by_message_alone(backend):
    marked = {"type": "ephemeral"}
    system = [{"type": "text", "text": "Background. " * 400, "cache_control": marked}]
    talk = Talk(backend, system=system, tools=[WEATHER])
    first = talk.ask("Say hello")
    assert kinds(first) == ["thinking", "text"]
    prefix = first.usage.cache_creation_input_tokens + first.usage.cache_read_input_tokens
    assert prefix > 0
    changed = talk.ask(
        "Say hello", define(TIDE, cache_control=marked), diagnostics={"previous_message_id": first.id}
    )
    assert changed.usage.cache_read_input_tokens == prefix
    written = changed.usage.cache_creation_input_tokens
    assert written > 300, "the definition is written where it stands"
    assert changed.diagnostics is None
    later = talk.ask("Say hello", remove("get_weather"), diagnostics={"previous_message_id": changed.id})
    assert later.usage.cache_read_input_tokens == prefix + written
    assert later.diagnostics is None

    with pytest.raises(anthropic.BadRequestError, match="Invalid `signature` in `thinking` block"):
        talk.ask("Say hello", tools=[WEATHER, TIDE])
    # So is a change whose place in the history is edited.
    moved = Talk(backend, system=system, tools=[WEATHER])
    moved.messages = [message for message in talk.messages if message["role"] != "system"]
    with pytest.raises(anthropic.BadRequestError, match="different conversation"):
        moved.ask("Say hello")
    stripped = Talk(backend, system=system, tools=[WEATHER, TIDE])
    for message in moved.messages:
        said = message["content"]
        if message["role"] == "assistant":
            said = [block for block in said if block["type"] != "thinking"]
        stripped.messages.append({"role": message["role"], "content": said})
    missed = stripped.ask("Say hello", diagnostics={"previous_message_id": later.id})
    assert missed.usage.cache_read_input_tokens == 0
    assert missed.diagnostics.cache_miss_reason.type == "tools_changed"


def test_the_first_tool_of_all_costs_one_miss(backend):
    system = [{"type": "text", "text": "Foreground. " * 400, "cache_control": {"type": "ephemeral"}}]
    talk = Talk(backend, system=system)
    first = talk.ask("Say hello")
    assert talk.ask("Say hello").usage.cache_read_input_tokens == first.usage.cache_creation_input_tokens
    assert talk.ask("Say hello", define(TIDE)).usage.cache_read_input_tokens == 0
    assert talk.ask("Say hello").usage.cache_read_input_tokens == first.usage.cache_creation_input_tokens


def test_a_deferred_tool_waits_until_it_is_named(backend):
    deferred = TIDE | {"defer_loading": True}
    talk = Talk(backend, tools=[WEATHER, deferred], betas=[REFERENCES])
    first = talk.ask("And the tide?")
    assert "does not offer" in text_of(first)
    without = Talk(backend, tools=[WEATHER]).ask("And the tide?")
    assert first.usage.input_tokens == without.usage.input_tokens, "it is not in the prompt"
    second = talk.ask("And the tide?", add("get_tide"))
    assert called(second) == ["get_tide"]
    assert second.usage.input_tokens > first.usage.input_tokens + 300
    # One that nobody has named may still come; the one that was named may not change.
    spare = {"name": "spare", "input_schema": {"type": "object"}, "defer_loading": True}
    talk.answer("high", tools=[WEATHER, deferred, spare])
    talk.ask("Say hello")
    with pytest.raises(anthropic.BadRequestError, match="different conversation"):
        talk.ask("Say hello", tools=[WEATHER, deferred | {"description": "Other."}])


def test_a_server_tool_comes_by_message(talk):
    search = {"type": "web_search_20260318", "name": "web_search", "allowed_callers": ["direct"]}
    assert "Not searched" in text_of(talk.ask("Search"))
    found = talk.ask("Search", define(search))
    assert kinds(found) == ["server_tool_use", "web_search_tool_result", "text"]
    assert found.usage.server_tool_use.web_search_requests == 1
    assert "Not searched" in text_of(talk.ask("Search", remove("web_search")))


def test_code_calls_only_what_is_in_effect(backend):
    talk = Talk(backend, tools=[CODE])
    by_code = WEATHER | {"allowed_callers": ["code_execution_20260120"]}
    asked = talk.ask("Count in code", define(by_code))
    assert kinds(asked) == ["server_tool_use", "tool_use"]
    container = asked.container.id
    # A change beside the result does not keep the code from going on.
    done = talk.answer("sunny", define(TIDE), container=container)
    assert done.content[0].content.stdout == "sunny\n"
    gone = talk.ask("Count in code without it", remove("get_weather"), container=container)
    assert gone.content[1].content.stdout == "name 'get_weather' is not defined\n"
    back = talk.ask("Count in code", add("get_weather"), container=container)
    assert back.stop_reason == "tool_use"
    with pytest.raises(anthropic.BadRequestError, match="no `code_execution` tool was provided"):
        talk.answer("sunny", remove("code_execution"), container=container)


def test_a_summary_keeps_what_changed(backend):
    talk = Talk(backend, tools=[WEATHER], betas=[INLINE, COMPACT])
    talk.ask("Say hello", define(TIDE | {"cache_control": {"type": "ephemeral"}}), remove("get_weather"))
    talk.ask("Say hello", define({"name": "brief", "input_schema": {"type": "object"}}))
    talk.ask("Say hello", remove("brief"))
    with backend.client.beta.messages.stream(
        messages=talk.messages, compaction={"type": "summarize"}, **talk.options
    ) as stream:
        (block,) = stream.get_final_message().content
    removal, addition = block.tool_changes
    assert (removal.type, removal.tool.name) == ("tool_removal", "get_weather")
    assert addition.type == "tool_addition" and addition.tool.type == "tool_definition"
    assert addition.tool.definition.name == "get_tide"
    summary = block.model_dump(exclude_unset=True)
    assert summary["tool_changes"][1]["tool"]["definition"] == TIDE

    def resumed(**changed):
        talk = Talk(backend, tools=[WEATHER], betas=[INLINE, COMPACT])
        talk.messages = [{"role": "assistant", "content": [summary | changed]}]
        return talk

    talk = resumed()
    assert called(talk.ask("And the tide?")) == ["get_tide"]
    talk.answer("high")
    assert "does not offer" in text_of(talk.ask("What is the weather?"))
    assert called(talk.ask("What is the weather?", add("get_weather"))) == ["get_weather"]
    talk.answer("sunny")
    # What the range both brought and took is gone with it.
    with pytest.raises(ToolReferenceUnresolvedError):
        resumed().ask("Say hello", add("brief"))
    assert resumed().ask("Say hello", define({"name": "brief", "input_schema": {"type": "object"}}))

    again = talk.send(compaction={"type": "summarize"}).content[0]
    assert [change.type for change in again.tool_changes] == ["tool_addition"], "the weather is back"

    with pytest.raises(CompactionToolChangesMismatchError):
        resumed(tool_changes=[]).ask("Say hello")
    with pytest.raises(CompactionToolChangesMismatchError):
        resumed(tool_changes=summary["tool_changes"][::-1]).ask("Say hello")
    with pytest.raises(CompactionToolChangesMismatchError):
        resumed(tool_changes=None).ask("Say hello")
    with pytest.raises(CompactionContentMismatchError):
        resumed(content="Nothing.").ask("Say hello")
    with pytest.raises(CompactionSignatureInvalidError):
        resumed(signature="c2lnbmF0dXJl").ask("Say hello")
    with pytest.raises(anthropic.BadRequestError, match="tool_changes.0"):
        resumed(tool_changes=[{"type": "tool_addition"}]).ask("Say hello")


def test_a_summary_without_changes_says_so(backend):
    talk = Talk(backend, tools=[WEATHER], betas=[INLINE, COMPACT])
    talk.ask("Say hello", define(WEATHER), remove("get_weather"))
    talk.ask("Say hello", add("get_weather"))
    (block,) = talk.send(compaction={"type": "summarize"}).content
    assert block.tool_changes == []


def test_what_cannot_be_done_is_the_documented_error(another):
    talk = Talk(another)
    small = {"input_schema": {"type": "object"}}
    for changes, error in [
        ([add("get_weather")], ToolReferenceUnresolvedError),
        ([remove("get_weather")], ToolReferenceUnresolvedError),
        ([define({"type": "web_search_20260318", "name": "web_search"}), define({"name": "web_search"} | small)],
         ToolNameConflictError),
        ([define({"name": f"t{n}"} | small) for n in range(10_001)], AvailableToolsLimitExceededError),
        ([define({"name": f"t{n}", "defer_loading": True} | small) for n in range(10_001)],
         AvailableToolsLimitExceededError),
        ([define({"name": f"t{n}", "description": "x" * 2_200_000} | small) for n in range(2)],
         AvailableToolsLimitExceededError),
    ]:
        with pytest.raises(error) as refused:
            talk.ask("Say hello", *changes)
        assert refused.value.status_code == 400
        with pytest.raises(error):
            talk.backend.client.beta.messages.count_tokens(
                model=MODEL, betas=[INLINE],
                messages=[{"role": "user", "content": "Say hello"}, {"role": "system", "content": changes}],
            )
    with pytest.raises(anthropic.BadRequestError, match="Input tag 'tool_definition'"):
        talk.ask("Say hello", define(WEATHER), betas=[REFERENCES])
    with pytest.raises(anthropic.BadRequestError, match="Input tag 'tool_addition'"):
        talk.ask("Say hello", define(WEATHER), betas=[COMPACT])
    with pytest.raises(anthropic.BadRequestError, match="not supported by claude-sonnet-5"):
        talk.ask("Say hello", define(WEATHER), model="claude-sonnet-5")


def test_tokens_of_a_change_are_counted(backend):
    def count(*changes, tools=(WEATHER,)):
        messages = [{"role": "user", "content": "Say hello"}]
        if changes:
            messages.append({"role": "system", "content": list(changes)})
        return backend.client.beta.messages.count_tokens(
            model=MODEL, betas=[INLINE], tools=tools, messages=messages
        ).input_tokens

    plain, defined, removed = count(), count(define(TIDE)), count(remove("get_weather"))
    assert defined > plain + 300 and plain < removed < plain + 50
    answered = Talk(backend, tools=[WEATHER]).ask("Say hello", define(TIDE))
    assert answered.usage.input_tokens == defined


def test_the_sdks_own_runner_changes_its_tools(backend):
    @anthropic.beta_tool
    def get_weather(city: str) -> str:
        """Weather of a city."""
        return f"fine in {city}"

    @anthropic.beta_tool
    def get_tide(place: str) -> str:
        """Tide at a place."""
        return f"high in {place}"

    runner = backend.client.beta.messages.tool_runner(
        model=MODEL, max_tokens=4000, tools=[get_weather], betas=[INLINE],
        messages=[{"role": "user", "content": "Is it weather for a swim?"}],
    )
    answers = []
    for message in runner:
        answers.append(message)
        if called(message) == ["get_weather"]:
            runner.add_tools(get_tide)
        elif called(message) == ["get_tide"]:
            runner.remove_tools("get_weather")
    assert text_of(answers[-1]) == "It is fine in Bergen and high in Bergen."
    sent = backend.requests()[-1]["body"]
    changes = [block["type"] for message in sent["messages"] if message["role"] == "system"
               for block in message["content"]]
    assert changes == ["tool_addition", "tool_removal"] and len(sent["tools"]) == 1


def test_an_older_deployment_refuses_the_header(talk):
    talk.backend.arm(kind="unknown_beta")
    assert talk.ask("Say hello", betas=[COMPACT])
    with pytest.raises(anthropic.BadRequestError, match="anthropic-beta") as refused:
        talk.ask("Say hello", define(WEATHER))
    assert "details" not in refused.value.body["error"]
    assert talk.ask("Say hello", define(WEATHER))
