"""Rules of a conversation: order, what was said goes back as it came, thinking stays bound
to what it saw, tools that come and go (reference 2.6, 5, 6.6, 8, 14.1)."""

import json

from strict_answers import Answer, without
from strict_models import MODELS, checks_prefix
from strict_values import CALLS, CHANGES, THINKING, all_joined, bare, blocks, every_block, is_blank, is_broken_call, seal, written


class History:
    """Rules that need to know what was answered before."""

    def order(self, body):
        messages = body["messages"]
        first = blocks(messages[0]["content"])[:1] if messages else []
        if not messages or messages[0]["role"] != "user" and (first and first[0]["type"]) != "compaction":
            self.wrong("the first message is not the user's")
        for i, message in enumerate(messages):
            content, role = blocks(message["content"]), message["role"]
            if not content:
                self.wrong(f"messages[{i}] is empty")
            for block in content:
                kind = block["type"]
                theirs = (*THINKING, "tool_use", "server_tool_use", "compaction", "fallback")
                if role == "user" and (kind in theirs or kind.endswith("_tool_result")):
                    self.wrong(f"messages[{i}]: {kind} of the user")
                if role != "assistant" and kind == "text" and block.get("citations"):
                    self.wrong(f"messages[{i}]: {kind} of the user with citations")
                for inner in block.get("content") if isinstance(block.get("content"), list) else []:
                    if role == "user" and inner.get("type") == "text" and inner.get("citations"):
                        self.wrong(f"messages[{i}]: {kind} of the user with citations")
                if role == "assistant" and kind in ("tool_result", "image", "document", "search_result"):
                    self.wrong(f"messages[{i}]: {kind} of the assistant")
                if role == "system" and kind not in ("text", *CHANGES):
                    self.wrong(f"messages[{i}]: {kind} of the system")
                if role != "system" and kind in CHANGES:
                    self.wrong(f"messages[{i}]: {kind} of the {role}")
            self.texts(f"messages[{i}]", content)
            if role == "system":
                self.aside(body, i)
        if "system" in body:
            self.texts("system", blocks(body["system"]))
        last = messages[-1] if messages else {"role": "user", "content": []}
        if last["role"] == "assistant" and "compaction" not in body and not self.was_paused(last):
            self.wrong("ends with the assistant, and was not paused")

    def was_paused(self, message):
        sent = [bare(block) for block in blocks(message["content"])]
        keys = [written(block) for block in sent]
        return any(answer.stop == "pause_turn" and answer.is_origin(sent, keys) for answer in self.answers)

    def texts(self, place, content):
        """A text of no characters goes nowhere, white space only beside words or a call (0.1, 13)."""
        texts = [block["text"] for block in content if block["type"] == "text"]
        if "" in texts:
            self.wrong(f"{place}: text content blocks must be non-empty")
        words = any(text.strip() for text in texts) or any(block["type"] in CALLS for block in content)
        if any(text and not text.strip() for text in texts) and not words:
            self.wrong(f"{place}: text content blocks must contain non-whitespace text")

    def aside(self, body, i):
        """A system message among the others."""
        messages = body["messages"]
        message = messages[i]
        if not MODELS.get(body["model"], [None] * 4)[3]:
            self.wrong(f"a system message for {body['model']}")
        before = next((m for m in reversed(messages[:i]) if m["role"] != "system"), {"role": None, "content": []})
        after = next((m for m in messages[i + 1 :] if m["role"] != "system"), None)
        content = blocks(before["content"])
        ends = content[-1]["type"] if content else ""
        if before["role"] != "user" and not (before["role"] == "assistant" and ends.endswith("_tool_result")):
            self.wrong(f"messages[{i}]: system after {before['role']}")
        if after and after["role"] != "assistant":
            self.wrong(f"messages[{i}]: system before {after['role']}")
        if before["role"] == "user" and ends == "tool_result":
            # It is taken, but may be read as what the tool printed (0.1, 6).
            self.advise(f"messages[{i}]: system directly after a tool_result")
        changes = [block for block in blocks(message["content"]) if block["type"] in CHANGES]
        if changes and before["role"] == "assistant":
            self.wrong(f"messages[{i}]: tools change after a paused turn")
        if changes and message.get("clear_at") == "next_user_message":
            self.wrong(f"messages[{i}]: tools change in a message that goes")

    def echoes(self, body):
        """Every assistant message is an answer as it came: whole, or less what may be left out."""
        for i, message in enumerate(body["messages"]):
            if message["role"] != "assistant":
                continue
            sent = [bare(block) for block in blocks(message["content"])]
            if self.origin(sent) is None:
                self.wrong(f"messages[{i}]: nobody said {self.nearest(sent, [written(block) for block in sent])}")

    def origin(self, sent):
        """The answer that blocks are from, the newest if several will do; None if there is none."""
        keys = [written(block) for block in sent]
        return next((answer for answer in reversed(self.answers) if answer.is_origin(sent, keys)), None)

    def nearest(self, sent, keys):
        known = {key for answer in self.answers for key in answer.keys}
        return next((block for block, key in zip(sent, keys) if key not in known), sent)

    def defined(self, body):
        """Every tool a request defines, in `tools` or on the way."""
        tools = list(body.get("tools", []))
        every = [block for _, _, block in every_block(body)]
        every += [change for block in every for change in (block.get("tool_changes") or [])]
        for block in every:
            tool = block.get("tool") if block["type"] in CHANGES else None
            if tool and tool.get("type") == "tool_definition":
                tools.append(tool["definition"])
        return tools

    def summed_changes(self, body):
        """What takes `tools` to the tools in effect at the end (the `tool_changes` of a summary)."""
        effect = self.available(body)
        first = self.available({"messages": [], "tools": body.get("tools", [])})
        gone = [{"type": "tool_removal", "tool": {"type": "tool_reference", "name": name}} for name in first if name not in effect]
        new = [
            {"type": "tool_addition", "tool": {"type": "tool_definition", "definition": bare(tool)}}
            for name, tool in effect.items()
            if bare(tool) != bare(first.get(name))
        ]
        return gone + new

    def available(self, body, judged=False):
        """The tools in effect at the end, by name; what is wrong with the changes when `judged`."""
        said = self.wrong if judged else lambda problem: None
        known = {tool.get("name") or tool.get("type"): tool for tool in body.get("tools", [])}
        effect = {name: tool for name, tool in known.items() if not tool.get("defer_loading")}
        changes = []
        for i, _, block in every_block(body):
            if block["type"] == "compaction":
                changes += [(i, change) for change in block.get("tool_changes") or []]
            elif block["type"] in CHANGES:
                changes.append((i, block))
        for i, block in changes:
            tool = block["tool"]
            if tool["type"] == "tool_definition":
                new = tool["definition"]
                if block["type"] == "tool_removal":
                    said(f"messages[{i}]: a definition in a removal")
                old = known.get(new["name"])
                if old and kind(old) != kind(new):
                    said(f"messages[{i}]: tool_name_conflict {new['name']}")
                known[new["name"]] = effect[new["name"]] = new
                continue
            name = tool.get("name")
            if name not in known:
                said(f"messages[{i}]: tool_reference_unresolved {name}")
            elif block["type"] == "tool_addition":
                effect[name] = known[name]
            else:
                effect.pop(name, None)
        return effect

    def changes(self, body):
        effect = self.available(body, judged=True)
        forced = body.get("tool_choice") or {}
        if forced.get("type") == "tool" and forced["name"] not in effect:
            self.wrong(f"a choice of no tool: {forced['name']}")
        # Calls that are answered now belong to tools that are there.
        messages = [message for message in body["messages"] if message["role"] != "system"]
        if len(messages) > 1 and messages[-1]["role"] == "user":
            answers = {block.get("tool_use_id") for block in blocks(messages[-1]["content"])}
            kinds = {block["type"] for block in blocks(messages[-1]["content"])}
            offered = {tool.get("name") for tool in self.defined(body)}
            for block in blocks(messages[-2]["content"]):
                waits = block["type"] == "tool_use" and block["id"] in answers and kinds == {"tool_result"}
                if waits and block["name"] in offered - effect.keys():
                    self.wrong(f"the answer of a tool that is not there: {block['name']}")

    def thinking(self, body):
        """Nothing before a thinking block that is sent may differ from what it was made on."""
        said = self.wrong if checks_prefix(body, self.new_account) else self.advise
        if ((body.get("thinking") or {}).get("block_binding") or {}).get("prefix_mismatch_behavior") == "drop_block":
            said = lambda problem: None  # noqa: E731
        for path, previous, prefix, block in self.thoughts(body):
            if seal(block) not in self.bound:
                self.wrong(f"{path}: thinking nobody had")
                continue
            if block.get("thinking", "") != self.bound.get(("text", seal(block)), ""):
                self.wrong(f"{path}: the text of the thinking was changed")
            for problem in self.loosened(block, prefix, previous):
                said(f"{path}: {problem}")

    def loosened(self, block, prefix, previous):
        """What is wrong with a thinking block at a place; `previous` is the seal of the one before it there."""
        made_on, after = self.bound[seal(block)]
        if self.refused_keys:
            made_on = [(role, without(said, self.refused_keys)) for role, said in made_on]
        if prefix != made_on:
            yield difference(made_on, prefix)
        if previous is not None and previous != after:
            yield "a thinking block in the middle is gone, or one is back"

    def thoughts(self, body):
        prefix = self.prefix(body)
        previous = None
        for i, message in enumerate(body["messages"]):
            for j, block in enumerate(blocks(message["content"])):
                if block["type"] in THINKING:
                    yield f"messages[{i}][{j}]", previous, list(prefix), block
                    previous = seal(block)
                else:
                    prefix += self.binds(message["role"], block)

    def binds(self, role, block):
        """What thinking is bound to of a block before it; nothing, where it is one that no request may carry as it came."""
        if is_blank(block):
            return []
        if block.get("id") in self.broken:
            block = {**block, "input": None}
        return [(role, without(bare(block), self.refused_keys))]

    def prefix(self, body):
        tools = [json.dumps(bare(tool), sort_keys=True) for tool in body.get("tools", [])]
        return [("system", [block["text"] for block in blocks(body.get("system", []))]), ("tools", sorted(tools))]

    def produced(self, body, content, stop="end_turn"):
        """Notes an answer, and what every thinking block of it is bound to."""
        self.broken |= {block["id"] for block in content if is_broken_call(block)}
        content = [all_joined(block) for block in content]
        said = {"role": "assistant", "content": content}
        whole = {**body, "messages": [*body["messages"], said]}
        for _, previous, prefix, block in self.thoughts(whole):
            if seal(block) not in self.bound:
                self.bound[seal(block)] = (prefix, previous)
                self.bound["text", seal(block)] = block.get("thinking", "")
        every = [block for _, _, block in every_block(body)]
        answer = Answer(content, stop, {block["id"] for block in every if block["type"] in CALLS})
        answer.refused_keys = self.refused_keys
        self.answers.append(answer)
        return answer


def kind(tool):
    """What kind of tool it is: another date is no other kind."""
    return (tool.get("type") or "custom").rstrip("0123456789")


def difference(made_on, prefix):
    for before, now in zip(made_on, prefix):
        if before != now:
            return f"was made on {before}, stands on {now}"
    return f"was made on {len(made_on)} blocks, stands on {len(prefix)}"
