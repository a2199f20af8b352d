"""Byte-level BPE as GPT-2 has it: a trainer, and the encoder by the definition, which applies the
first merge in the list that is possible until none is. Slow on long words, and independent of the
implementation that Fovea has in C++, whose tests use it."""
import collections
import unicodedata

CONTRACTIONS = ("'s", "'t", "'re", "'ve", "'m", "'ll", "'d")
SPACES = set("\t\n\v\f\r \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000") | {
    chr(c) for c in range(0x2000, 0x200B)
}


def kind(c: str) -> str:
    if c in SPACES:
        return "space"
    return {"L": "letter", "N": "number"}.get(unicodedata.category(c)[0], "other")


def words(text: str) -> list:
    """What GPT-2's regular expression cuts a text into."""
    result, i = [], 0
    while i < len(text):
        start = i
        contraction = next((c for c in CONTRACTIONS if text.startswith(c, i)), None)
        if contraction:
            i += len(contraction)
        else:
            # One space belongs to the word, number or punctuation behind it.
            first = i + 1 if text[i] == " " and i + 1 < len(text) else i
            of = kind(text[first])
            if of != "space":
                i = first
            else:
                of = "space"
            while i < len(text) and kind(text[i]) == of:
                i += 1
            if of == "space" and i < len(text) and i - start > 1:
                i -= 1
        result.append(text[start:i])
    return result


def byte_alphabet() -> list:
    """The printable character that stands for each byte."""
    printable = [*range(0x21, 0x7F), *range(0xA1, 0xAD), *range(0xAE, 0x100)]
    others = [b for b in range(256) if b not in printable]
    table = {b: chr(b) for b in printable} | {b: chr(0x100 + i) for i, b in enumerate(others)}
    return [table[b] for b in range(256)]


ALPHABET = byte_alphabet()


def spell(text: str) -> str:
    return "".join(ALPHABET[b] for b in text.encode("utf-8"))


def train(texts: list, merges: int) -> list:
    """The pairs that are most frequent, one after the other; of several the first in order."""
    counts = collections.Counter(spell(word) for text in texts for word in words(text))
    spelled = [(list(word), count) for word, count in sorted(counts.items())]
    pairs, places = collections.Counter(), collections.defaultdict(set)
    for index, (symbols, count) in enumerate(spelled):
        for pair in zip(symbols, symbols[1:]):
            pairs[pair] += count
            places[pair].add(index)
    result = []
    for _ in range(merges):
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        result.append(best)
        for index in places[best].copy():
            symbols, count = spelled[index]
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] -= count
                places[pair].discard(index)
            symbols[:] = merged(symbols, best)
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] += count
                places[pair].add(index)
        del pairs[best]
    return result


def merged(symbols: list, pair: tuple) -> list:
    """All occurrences of a pair as one symbol, from the left."""
    result, i = [], 0
    while i < len(symbols):
        if tuple(symbols[i : i + 2]) == pair:
            result.append(pair[0] + pair[1])
            i += 2
        else:
            result.append(symbols[i])
            i += 1
    return result


def apply_merges(symbols: list, ranks: dict) -> list:
    """The definition: the pair of the lowest rank, the leftmost of several, until there is none."""
    while True:
        known = [(ranks[p], i) for i, p in enumerate(zip(symbols, symbols[1:])) if p in ranks]
        if not known:
            return symbols
        _, i = min(known)
        symbols = symbols[:i] + [symbols[i] + symbols[i + 1]] + symbols[i + 2 :]


class Encoder:
    def __init__(self, vocabulary: dict, merges: list):
        self.vocabulary = vocabulary
        self.ranks = {tuple(pair): rank for rank, pair in enumerate(merges)}
        self.known = {}

    def encode(self, text: str) -> list:
        return [id for word in words(text) for id in self.encode_word(word)]

    def encode_word(self, word: str) -> list:
        if word not in self.known:
            symbols = apply_merges(list(spell(word)), self.ranks)
            self.known[word] = [self.vocabulary[symbol] for symbol in symbols]
        return self.known[word]


def vocabulary_of(merges: list, special: list) -> dict:
    tokens = [*special, *sorted(ALPHABET), *(left + right for left, right in merges)]
    return {token: id for id, token in enumerate(dict.fromkeys(tokens))}


def added(token: str, id: int) -> dict:
    flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": False}
    return {"id": id, "content": token, **flags, "special": True}


def tokenizer_json(merges: list, special: list) -> dict:
    vocabulary = vocabulary_of(merges, special)
    byte_level = {"add_prefix_space": False, "trim_offsets": True, "use_regex": True}
    return {
        "version": "1.0",
        "truncation": None,
        "padding": None,
        "added_tokens": [added(token, vocabulary[token]) for token in special],
        "normalizer": None,
        "pre_tokenizer": {"type": "ByteLevel", **byte_level},
        "post_processor": {"type": "ByteLevel", **byte_level},
        "decoder": {"type": "ByteLevel", **byte_level},
        "model": {
            "type": "BPE",
            "dropout": None,
            "unk_token": None,
            "continuing_subword_prefix": None,
            "end_of_word_suffix": None,
            "fuse_unk": False,
            "byte_fallback": False,
            "ignore_merges": False,
            "vocab": vocabulary,
            "merges": [" ".join(pair) for pair in merges],
        },
    }
