"""Rules of a body for itself: model, tools, content blocks, schemas, cache markers (reference 2, 3, 5, 6.1)."""

import base64
import re

from strict_models import COMPACTS, FAST, LOW_WHEN_OFF, MODELS, NEVER_FORCED, NO_CALLS_BY_CODE
from strict_values import THINKING, blocks, every_block, walk

IMAGES = {"image/jpeg", "image/png", "image/gif", "image/webp"}
LIMITS = {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum", "minLength", "maxLength", "multipleOf",
          "minItems", "maxItems", "minProperties", "maxProperties", "uniqueItems", "pattern"}  # fmt: skip
CODE_CALLERS = {"code_execution_20250825", "code_execution_20260120", "code_execution_20260521"}
WITH_REPL = {"code_execution_20260120", "code_execution_20260521"}


class Body:
    """Rules that need nothing but the request."""

    def model(self, body, counting):
        if body["model"] not in MODELS:
            return self.wrong(f"model {body['model']}")
        taken, _, efforts, _, most = MODELS[body["model"]]
        if not counting and not 0 < body["max_tokens"] <= most:
            self.wrong(f"max_tokens {body['max_tokens']}")
        if not counting and body.get("stream") is not True:
            self.wrong("not streamed")
        config = body.get("output_config") or {}
        effort = config.get("effort")
        if effort and effort not in efforts:
            self.wrong(f"effort {effort} for {body['model']}")
        if body.get("speed") == "fast" and body["model"] not in FAST:
            self.wrong(f"{body['model']} is not fast")
        choice = (body.get("tool_choice") or {}).get("type")
        if choice in ("any", "tool") and body["model"] in NEVER_FORCED:
            self.wrong(f"{body['model']} cannot be forced to call")
        thinking = body.get("thinking")
        if thinking is None:
            return
        kind = thinking["type"]
        if kind not in taken:
            self.wrong(f"thinking {kind} for {body['model']}")
        if kind in ("between_tools", "disabled"):
            if thinking.keys() != {"type"}:
                self.wrong(f"{kind} with more: {thinking}")
            if effort in ("xhigh", "max") and body["model"] in LOW_WHEN_OFF:
                self.wrong(f"{kind} with effort {effort}")
        if kind == "enabled" and not counting and not 1024 <= thinking["budget_tokens"] < body["max_tokens"]:
            self.wrong(f"budget {thinking['budget_tokens']} of {body['max_tokens']}")
        if kind == "enabled" and choice in ("any", "tool"):
            self.wrong("forced tool with manual thinking")

    def tools(self, body):
        tools = body.get("tools", [])
        defined = self.defined(body)
        names = [tool.get("name") for tool in tools]
        if len(set(names)) != len(names):
            self.wrong(f"a tool twice: {names}")
        if "tools" in body and not tools:
            self.wrong("an empty list of tools")
        for tool in defined:
            self.tool(tool, body)
        if sum(bool(tool.get("strict")) for tool in defined) > 20:
            self.wrong("more than 20 strict tools")
        if tools and all(tool.get("defer_loading") for tool in tools):
            self.wrong("every tool deferred")
        if "tool_choice" in body and not tools:
            self.wrong("tool_choice without tools")

    def tool(self, tool, body):
        kind = tool.get("type") or "custom"
        callers = set(tool.get("allowed_callers", ["direct"]))
        code = {other.get("type") for other in self.defined(body) if other.get("name") == "code_execution"}
        if tool.get("defer_loading") and tool.get("cache_control"):
            self.wrong("a deferred tool with a cache marker")
        if kind.startswith(("web_search", "web_fetch")):
            if tool.get("allowed_domains") and tool.get("blocked_domains"):
                self.wrong("both lists of domains")
            if tool.get("max_uses", 1) < 1:
                self.wrong("a tool of no uses")
            # From 20260209 on these go through code unless told otherwise.
            if kind[-8:] >= "20260209" and tool.get("allowed_callers") != ["direct"]:
                self.wrong("a search through code, whose results nobody can read")
            for domain in (tool.get("allowed_domains") or []) + (tool.get("blocked_domains") or []):
                if not re.fullmatch(r"[a-z0-9.-]+(/[^\s]*)?", domain, re.I):
                    self.wrong(f"a domain {domain!r}")
        if kind != "custom":
            return
        if not re.fullmatch(r"[a-zA-Z0-9_-]{1,128}", tool["name"]):
            self.wrong(f"tool name {tool['name']!r}")
        if tool["input_schema"].get("type") != "object":
            self.wrong("a tool's schema is no object")
        if callers & CODE_CALLERS:
            if tool.get("strict"):
                self.wrong("strict and called by code")
            if not code & WITH_REPL or body["model"] in NO_CALLS_BY_CODE:
                self.wrong(f"called by code that cannot: {sorted(code)} of {body['model']}")
            if any(inner.get("$ref") for inner in walk(tool["input_schema"])) and recursive(tool["input_schema"]):
                self.wrong("called by code with a recursive schema")
            choice = body.get("tool_choice") or {}
            if choice.get("disable_parallel_tool_use") or choice.get("type") in ("any", "tool"):
                self.wrong("called by code, and the choice of tools is not free")

    def content(self, body):
        """Blocks that a person or a tool puts in (reference 6.1)."""
        documents, images = [], 0
        for i, role, block in every_block(body):
            kind = block["type"]
            source = block.get("source") if isinstance(block.get("source"), dict) else {}
            named = block.get("file_id") or source.get("file_id")
            if named and role == "user":
                self.named_file(i, kind, named)
            if role == "user" and kind == "tool_result":
                inner = block.get("content") if isinstance(block.get("content"), list) else []
                for part in inner:
                    images += part["type"] == "image"
                    self.media(i, part)
                    if part["type"] == "text" and not part["text"].strip():
                        self.wrong(f"messages[{i}]: an empty text in a result")
            images += kind == "image"
            self.media(i, block)
            if kind == "document":
                documents.append(bool((block.get("citations") or {}).get("enabled")))
        if images > 600:
            self.wrong(f"{images} images")
        if len(set(documents)) > 1:
            self.wrong("citations of some documents")
        if any(documents) and (body.get("output_config") or {}).get("format"):
            self.wrong("citations and a schema")

    def media(self, i, block):
        source = block.get("source")
        if block["type"] not in ("image", "document") or not isinstance(source, dict):
            return
        if source.get("type") == "base64":
            try:
                data = base64.b64decode(source["data"], validate=True)
            except ValueError:
                return self.wrong(f"messages[{i}]: base64 that is none")
            if block["type"] == "image":
                if source["media_type"] not in IMAGES:
                    self.wrong(f"messages[{i}]: an image of {source['media_type']}")
                if len(source["data"]) > 10_000_000:
                    self.wrong(f"messages[{i}]: an image of {len(source['data'])} bytes")
                if not data:
                    self.wrong(f"messages[{i}]: an empty image")
            elif not data.startswith(b"%PDF"):
                self.wrong(f"messages[{i}]: a PDF that is none")
        if source.get("type") == "text" and not source["data"].strip():
            self.wrong(f"messages[{i}]: an empty document")

    def named_file(self, i, kind, id):
        if id not in self.files:
            return self.wrong(f"messages[{i}]: unknown file {id}")
        mime = self.files[id]["mime_type"]
        if kind == "image" and mime not in IMAGES:
            self.wrong(f"messages[{i}]: {mime} as an image")
        if kind == "document" and mime not in ("application/pdf", "text/plain"):
            self.wrong(f"messages[{i}]: {mime} as a document")

    def schema(self, body):
        """A structured result (reference 2.2)."""
        schema = ((body.get("output_config") or {}).get("format") or {}).get("schema")
        if not schema:
            return
        optional = unions = 0
        for inner in subschemas(schema):
            if inner.get("type") == "object" or "properties" in inner:
                if inner.get("additionalProperties") is not False:
                    self.wrong("an open schema")
                names = set(inner.get("properties") or {})
                optional += len(names - set(inner.get("required") or []))
            unions += isinstance(inner.get("type"), list) or isinstance(inner.get("anyOf"), list)
            if limits := inner.keys() & LIMITS:
                self.wrong(f"a schema with {limits}")
            reference = inner.get("$ref")
            if isinstance(reference, str) and not reference.startswith("#"):
                self.wrong(f"a schema from outside: {reference}")
        if optional > 24:
            self.wrong(f"a schema of {optional} optional fields")
        if unions > 16:
            self.wrong(f"a schema of {unions} unions")
        if recursive(schema):
            self.wrong("a recursive schema")

    def caching(self, body):
        marked = []
        places = [("tools", tool) for tool in body.get("tools", [])]
        places += [("system", block) for block in blocks(body.get("system", []))]
        places += [(role, block) for _, role, block in every_block(body)]
        for place, block in places:
            inside = ((block.get("tool") or {}).get("definition") or {}).get("cache_control")
            if inside and block.get("cache_control"):
                self.wrong("a cache marker on a definition and on its block")
            if marker := block.get("cache_control") or inside:
                marked.append(marker.get("ttl", "5m"))
                if place == "assistant" or block.get("type") in THINKING:
                    self.wrong(f"a cache marker on what the {place} said")
        if body.get("cache_control"):
            marked.append(body["cache_control"].get("ttl", "5m"))
        if len(marked) > 4:
            self.wrong(f"{len(marked)} cache markers")
        if marked != sorted(marked):
            self.wrong(f"cache markers in the order {marked}")

    def compaction(self, body):
        """A summary on demand, and the block that stands for one (reference 2.5)."""
        summaries = [(i, block) for i, _, block in every_block(body) if block["type"] == "compaction"]
        if len(summaries) > 1:
            self.wrong("compaction: more than one summary")
        if summaries and body["messages"] and blocks(body["messages"][0]["content"])[0] is not summaries[0][1]:
            self.wrong("compaction: the summary does not come first")
        if summaries and body["model"] not in COMPACTS:
            self.wrong(f"compaction: {body['model']} takes no summary")
        if "compaction" not in body:
            return
        if body["model"] not in COMPACTS:
            self.wrong(f"compaction: {body['model']} cannot")
        for field in ("stop_sequences", "context_management"):
            if field in body:
                self.wrong(f"compaction: with {field}")
        if (body.get("output_config") or {}).get("format"):
            self.wrong("compaction: with a schema")
        if (body.get("tool_choice") or {}).get("type") in ("any", "tool"):
            self.wrong("compaction: with a forced call")
        if not any(role == "assistant" and block["type"] != "compaction" for _, role, block in every_block(body)):
            self.wrong("compaction: nothing to sum up")


def subschemas(schema):
    """A schema and those inside it; the names of properties are no keywords."""
    if not isinstance(schema, dict):
        return
    yield schema
    for field in ("properties", "$defs", "definitions"):
        for inner in (schema.get(field) or {}).values():
            yield from subschemas(inner)
    for field in ("anyOf", "oneOf", "allOf"):
        for inner in schema.get(field) or []:
            yield from subschemas(inner)
    for field in ("items", "additionalProperties"):
        yield from subschemas(schema.get(field))


def recursive(schema):
    """Whether a definition leads back to itself."""
    named = {**schema.get("definitions", {}), **schema.get("$defs", {})} if isinstance(schema, dict) else {}
    leads = {
        name: {inner["$ref"].rsplit("/", 1)[-1] for inner in walk(within) if isinstance(inner.get("$ref"), str)}
        for name, within in named.items()
    }
    if any(inner.get("$ref") == "#" for inner in walk(schema)):
        return True
    for name in leads:
        seen, open_names = set(), list(leads[name])
        while open_names:
            found = open_names.pop()
            if found == name:
                return True
            if found not in seen:
                seen.add(found)
                open_names += leads.get(found, ())
    return False
