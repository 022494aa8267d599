"""What was answered, and what of it may be sent back: as it came, or less what no request may carry (reference 6.6; 0.1, 13)."""

from strict_values import CALLS, THINKING, all_joined, bare, is_blank, is_broken_call, written


class Answer:
    """One answer: `stop` is None while, or because, it never came to its end."""

    def __init__(self, content, stop, waiting=()):
        """`waiting`: ids of calls of earlier answers, whose results this one may bring."""
        self.content = [bare(all_joined(block)) for block in content]
        self.keys = [written(block) for block in self.content]
        self.stop = stop
        self.loose = loose(self.content, waiting, stop)
        # Keys of blocks that the server was seen to refuse, and that are to be left out.
        self.refused_keys = set()

    def is_origin(self, sent, keys):
        """Whether what is sent is this answer, less what may be left out of it."""
        return self.places(sent, keys) is not None

    def places(self, sent, keys):
        """Where each block that is sent stands in this answer; None when this is not where it is from."""
        if self.stop == "refusal":
            return None
        at, kept = 0, []
        for block, key in zip(sent, keys):
            while at < len(self.keys) and not self.is_same(at, block, key):
                at += 1
            if at == len(self.keys):
                return None
            kept.append(at)
            at += 1
        if self.stop in (None, "max_tokens", "model_context_window_exceeded"):
            return kept
        left_out = set(range(len(self.content))) - set(kept)
        return kept if all(self.may_go(position) for position in left_out) else None

    def is_same(self, at, block, key):
        return self.keys[at] == key or self.is_start_of(at, block) or self.is_mended(at, block) or self.is_less(at, block)

    def is_start_of(self, at, block):
        """An answer that broke off may have come to here."""
        whole = self.content[at]
        if self.stop is not None or whole["type"] != "text" or block["type"] != "text":
            return False
        fields = {**whole, "text": "", "citations": None} == {**block, "text": "", "citations": None}
        return fields and whole["text"].startswith(block["text"])

    def is_mended(self, at, block):
        """A call whose input was no object may go back with one."""
        whole = self.content[at]
        if not is_broken_call(whole) or not isinstance(block.get("input"), dict):
            return False
        return {**whole, "input": None} == {**block, "input": None}

    def is_less(self, at, block):
        return bool(self.refused_keys) and written(without(self.content[at], self.refused_keys)) == written(block)

    def may_go(self, at):
        return self.content[at]["type"] in THINKING or is_blank(self.content[at]) or at in self.loose


def loose(content, waiting, stop):
    """Where blocks stand that have no place in a history: calls that nothing answers, results before or without
    their call, what has an id that is not its own, calls that are none."""
    uses, results = {}, {}
    for at, block in enumerate(content):
        if block["type"] in CALLS:
            uses.setdefault(block["id"], []).append(at)
        elif "tool_use_id" in block:
            results.setdefault(block["tool_use_id"], []).append(at)
    found = set()
    for id in uses.keys() | results.keys():
        use, result = uses.get(id, []), results.get(id, [])
        broken = any(is_broken_call(content[at]) for at in use)
        is_pair = len(use) == len(result) == 1 and use[0] < result[0] and is_result_of(content[use[0]].get("name"), content[result[0]])
        is_late = not use and len(result) == 1 and id in waiting
        is_open = len(use) == 1 and not result and stop == "pause_turn"
        if broken or not (is_pair or is_late or is_open):
            found.update(use, result)
    return found


def is_result_of(name, block):
    """Whether a block is of the kind that a server tool's results have; of tools that are not known, any is."""
    kinds = {"code_execution", "bash_code_execution", "text_editor_code_execution", "web_search", "web_fetch"}
    return block["type"] == f"{name}_tool_result" if name in kinds else block["type"].endswith("_tool_result")


def without(value, names):
    """A value without fields of these names."""
    if isinstance(value, dict):
        return {key: without(inner, names) for key, inner in value.items() if key not in names}
    return [without(inner, names) for inner in value] if isinstance(value, list) else value
