"""What a conversation may lose: a thinking block that would be accepted where it stood belongs into the request (reference 14.1)."""

from strict_follow import Refused
from strict_values import THINKING, bare, blocks, is_blank, seal, written


class Kept:
    """Its own simple model of thinking that may be sent; it knows nothing of why a kernel would leave some out."""

    def __init__(self):
        # Seals of blocks that an answered request did without: they stay away, as what came after was made without them.
        self.lost = set()
        # Seals that a request was refused for.
        self.disowned = set()

    def kept(self, body):
        """Complains about thinking that was left out without need."""
        if not self.strips(body):
            for path, id in self.missing(body):
                self.wrong(f"{path}: {id} would be accepted, and is left out")

    def strips(self, body):
        """Whether this is a repair: the same once more, without any thinking."""
        repairs = self.past is not None and isinstance(self.past[1], Refused) and self.past[1].status == 400
        return repairs and not any(block["type"] in THINKING for message in body["messages"] for block in blocks(message["content"]))

    def settle(self, body):
        """A request was answered: what it did without is lost for good, with reason or not."""
        self.lost |= {seal(block) for _, _, block, is_sent in self.walk(body) if not is_sent}

    def missing(self, body):
        """(path, seal) of each block that was left out, and would be accepted where it stood."""
        previous = None
        for path, prefix, block, is_sent in self.walk(body):
            id = seal(block)
            fits = id in self.bound and not list(self.loosened(block, prefix, previous))
            if not is_sent and id and id not in self.lost | self.disowned and fits:
                yield path, id
            if is_sent:
                previous = id

    def walk(self, body):
        """(path, what stands before it, block, whether it is sent) of all thinking of the answers that a request carries."""
        prefix = self.prefix(body)
        for i, message in enumerate(body["messages"]):
            content = [bare(block) for block in blocks(message["content"])]
            answer = self.origin(content) if message["role"] == "assistant" else None
            for n, block, is_sent in aligned(answer, content):
                if block["type"] in THINKING:
                    # At the end of an answer it is nothing that a request may carry.
                    last = all(is_blank(later) or later["type"] in THINKING for later in content[n:])
                    if is_sent or not last:
                        yield f"messages[{i}][{n}]", list(prefix), block, is_sent
                else:
                    prefix += self.binds(message["role"], block)


def aligned(answer, content):
    """(how many blocks are sent before it, block, whether it is sent): the blocks of a message, and between them the
    thinking of its answer that was left out. Behind a call or a result that is not sent as it came none is missed: a thought may be
    bound to the block before it."""
    places = answer and answer.places(content, [written(block) for block in content])
    if not places:
        return [(n, block, True) for n, block in enumerate(content)]
    found, at, is_changed = [], 0, False
    for n, (place, block) in enumerate(zip(places, content)):
        found += [(n, whole, False) for whole in answer.content[at:place] if whole["type"] in THINKING and not is_changed]
        found.append((n, block, True))
        was = answer.content[place]
        is_changed = is_changed or any(block.get(key) != was.get(key) for key in ("input", "content"))
        at = place + 1
    if not is_changed:
        found += [(len(content), whole, False) for whole in answer.content[at:] if whole["type"] in THINKING]
    return found
