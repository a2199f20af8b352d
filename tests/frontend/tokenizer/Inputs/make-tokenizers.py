#!/usr/bin/env python3
"""Writes the tokenizers of these tests: tiny ones, of the kinds that models have. The vocabularies
are trained on the sentences below by scripts/training/bpe.py. make-goldens.js then writes what they
give for cases.json, by Hugging Face's own implementation."""
import json
import sys
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parents[3] / "scripts"))
from training import bpe

TEXT = """The compiler reads the description, and the description reads like the model. It's the
reader who'll say whether they're clear; we've tried, and I'd rather you don't skip what I'm saying.
A query looks at the keys, the keys answer with a score, the scores become weights, and the weights
make a sum of the values. The sum of the weights is one. In 2024 there were 128 heads, 4096 keys,
and 100,000 words in the window; in 1999 there was none. Größe, Straße, café, naïve, façade, Żółw.
Мама мыла раму, и рама была чистая. 東京は日本の首都です。日本の首都は東京です。 안녕하세요 세계, 안녕.
    for (int i = 0; i < n; ++i) {
        sum += x[i] * y[i];
    }

Hello, world! Hello, World? HELLO WORLD... (hello) [world] "hello" 'world' — “hello”, world; hello."""

GPT2_REGEX = (
    r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
)
LLAMA3_REGEX = (
    r"(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3}| ?[^\s\p{L}\p{N}]+[\r\n]*"
    r"|\s*[\r\n]+|\s+(?!\S)|\s+"
)
QWEN2_REGEX = LLAMA3_REGEX.replace(r"\p{N}{1,3}", r"\p{N}")
CLIP_REGEX = r"'s|'t|'re|'ve|'m|'ll|'d|[\p{L}]+|[\p{N}]|[^\s\p{L}\p{N}]+"


def token(content, id, special=True, **flags):
    all_flags = {"single_word": False, "lstrip": False, "rstrip": False, "normalized": not special}
    return {"id": id, "content": content, **all_flags, **flags, "special": special}


def byte_level(prefix=False, regex=True):
    return {"type": "ByteLevel", "add_prefix_space": prefix, "trim_offsets": True, "use_regex": regex}


def split(pattern, behavior="Isolated", invert=False):
    return {"type": "Split", "pattern": pattern, "behavior": behavior, "invert": invert}


def bpe_model(vocabulary, merges, **options):
    defaults = {
        "dropout": None,
        "unk_token": None,
        "continuing_subword_prefix": None,
        "end_of_word_suffix": None,
        "fuse_unk": False,
        "byte_fallback": False,
        "ignore_merges": False,
    }
    return {"type": "BPE", **defaults, **options, "vocab": vocabulary, "merges": merges}


def bos_template(content, id):
    special = {"SpecialToken": {"id": content, "type_id": 0}}
    text, pair = ({"Sequence": {"id": s, "type_id": i}} for i, s in enumerate("AB"))
    return {
        "type": "TemplateProcessing",
        "single": [special, text],
        "pair": [special, text, {**special}, pair],
        "special_tokens": {content: {"id": content, "ids": [id], "tokens": [content]}},
    }


def write(name, **parts):
    whole = {"version": "1.0", "truncation": None, "padding": None, "added_tokens": []}
    whole |= {"normalizer": None, "pre_tokenizer": None, "post_processor": None, "decoder": None}
    text = json.dumps(whole | parts, ensure_ascii=False, separators=(",", ":"))
    (HERE / f"{name}.json").write_text(text + "\n", encoding="utf-8")


def byte_level_tokenizers():
    merges = bpe.train([TEXT], 120)
    vocabulary = bpe.vocabulary_of(merges, [])
    pairs = [" ".join(pair) for pair in merges]
    size = len(vocabulary)
    common = {"decoder": byte_level(), "post_processor": byte_level()}

    write("gpt2", pre_tokenizer=byte_level(), model=bpe_model(vocabulary, pairs),
          added_tokens=[token("<|endoftext|>", size)], **common)

    # " reader" is a token that no merge makes.
    whole = vocabulary | {"Ġreader": size}
    write("llama3", pre_tokenizer={"type": "Sequence", "pretokenizers": [
              split({"Regex": LLAMA3_REGEX}), byte_level(regex=False)]},
          post_processor={"type": "Sequence", "processors": [
              byte_level(), bos_template("<|begin_of_text|>", size + 1)]},
          decoder=byte_level(),
          model=bpe_model(whole, [list(pair) for pair in merges], ignore_merges=True),
          added_tokens=[token("<|begin_of_text|>", size + 1), token("<|eot_id|>", size + 2)])

    write("qwen2", normalizer={"type": "NFC"},
          pre_tokenizer={"type": "Sequence", "pretokenizers": [
              split({"Regex": QWEN2_REGEX}), byte_level(regex=False)]},
          model=bpe_model(vocabulary, pairs, continuing_subword_prefix="", end_of_word_suffix=""),
          added_tokens=[
              token("<|im_start|>", size),
              token("<|im_end|>", size + 1),
              token("<tool>", size + 2, special=False, normalized=False),
              token("xyzzy", size + 3, special=False, single_word=True),
              token("<l>", size + 4, lstrip=True),
              token("<r>", size + 5, rstrip=True),
              token("<|im_start|>x", size + 6),
              token("Cafe\u0301", size + 7, special=False),
          ], **common)

    # A sequence of cuts, as DeepSeek and StarCoder have it.
    write("starcoder", pre_tokenizer={"type": "Sequence", "pretokenizers": [
              split({"Regex": "[\r\n]"}), split({"Regex": "\\s?[A-Za-zµÀ-ÖØ-öø-ƺ]+"}),
              {"type": "Digits", "individual_digits": True},
              {"type": "Punctuation", "behavior": "Contiguous"},
              split({"String": "日本"}, "MergedWithNext"), byte_level()]},
          model=bpe_model(vocabulary, pairs), added_tokens=[token("<|endoftext|>", size)], **common)

    write("roberta", pre_tokenizer=byte_level(prefix=True),
          post_processor={"type": "RobertaProcessing", "sep": ["</s>", size + 1],
                          "cls": ["<s>", size], "trim_offsets": True, "add_prefix_space": True},
          decoder=byte_level(prefix=True), model=bpe_model(vocabulary, pairs),
          added_tokens=[token("<s>", size), token("</s>", size + 1),
                        token("<mask>", size + 2, lstrip=True)])

    clip = {**vocabulary}
    for character in list(vocabulary)[:256]:
        clip.setdefault(character + "</w>", len(clip))
    clip_merges = []
    for left, right in (("h", "e</w>"), ("t", "he</w>"), ("r", "e"), ("o", "r"), ("l", "d</w>"),
                        ("or", "ld</w>"), ("w", "orld</w>")):
        clip.setdefault(left + right, len(clip))
        clip_merges.append(f"{left} {right}")
    last = len(clip)
    write("clip", normalizer={"type": "Sequence", "normalizers": [
              {"type": "NFC"}, {"type": "Replace", "pattern": {"Regex": "\\s+"}, "content": " "},
              {"type": "Lowercase"}]},
          pre_tokenizer={"type": "Sequence", "pretokenizers": [
              split({"Regex": CLIP_REGEX}, "Removed", invert=True), byte_level()]},
          post_processor={"type": "RobertaProcessing", "sep": ["<|end|>", last + 1],
                          "cls": ["<|start|>", last], "trim_offsets": False,
                          "add_prefix_space": False},
          decoder={"type": "BPEDecoder", "suffix": "</w>"},
          model=bpe_model(clip, clip_merges, unk_token="<|end|>" if "<|end|>" in clip else None,
                          end_of_word_suffix="</w>"),
          added_tokens=[token("<|start|>", last), token("<|end|>", last + 1)])


def sentencepiece_tokenizers():
    words = [("▁" + word) for word in TEXT.split()]
    merges = train_words(words, 110)
    control = ["<unk>", "<s>", "</s>"]
    tokens = control + [f"<0x{byte:02X}>" for byte in range(256)]
    characters = sorted(set("".join(words)) - set("東日안ż"))
    tokens += [*characters, "▁▁"] + [left + right for left, right in merges]
    vocabulary = {token: id for id, token in enumerate(dict.fromkeys(tokens))}
    merges = [["▁", "▁"]] + [
        list(pair) for pair in merges if all(part in vocabulary for part in pair)
    ]
    pairs = [" ".join(pair) for pair in merges]
    specials = [token(content, id) for id, content in enumerate(control)]
    replace = {"type": "Replace", "pattern": {"String": " "}, "content": "▁"}
    back = {"type": "Replace", "pattern": {"String": "▁"}, "content": " "}
    decoders = [back, {"type": "ByteFallback"}, {"type": "Fuse"}]
    strip = {"type": "Strip", "content": " ", "start": 1, "stop": 0}
    model = bpe_model(vocabulary, pairs, unk_token="<unk>", fuse_unk=True, byte_fallback=True)

    write("llama2", normalizer={"type": "Sequence", "normalizers": [
              {"type": "Prepend", "prepend": "▁"}, replace]},
          post_processor=bos_template("<s>", 1),
          decoder={"type": "Sequence", "decoders": decoders + [strip]}, model=model,
          added_tokens=specials)

    metaspace = {"type": "Metaspace", "replacement": "▁", "prepend_scheme": "first", "split": False}
    write("mistral", pre_tokenizer=metaspace, post_processor=bos_template("<s>", 1),
          decoder={"type": "Sequence", "decoders": decoders + [strip]}, model=model,
          added_tokens=specials)

    write("gemma", normalizer=replace,
          pre_tokenizer=split({"String": " "}, "MergedWithPrevious"),
          post_processor=bos_template("<s>", 1),
          decoder={"type": "Sequence", "decoders": decoders}, model=model,
          added_tokens=specials + [token("\n\n", len(vocabulary), special=False, normalized=False)])

    # Without bytes: unknown characters become <unk>, each on its own.
    no_bytes = {t: i for t, i in vocabulary.items() if not t.startswith("<0x")}
    write("metaspace", pre_tokenizer={"type": "Metaspace", "replacement": "▁",
                                      "prepend_scheme": "always", "split": True},
          decoder={"type": "Metaspace", "replacement": "▁", "prepend_scheme": "always",
                   "split": True},
          model=bpe_model(no_bytes, pairs, unk_token="<unk>"), added_tokens=specials)


def train_words(words, count):
    """Merges within words, by their characters."""
    spelled = [list(word) for word in words]
    merges = []
    for _ in range(count):
        pairs = {}
        for symbols in spelled:
            for pair in zip(symbols, symbols[1:]):
                pairs[pair] = pairs.get(pair, 0) + 1
        best = min(pairs, key=lambda pair: (-pairs[pair], pair))
        merges.append(best)
        spelled = [bpe.merged(symbols, best) for symbols in spelled]
    return merges


def bert_tokenizer():
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = "the compiler read description like model it s hello world ' , . ! ? key weight a cafe 日 本"
    parts = "##s ##er ##r ##ing ##e ##ed ##ly ##ler ##pi com ##com unhappy un ##happy ##a ##f strasse"
    letters = [chr(c) for c in range(ord("a"), ord("z"))] + list("0123456789")
    tokens = special + words.split() + parts.split() + letters
    tokens += ["##" + c for c in "abcdefghijklmnop0123456789"]
    vocabulary = {t: id for id, t in enumerate(dict.fromkeys(tokens))}
    for name, lowercase in (("bert", True), ("bert_cased", False)):
        write(name,
              normalizer={"type": "BertNormalizer", "clean_text": True, "handle_chinese_chars": True,
                          "strip_accents": None, "lowercase": lowercase},
              pre_tokenizer={"type": "BertPreTokenizer"},
              post_processor={"type": "BertProcessing", "sep": ["[SEP]", 3], "cls": ["[CLS]", 2]},
              decoder={"type": "WordPiece", "prefix": "##", "cleanup": True},
              model={"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                     "max_input_chars_per_word": 20, "vocab": vocabulary},
              added_tokens=[token(t, i) for i, t in enumerate(special)])
    # No decoder, and the other cuts by classes.
    write("whitespace",
          normalizer={"type": "Sequence", "normalizers": [
              {"type": "NFKD"}, {"type": "StripAccents"}, {"type": "Lowercase"},
              {"type": "Strip", "strip_left": True, "strip_right": True}, {"type": "NFKC"}]},
          pre_tokenizer={"type": "Sequence", "pretokenizers": [
              {"type": "CharDelimiterSplit", "delimiter": "|"}, {"type": "Whitespace"},
              {"type": "WhitespaceSplit"}, {"type": "Digits", "individual_digits": False}]},
          model={"type": "WordPiece", "unk_token": "[UNK]", "continuing_subword_prefix": "##",
                 "max_input_chars_per_word": 100, "vocab": vocabulary},
          added_tokens=[token(t, i) for i, t in enumerate(special)])


if __name__ == "__main__":
    byte_level_tokenizers()
    sentencepiece_tokenizers()
    bert_tokenizer()
