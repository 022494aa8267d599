"""The offline backend's web, skills and thinking, as the official Python SDK sees them."""

import anthropic
import pytest
from test_sdk import CODE, MODEL, Backend, kinds, plain, text_of, turn

SEARCH = {"type": "web_search_20260318", "name": "web_search", "allowed_callers": ["direct"]}
FETCH = {"type": "web_fetch_20260318", "name": "web_fetch", "allowed_callers": ["direct"]}
UPDATES = "thinking-display-updates-2026-08-18"

SCRIPT = """
# Research

> I look it up.

```search good practice
https://a.org/one | First page | It says one: grüße.
https://docs.b.org/two | Second page | It says two.
```

> Two pages agree.

Plain. One is so.[^1] And two as well.[^1][^2]

# Research three times

```search one
https://a.org/one | First page | It says one.
```

```search two
https://b.org/two | Second page | It says two.
```

```search three
https://c.org/three | Third page | It says three.
```

Third.[^3]

# Read https://a.org/one

```fetch https://a.org/one
First page
All of it.
```

```fetch https://elsewhere.org/
Elsewhere
Nobody named it.
```

Read.

# Make a sheet

```bash
echo made
```

Made.

# Think about it

> First I plan.

```bash
echo one
```

> Now I know.

```json block
{"type": "redacted_thinking", "data": "c2VhbGVk"}
```

```json block
{"type": "thinking", "thinking": ""}
```

Done.
"""


@pytest.fixture(scope="module")
def backend(tmp_path_factory):
    backend = Backend(tmp_path_factory.mktemp("scripts"), SCRIPT)
    yield backend
    backend.process.stdin.close()
    assert backend.process.wait(timeout=10) == 0


def without_ids(value):
    """A message without what is new in every response."""
    if isinstance(value, dict):
        changing = ("id", "tool_use_id", "signature", "tool_id", "expires_at")
        return {key: without_ids(inner) for key, inner in value.items() if key not in changing}
    return [without_ids(inner) for inner in value] if isinstance(value, list) else value


def both(backend, prompt, client=None, **options):
    """The answer, after checking that the streamed one accumulates to the same."""
    options = {
        "model": MODEL,
        "max_tokens": 4000,
        "messages": [{"role": "user", "content": prompt}],
        **options,
    }
    messages = (client or backend.client).messages
    whole = messages.create(**options)
    with messages.stream(**options) as stream:
        streamed = stream.get_final_message()
    assert without_ids(plain(streamed)) == without_ids(plain(whole))
    return whole


def test_a_search_is_called_answered_counted_and_cited(backend):
    message = both(backend, "Research", tools=[SEARCH])
    assert kinds(message)[:4] == ["thinking", "server_tool_use", "web_search_tool_result", "thinking"]
    call, result = message.content[1:3]
    assert (call.name, call.input, call.caller) == ("web_search", {"query": "good practice"}, None)
    assert result.tool_use_id == call.id and result.caller.type == "direct"
    pages = result.content
    assert [page.url for page in pages] == ["https://a.org/one", "https://docs.b.org/two"]
    assert [page.title for page in pages] == ["First page", "Second page"]
    assert all(page.encrypted_content and page.page_age is None for page in pages)
    assert "".join(block.text for block in message.content if block.type == "text") == (
        "Plain. One is so. And two as well."
    )
    cited = [block for block in message.content if block.type == "text" and block.citations]
    assert [[c.url for c in block.citations] for block in cited] == [
        ["https://a.org/one"],
        ["https://a.org/one", "https://docs.b.org/two"],
    ]
    citation = cited[0].citations[0]
    assert citation.type == "web_search_result_location"
    assert (citation.cited_text, citation.title) == ("It says one: grüße.", "First page")
    assert citation.encrypted_index
    assert message.usage.server_tool_use.web_search_requests == 1
    assert message.usage.server_tool_use.web_fetch_requests is None, "no page could be fetched"
    assert message.container is None, "a direct search needs no sandbox"
    # All of it goes back as it came.
    again = backend.ask("Research", turn("Research", message), tools=[SEARCH])
    assert again.stop_reason == "end_turn"


def test_the_domains_of_a_request_hold(backend):
    def found(**options):
        message = backend.ask("Research", tools=[{**SEARCH, **options}])
        (result,) = [block for block in message.content if block.type == "web_search_tool_result"]
        cited = [c.url for block in message.content if block.type == "text" for c in block.citations or ()]
        assert set(cited) <= {page.url for page in result.content}
        return [page.url for page in result.content]

    assert found(allowed_domains=["b.org"]) == ["https://docs.b.org/two"]
    assert found(blocked_domains=["b.org"]) == ["https://a.org/one"]
    assert found(allowed_domains=["c.org"]) == []
    with pytest.raises(anthropic.BadRequestError, match="allowed_domains"):
        found(allowed_domains=["a.org"], blocked_domains=["b.org"])


def test_one_search_too_many_is_an_error_block(backend):
    message = both(backend, "Research three times", tools=[{**SEARCH, "max_uses": 2}])
    results = [block.content for block in message.content if block.type == "web_search_tool_result"]
    assert [isinstance(result, list) for result in results] == [True, True, False]
    assert results[2].type == "web_search_tool_result_error"
    assert results[2].error_code == "max_uses_exceeded"
    assert message.usage.server_tool_use.web_search_requests == 2, "what failed is not billed"
    last = message.content[-1]
    assert last.text.startswith("Third.") and not last.citations, "a page that was not shown is not cited"
    assert message.stop_reason == "end_turn"
    backend.ask("Research", turn("Research three times", message), tools=[{**SEARCH, "max_uses": 2}])


def test_by_default_code_calls_the_search_and_its_output_is_sealed(backend):
    tool = {"type": "web_search_20260318", "name": "web_search"}
    message = both(backend, "Research", tools=[tool])
    assert kinds(message)[1:5] == [
        "server_tool_use",
        "server_tool_use",
        "web_search_tool_result",
        "code_execution_tool_result",
    ]
    code, call, found, output = message.content[1:5]
    assert code.name == "code_execution" and "web_search" in code.input["code"]
    assert (call.caller.type, call.caller.tool_id) == ("code_execution_20260120", code.id)
    assert found.caller.tool_id == code.id and found.tool_use_id == call.id
    assert output.tool_use_id == code.id
    assert output.content.type == "encrypted_code_execution_result"
    assert output.content.encrypted_stdout and output.content.content == []
    backend.ask("Research", turn("Research", message), tools=[tool])
    # The oldest type knows nothing of code.
    old = backend.ask("Research", tools=[{"type": "web_search_20250305", "name": "web_search"}])
    assert "code_execution_tool_result" not in kinds(old)


def test_pages_are_fetched_if_somebody_named_them(backend):
    message = both(backend, "Read https://a.org/one", tools=[{**FETCH, "citations": {"enabled": True}}])
    read, refused = [block.content for block in message.content if block.type == "web_fetch_tool_result"]
    assert read.type == "web_fetch_result" and read.url == "https://a.org/one"
    document = read.content
    assert (document.type, document.title, document.source.data) == ("document", "First page", "All of it.")
    assert document.citations.enabled is True
    assert (refused.type, refused.error_code) == ("web_fetch_tool_result_error", "url_not_in_prior_context")
    assert message.usage.server_tool_use.web_fetch_requests == 1
    blocked = backend.ask("Read https://a.org/one", tools=[{**FETCH, "blocked_domains": ["a.org"]}])
    errors = [b.content.error_code for b in blocked.content if b.type == "web_fetch_tool_result"]
    assert errors == ["url_not_allowed", "url_not_in_prior_context"]
    backend.ask("Make a sheet", turn("Read https://a.org/one", message), tools=[FETCH, CODE])


def test_options_of_newer_tools_are_refused_on_older_ones(backend):
    for tool in [
        {"type": "web_search_20250305", "name": "web_search", "response_inclusion": "full"},
        {"type": "web_fetch_20250910", "name": "web_fetch", "use_cache": True},
        {**SEARCH, "max_content_tokens": 5},
        {**SEARCH, "max_uses": 0},
        {**SEARCH, "name": "search"},
        {"type": "web_search_20990101", "name": "web_search"},
    ]:
        with pytest.raises(anthropic.BadRequestError):
            backend.ask("Research", tools=[tool])
    with pytest.raises(anthropic.BadRequestError, match="unique"):
        backend.ask("Research", tools=[SEARCH, {"type": "web_search_20250305", "name": "web_search"}])


def test_skills_are_loaded_into_the_container(backend):
    skills = [
        {"type": "anthropic", "skill_id": "xlsx", "version": "latest"},
        {"type": "anthropic", "skill_id": "pdf"},
        {"type": "custom", "skill_id": "skill_01", "version": "skver_01"},
    ]
    message = both(backend, "Make a sheet", tools=[CODE], container={"skills": skills})
    loaded = message.container.skills
    assert [(skill.type, skill.skill_id) for skill in loaded] == [
        ("anthropic", "xlsx"),
        ("anthropic", "pdf"),
        ("custom", "skill_01"),
    ]
    assert all(skill.version and skill.version != "latest" for skill in loaded), "versions are resolved"
    kept = backend.ask("Make a sheet", tools=[CODE], container={"id": message.container.id, "skills": skills})
    assert kept.container.id == message.container.id
    bare = backend.ask("Make a sheet", tools=[CODE], container=message.container.id)
    assert bare.container.skills is None
    for container, tools in [
        ({"skills": skills}, []),
        ({"skills": [{"type": "anthropic", "skill_id": "docs"}]}, [CODE]),
        ({"skills": [{"type": "builtin", "skill_id": "pdf"}]}, [CODE]),
        ({"skills": [{"type": "anthropic"}]}, [CODE]),
        ({"skills": skills[:1] * 21}, [CODE]),
        ({"skills": [], "name": "x"}, [CODE]),
    ]:
        with pytest.raises((anthropic.BadRequestError, anthropic.NotFoundError)):
            backend.ask("Make a sheet", tools=tools, container=container)


def thoughts(message):
    return [block.thinking for block in message.content if block.type == "thinking"]


def test_thinking_is_shown_hidden_or_told_as_progress(backend):
    def ask(display, **options):
        thinking = {"type": "adaptive"} | ({"display": display} if display else {})
        return both(backend, "Think about it", tools=[CODE], thinking=thinking, **options)

    expected = ["thinking", "server_tool_use", "bash_code_execution_tool_result"]
    expected += ["thinking", "redacted_thinking", "thinking", "text"]
    shown = ask("summarized")
    assert kinds(shown) == expected
    assert thoughts(shown) == ["First I plan.", "Now I know.", ""]
    for hidden in (ask("omitted"), ask(None)):
        assert thoughts(hidden) == ["", "", ""]
    told = ask("updates", client=backend.client.beta, betas=[UPDATES])
    assert thoughts(told) == ["", "Now I know.", ""], "reasoning stays hidden, progress does not"
    assert all(block.signature for block in told.content if block.type == "thinking")
    assert [b.data for b in told.content if b.type == "redacted_thinking"] == ["c2VhbGVk"]
    with pytest.raises(anthropic.BadRequestError, match="display"):
        ask("updates")
    # Whatever was shown goes back as it came; a redacted block that is gone or other is noticed.
    history = turn("Think about it", told)
    assert backend.ask("Research", history, tools=[CODE]).stop_reason == "end_turn"
    content = history[1]["content"]
    for edited in (
        [*content[:4], *content[5:]],
        [*content[:4], {**content[4], "data": "b3RoZXI="}, *content[5:]],
        [*content[:3], {**content[3], "thinking": "Other."}, *content[4:]],
        [*content[:1], *content[3:]],
    ):
        with pytest.raises(anthropic.BadRequestError):
            backend.ask("Research", [history[0], {"role": "assistant", "content": edited}], tools=[CODE])


ADAPTIVE, DISABLED = {"type": "adaptive"}, {"type": "disabled"}
BETWEEN, MANUAL = {"type": "between_tools"}, {"type": "enabled", "budget_tokens": 1024}


@pytest.mark.parametrize(
    "model, refused, taken",
    [
        ("claude-fable-5-2", [DISABLED, MANUAL, BETWEEN], [ADAPTIVE]),
        ("claude-opus-5-5", [DISABLED, MANUAL, BETWEEN], [ADAPTIVE]),
        ("claude-sonnet-5-5", [DISABLED, MANUAL], [ADAPTIVE, BETWEEN]),
        ("claude-haiku-5-5", [MANUAL, BETWEEN], [ADAPTIVE, DISABLED]),
        ("claude-opus-5", [MANUAL, BETWEEN], [ADAPTIVE, DISABLED]),
        ("claude-sonnet-5", [MANUAL, BETWEEN], [ADAPTIVE, DISABLED]),
        ("claude-opus-4-8", [MANUAL, BETWEEN], [ADAPTIVE, DISABLED]),
        ("claude-opus-4-6", [BETWEEN], [ADAPTIVE, DISABLED, MANUAL]),
        ("claude-opus-4-5", [ADAPTIVE, BETWEEN], [DISABLED, MANUAL]),
        ("claude-haiku-4-5", [ADAPTIVE, BETWEEN], [DISABLED, MANUAL]),
    ],
)
def test_each_model_takes_the_thinking_it_takes(backend, model, refused, taken):
    for thinking in taken:
        backend.ask("Think about it", model=model, thinking=thinking)
    for thinking in refused:
        with pytest.raises(anthropic.BadRequestError, match="thinking.type"):
            backend.ask("Think about it", model=model, thinking=thinking)
    for wrong in [
        {"type": "enabled"},
        {"type": "enabled", "budget_tokens": 1023},
        {"type": "enabled", "budget_tokens": 4000},
        {"type": "between_tools", "display": "omitted"},
        {"type": "disabled", "display": "omitted"},
        {"type": "adaptive", "display": "all"},
        {"type": "adaptive", "budget_tokens": 1024},
        {"type": "adaptive", "block_binding": {"prefix_mismatch_behavior": "drop_block"}},
    ]:
        with pytest.raises(anthropic.BadRequestError):
            backend.ask("Think about it", model=model, thinking=wrong)


def test_the_highest_efforts_do_not_go_without_thinking(backend):
    for model, thinking in [("claude-sonnet-5-5", BETWEEN), ("claude-opus-5", DISABLED), ("claude-haiku-5-5", DISABLED)]:
        backend.ask("Think about it", model=model, thinking=thinking, output_config={"effort": "high"})
        for effort in ("xhigh", "max"):
            with pytest.raises(anthropic.BadRequestError, match="effort"):
                backend.ask("Think about it", model=model, thinking=thinking, output_config={"effort": effort})


def test_without_thinking_no_block_of_it_comes(backend):
    message = backend.ask("Think about it", model="claude-sonnet-5", tools=[CODE], thinking=DISABLED)
    assert "thinking" not in kinds(message)
    assert text_of(message) == "Done."
