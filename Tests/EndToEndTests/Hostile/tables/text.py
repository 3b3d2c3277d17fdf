"""Text that was made to do harm."""

from hostile import file, sparse


@file("keys-1000005.jsonl", "data.limit.columns", "data.limit.row")
def _():
    return b'{"id":"a","x":1,' + b",".join(b'"k%d":1' % n for n in range(1_000_005)) + b"}\n"


@file("keys-inside.jsonl", "data.limit.columns")
def _():
    return b'{"id":"a","x":1,"z":{' + b",".join(b'"k%d":1' % n for n in range(100_000)) + b"}}\n"


@file("key-new-in-each-row.jsonl", "data.limit.columns", "attempt.time")
def _():
    return b"".join(b'{"id":"a","x":1,"k%d":1}\n' % n for n in range(150_000))


@file("digits.jsonl", "data.value", "data.format", "data.limit.row")
def _():
    return b'{"id":"a","x":1' + b"0" * 10_000_000 + b"}\n"


@file("text-open.jsonl", "data.limit.row", "data.format")
def _():
    return b'{"id":"' + b"a" * 40_000_000


@file("escapes.jsonl", "data.format")
def _():
    return b'{"id":"\\ud800\\ud800\\q","x":1}\n'


@file("bytes.jsonl", "data.value")
def _():
    return b'{"id":"\xff\xfe\xc0\x80","x":1}\n'


@file("array-of-rows.json", "data.format", "data.limit.row", "data.limit.nesting")
def _():
    return b"[" + b",".join(b'{"id":"a","x":1}' for _ in range(2_000_000)) + b"]"


@file("colons.jsonl", "data.format", "data.limit.nesting")
def _():
    return b"{" * 1_000_000 + b"\n" + b":" * 1_000_000


@file("header-alone-long.csv", "data.limit.row", "data.limit.columns", "attempt.time")
def _():
    return b"," * 20_000_000


@file("header-alike.csv", "done")
def _():
    return b"id,x," + b",".join([b"f"] * 90_000) + b"\na,1," + b",".join([b"1"] * 90_000) + b"\n"


@file("quotes.csv", "data.format", "data.limit.row", "data.value", "data.columns")
def _():
    return b'id,x\n' + b'"""' * 5_000_000 + b"\n"


@file("ragged.csv", "data.format")
def _():
    return b"id,x\n" + b"".join(b"a" + b"," * (n % 50) + b"\n" for n in range(100_000))


@file("returns.csv", "data.format", "data.limit.row", "data.limit.blank", "data.columns")
def _():
    return b"id,x" + b"\r" * 100_000_000


@file("utf-16-odd.csv", "data.format", "data.columns")
def _():
    return "id,x\na,1\n".encode("utf-16") + b"\xd8"


file("zeros-after-header.csv", "data.limit.row", "data.format")(sparse(b"id,x\n", 3 * 10**9))
file("zeros.jsonl", "data.limit.row", "data.format")(sparse(b"", 3 * 10**9))
