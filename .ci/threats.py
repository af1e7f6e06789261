"""Attacks on gateways as they have been published, each under its name, and what must come of it.

Content is made to look like a request, and requests like content, in every way in which two readers
have been known to differ. All are refused but those that have one reading; these are forwarded, and
every server must read them alike.
"""

import dataclasses


@dataclasses.dataclass
class Attack:
    """What is sent, what must come back, and what may have been forwarded.

    `%T` stands for a target that no other attack has; whoever answers `%T.evil` has been fooled.
    """

    threat: str
    name: str
    sent: bytes
    statuses: list  # Of the final responses that the client gets, in order.
    forwarded: list = ()  # Method, target and content of each request that the server may see.
    cut: bool = False  # Whether the server may see a beginning that never becomes a request.
    has: list = ()  # What the forwarded heads hold.
    lacks: list = ()  # What they do not.
    in_two: bool = False  # Whether there is a pause behind the head.


ATTACKS = []
threat = None


def attack(name, sent, *statuses, **more):
    ATTACKS.append(Attack(threat, name, sent, list(statuses), **more))


# ---- The pieces

EVIL = b"GET %T.evil HTTP/1.1\r\nHost: a.test\r\n\r\n"
LAST = b"0\r\n\r\n"
CHUNKED = b"Transfer-Encoding: chunked"
WEBSOCKET = (
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="
)


def length(content):
    return b"Content-Length: %d" % len(content.replace(b"%T", b"/r000"))


def ask(*fields, method=b"POST", target=b"%T", version=b"1.1", host=b"Host: a.test"):
    lines = [method + b" " + target + b" HTTP/" + version, *([host] if host else []), *fields]
    return b"\r\n".join(lines) + b"\r\n\r\n"


def seen(content=b"", method=b"POST", target=b"%T"):
    return (method, target, content)


def chunk(content):
    return b"%x\r\n" % len(content.replace(b"%T", b"/r000")) + content + b"\r\n"


# ---- Two framings

threat = "CL.TE"
BOTH = LAST + EVIL
attack("length first", ask(length(BOTH), CHUNKED) + BOTH, 400)
attack("coding first", ask(CHUNKED, length(BOTH)) + BOTH, 400)
attack("length of nothing", ask(CHUNKED, b"Content-Length: 0") + BOTH, 400)
attack("HTTP/1.0", ask(length(BOTH), CHUNKED, version=b"1.0") + BOTH, 400)
attack("HTTP/1.0, coding alone", ask(CHUNKED, version=b"1.0") + BOTH, 400)
attack("coding that is none", ask(length(BOTH), b"Transfer-Encoding: x") + BOTH, 400)
attack("empty coding", ask(length(BOTH), b"Transfer-Encoding:") + BOTH, 400)
attack("GET", ask(length(BOTH), CHUNKED, method=b"GET") + BOTH, 400)
attack("websocket", ask(WEBSOCKET, length(BOTH), CHUNKED, method=b"GET") + BOTH, 400)
attack("length alone", ask(length(BOTH)) + BOTH, 200, forwarded=[seen(BOTH)])

threat = "TE.CL"
INSIDE = chunk(EVIL) + LAST
attack("length of the size line", ask(b"Content-Length: 4", CHUNKED) + INSIDE, 400)
attack("coding first", ask(CHUNKED, b"Content-Length: 4") + INSIDE, 400)
attack("length twice", ask(CHUNKED, b"Content-Length: 4", length(INSIDE)) + INSIDE, 400)
attack("length malformed", ask(CHUNKED, b"Content-Length: x") + INSIDE, 400)
attack("length empty", ask(CHUNKED, b"Content-Length:") + INSIDE, 400)
attack("coding alone", ask(CHUNKED) + INSIDE, 200, forwarded=[seen(EVIL)])

threat = "CL.CL"
for name, fields in [
    ("short first", [b"Content-Length: 0", length(EVIL)]),
    ("long first", [length(EVIL), b"Content-Length: 0"]),
    ("equal", [length(EVIL), length(EVIL)]),
    ("list", [length(EVIL) + b", 0"]),
    ("list of equals", [length(EVIL) + b", 41"]),
    ("behind a comma", [b"Content-Length: ,0"]),
    ("other case", [b"content-length: 0", length(EVIL)]),
    ("beyond 2^64", [b"Content-Length: 18446744073709551616"]),
    ("beyond 2^53", [b"Content-Length: 9007199254740992"]),
    ("plus", [b"Content-Length: +0"]),
    ("minus", [b"Content-Length: -0"]),
    ("hex", [b"Content-Length: 0x0"]),
    ("two numbers", [b"Content-Length: 0 41"]),
    ("Arabic digits", [b"Content-Length: \xd9\xa0"]),
    ("vertical tab", [b"Content-Length: 0\x0b"]),
]:
    attack(name, ask(*fields) + EVIL, 400)

# Spellings of `Transfer-Encoding: chunked`, by what they are.
MALFORMED, OTHER_CODING, FIELD_OF_NO_MEANING, THE_SAME = range(4)
OBFUSCATIONS = [
    (THE_SAME, "upper case", b"TRANSFER-ENCODING: CHUNKED"),
    (THE_SAME, "mixed case", b"tRANSFER-eNCODING: cHuNkEd"),
    (THE_SAME, "no space", b"Transfer-Encoding:chunked"),
    (THE_SAME, "tab", b"Transfer-Encoding:\tchunked"),
    (THE_SAME, "many spaces", b"Transfer-Encoding:" + b" " * 300 + b"chunked"),
    (THE_SAME, "space behind", b"Transfer-Encoding: chunked "),
    (THE_SAME, "tab behind", b"Transfer-Encoding: chunked\t"),
    (OTHER_CODING, "x before", b"Transfer-Encoding: xchunked"),
    (OTHER_CODING, "x behind", b"Transfer-Encoding: chunkedx"),
    (OTHER_CODING, "a letter less", b"Transfer-Encoding: chunke"),
    (OTHER_CODING, "identity", b"Transfer-Encoding: identity"),
    (OTHER_CODING, "identity first", b"Transfer-Encoding: identity, chunked"),
    (OTHER_CODING, "cow first", b"Transfer-Encoding: cow, chunked"),
    (OTHER_CODING, "single quotes", b"Transfer-Encoding: 'chunked'"),
    (MALFORMED, "identity last", b"Transfer-Encoding: chunked, identity"),
    (MALFORMED, "twice in a list", b"Transfer-Encoding: chunked, chunked"),
    (MALFORMED, "comma before", b"Transfer-Encoding: ,chunked"),
    (MALFORMED, "comma behind", b"Transfer-Encoding: chunked,"),
    (MALFORMED, "double quotes", b'Transfer-Encoding: "chunked"'),
    (MALFORMED, "parameter", b"Transfer-Encoding: chunked;q=1"),
    (MALFORMED, "brackets", b"Transfer-Encoding: [chunked]"),
    (MALFORMED, "second colon", b"Transfer-Encoding:: chunked"),
    (MALFORMED, "two words", b"Transfer-Encoding: chunked x"),
    (MALFORMED, "no value", b"Transfer-Encoding:"),
    (MALFORMED, "two lines", b"Transfer-Encoding: chunked\r\nTransfer-Encoding: x"),
    (MALFORMED, "two lines, last right", b"Transfer-Encoding: x\r\nTransfer-Encoding: chunked"),
    (MALFORMED, "space before the colon", b"Transfer-Encoding : chunked"),
    (MALFORMED, "tab before the colon", b"Transfer-Encoding\t: chunked"),
    (MALFORMED, "folded", b"Transfer-Encoding:\r\n chunked"),
    (MALFORMED, "folded by a tab", b"Transfer-Encoding:\r\n\tchunked"),
    (MALFORMED, "fold behind", b"Transfer-Encoding: chunked\r\n "),
    (MALFORMED, "name folded", b"Transfer-Encoding\r\n : chunked"),
    (MALFORMED, "in a fold", b"X: y\r\n Transfer-Encoding: chunked"),
    (MALFORMED, "behind a bare LF", b"X: y\nTransfer-Encoding: chunked"),
    (MALFORMED, "behind a bare CR", b"X: y\rTransfer-Encoding: chunked"),
    (MALFORMED, "behind CR CR LF", b"X: y\r\r\nTransfer-Encoding: chunked"),
    (MALFORMED, "LF before the value", b"Transfer-Encoding:\nchunked"),
    (MALFORMED, "LF before the colon", b"Transfer-Encoding\n: chunked"),
    (MALFORMED, "bare LF behind", b"Transfer-Encoding: chunked\nX: y"),
    (MALFORMED, "bare CR behind", b"Transfer-Encoding: chunked\rX: y"),
    (MALFORMED, "control in the name", b"Transfer\x01-Encoding: chunked"),
    (MALFORMED, "soft hyphen in the name", b"Transfer\xad-Encoding: chunked"),
    (MALFORMED, "no colon", b"Transfer-Encoding chunked"),
    (FIELD_OF_NO_MEANING, "underscore", b"Transfer_Encoding: chunked"),
    (FIELD_OF_NO_MEANING, "dot", b"Transfer.Encoding: chunked"),
    (FIELD_OF_NO_MEANING, "in a value", b"X: Transfer-Encoding: chunked"),
    (FIELD_OF_NO_MEANING, "Trailer", b"Trailer: Transfer-Encoding"),
    (FIELD_OF_NO_MEANING, "TE", b"TE: chunked"),
    (FIELD_OF_NO_MEANING, "Content-Encoding", b"Content-Encoding: chunked"),
]
for byte in [0, 1, 8, 0x0B, 0x0C, 0x1F, 0x7F]:
    for name, line in [
        (f"{byte:#x} before the name", b"%cTransfer-Encoding: chunked"),
        (f"{byte:#x} behind the name", b"Transfer-Encoding%c: chunked"),
        (f"{byte:#x} before the value", b"Transfer-Encoding: %cchunked"),
        (f"{byte:#x} behind the value", b"Transfer-Encoding: chunked%c"),
    ]:
        OBFUSCATIONS.append((MALFORMED, name, line % byte))
for byte in [0x80, 0x85, 0xA0, 0xFF]:
    OBFUSCATIONS.append((MALFORMED, f"{byte:#x} before", b"Transfer-Encoding: %cchunked" % byte))
    OBFUSCATIONS.append((MALFORMED, f"{byte:#x} behind", b"Transfer-Encoding: chunked%c" % byte))

threat = "TE.TE"
for kind, name, line in OBFUSCATIONS:
    alone, beside, doubled = {
        MALFORMED: ([400], [400], [400]),
        OTHER_CODING: ([501], [400], [400]),
        THE_SAME: ([200], [400], [400]),
        # No content is announced: what follows is the next request, and none.
        FIELD_OF_NO_MEANING: ([200, 400], [200], [200]),
    }[kind]
    meant = {THE_SAME: EVIL, FIELD_OF_NO_MEANING: b""}.get(kind)
    attack(name, ask(line) + INSIDE, *alone, forwarded=[] if meant is None else [seen(meant)])
    plain = kind == FIELD_OF_NO_MEANING
    attack(
        f"{name}, and a length",
        ask(line, length(INSIDE)) + INSIDE,
        *beside,
        forwarded=[seen(INSIDE)] if plain else [],
    )
    attack(
        f"{name}, and the right one",
        ask(line, CHUNKED) + INSIDE,
        *doubled,
        forwarded=[seen(EVIL)] if plain else [],
    )

# ---- Content that one of them does not see

threat = "CL.0"
for method in [b"GET", b"HEAD", b"OPTIONS", b"DELETE", b"POST", b"PUT", b"PATCH", b"PROPFIND"]:
    told = seen(EVIL, method)
    sent = ask(length(EVIL), method=method) + EVIL
    attack(method.decode(), sent, 200, forwarded=[told])
attack(
    "no content, and a request",
    ask(b"Content-Length: 0") + EVIL.replace(b".evil", b".next"),
    *[200, 200],
    forwarded=[seen(), seen(method=b"GET", target=b"%T.next")],
)
attack("GET in chunks", ask(CHUNKED, method=b"GET") + INSIDE, 200, forwarded=[seen(EVIL, b"GET")])

threat = "0.CL"
for name, line in [
    ("space before the colon", b"Content-Length : %d"),
    ("tab before the colon", b"Content-Length\t: %d"),
    ("NUL before the name", b"\0Content-Length: %d"),
    ("vertical tab behind the name", b"Content-Length\x0b: %d"),
    ("vertical tab before the value", b"Content-Length: \x0b%d"),
    ("NUL behind the value", b"Content-Length: %d\0"),
    ("folded", b"Content-Length:\r\n %d"),
    ("in a fold", b"X: y\r\n Content-Length: %d"),
    ("behind a bare LF", b"X: y\nContent-Length: %d"),
    ("behind a bare CR", b"X: y\rContent-Length: %d"),
    ("LF behind the name", b"Content-Length\n: %d"),
    ("second colon", b"Content-Length:: %d"),
    ("comma", b"Content-Length: %d,"),
    ("no-break space", b"Content-Length: \xa0%d"),
    ("named by Connection", b"Connection: Content-Length\r\nContent-Length: %d"),
    ("hidden by Connection", b"Connection: close, content-length\r\nContent-Length: %d"),
]:
    attack(name, ask(line % 41) + EVIL, 400)
for name, line in [
    ("underscore", b"Content_Length: %d"),
    ("in a value", b"X: Content-Length: %d"),
    ("in Trailer", b"Trailer: Content-Length\r\nX: %d"),
]:
    next_one = EVIL.replace(b".evil", b".next")
    both = [seen(), seen(method=b"GET", target=b"%T.next")]
    attack(name, ask(line % 41) + next_one, 200, 200, forwarded=both)
EXPECT = b"Expect: 100-continue"
for name, line in [("Expect", EXPECT), ("Expect in other case", EXPECT.upper())]:
    attack(name, ask(line, length(EVIL)) + EVIL, 200, forwarded=[seen(EVIL)])
attack("Expect of chunks", ask(EXPECT, CHUNKED) + INSIDE, 200, forwarded=[seen(EVIL)])
get = ask(EXPECT, method=b"GET")
attack("Expect of nothing", get, 200, forwarded=[seen(method=b"GET")], lacks=[b"Expect"])
attack("Expect of two words", ask(b"Expect: y 100-continue", length(EVIL)) + EVIL, 417)
attack("Expect of another", ask(EXPECT, b"Expect: x", length(EVIL)) + EVIL, 417)
attack("Expect folded", ask(b"Expect:\r\n 100-continue", length(EVIL)) + EVIL, 400)
attack("Expect with white space", ask(b"Expect : 100-continue", length(EVIL)) + EVIL, 400)
attack("shorter than its length", ask(b"Content-Length: 999") + EVIL, cut=True)

# ---- Chunks

threat = "chunk size"
for name, line in [
    ("2^64", b"10000000000000000"),
    ("2^64 and 1", b"10000000000000001"),
    ("2^64 - 1", b"ffffffffffffffff"),
    ("2^63", b"8000000000000000"),
    ("2^32 in disguise", b"0000000100000001"),
    ("zeros", b"0" * 16),
    ("many zeros", b"0" * 4000 + b"1"),
    ("minus", b"-1"),
    ("plus", b"+1"),
    ("0x", b"0x1"),
    ("space before", b" 1"),
    ("space behind", b"1 "),
    ("tab behind", b"1\t"),
    ("underscore", b"1_0"),
    ("none", b""),
    ("a letter", b"g"),
    ("semicolon alone", b";"),
    ("NUL", b"1\0"),
    ("wide digit", b"\xef\xbc\x91"),
    ("bare LF", b"1\nx"),
    ("bare CR", b"1\rx"),
    ("CR CR LF", b"1\r"),
]:
    attack(name, ask(CHUNKED) + line + b"\r\nx\r\n" + LAST + EVIL, 400, cut=True)
attack("15 digits that never come", ask(CHUNKED) + b"fffffffffffffff\r\n" + EVIL, cut=True)
SMALL = b"000000000000001\r\nx\r\n" + LAST
attack("15 digits", ask(CHUNKED) + SMALL, 200, forwarded=[seen(b"x")])

threat = "chunk extension"
for name, line in [
    ("none behind the semicolon", b"1;"),
    ("name", b"1;a"),
    ("value", b"1;a=b"),
    ("quoted", b'1;a="b;c"'),
    ("quotes left open", b'1;a="'),
    ("of 255 bytes", b"1;" + b"e" * 254),
]:
    body = line + b"\r\nx\r\n" + LAST
    attack(name, ask(CHUNKED) + body, 200, forwarded=[seen(b"x")], lacks=[b";"])
for name, body in [
    ("too long", b"1;" + b"e" * 300 + b"\r\nx\r\n" + LAST),
    ("bare LF in it", b"1;a\nx\r\n" + LAST),
    ("bare LF before it", b"1\n;a\r\nx\r\n" + LAST),
    ("LF in quotes", b'1;a="\n"\r\nx\r\n' + LAST),
    ("bare CR in it", b"1;a\rb\r\nx\r\n" + LAST),
    ("NUL in it", b"1;\0\r\nx\r\n" + LAST),
    ("of the last chunk, bare LF", b"0;a\n\r\n"),
    ("never ending", b"1;" + b"e" * 40_000),
]:
    attack(name, ask(CHUNKED) + body + EVIL, 400, cut=True)
FLOOD = (b"1;" + b"e" * 250 + b"\r\nx\r\n") * 2000 + LAST
attack("flood", ask(CHUNKED) + FLOOD, 200, forwarded=[seen(b"x" * 2000)])

threat = "chunk end"
for name, body in [
    ("a byte too long", b"1\r\nxx\r\n" + LAST),
    ("a byte too short", b"2\r\nx\r\n" + LAST),
    ("two bytes instead of CRLF", b"1\r\nxyy" + LAST),
    ("bare LF", b"1\r\nx\n" + LAST),
    ("bare CR", b"1\r\nx\r0\r\n\r\n"),
    ("none", b"1\r\nx0\r\n\r\n"),
    ("last chunk with bare LF", b"1\r\nx\r\n0\n\n"),
    ("empty line of bare LF", b"1\r\nx\r\n0\r\n\n"),
    ("request for a trailer", b"1\r\nx\r\n0\r\n" + EVIL),
    ("trailer folded", b"0\r\nX: y\r\n z\r\n\r\n"),
    ("trailer without colon", b"0\r\nX\r\n\r\n"),
    ("trailer with white space", b"0\r\nX : y\r\n\r\n"),
    ("trailer with bare LF", b"0\r\nX: y\nZ: z\r\n\r\n"),
    ("trailer with NUL", b"0\r\nX: \0\r\n\r\n"),
    ("trailer too large", b"0\r\nX: " + b"y" * 9000 + b"\r\n\r\n"),
    ("trailers too many", b"0\r\n" + b"X: y\r\n" * 2000 + b"\r\n"),
]:
    attack(name, ask(CHUNKED) + body + EVIL, 400, cut=True)
for line in [b"Content-Length: 41", CHUNKED, b"Host: evil.test", b"Cookie: a"]:
    body = b"1\r\nx\r\n0\r\n" + line + b"\r\n\r\n"
    attack(f"trailer {line.decode()}", ask(CHUNKED) + body, 200, forwarded=[seen(b"x")])
attack("no last chunk", ask(CHUNKED) + b"1\r\nx\r\n", cut=True)

# ---- Protocols

threat = "h2c"
H2C = [b"Upgrade: h2c", b"HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA"]
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
GONE = [b"Upgrade", b"h2c", b"HTTP2-Settings"]
for name, fields, lacks in [
    ("as it should be", [*H2C, b"Connection: Upgrade, HTTP2-Settings"], GONE),
    ("in other case", [*H2C, b"connection: UPGRADE,http2-settings"], GONE),
    ("settings not named", [*H2C, b"Connection: Upgrade"], GONE[:2]),
    ("upgrade not named", [*H2C, b"Connection: HTTP2-Settings"], GONE),
    ("no Connection", H2C, GONE[:2]),
    ("beside others", [b"Upgrade: foo, h2c", b"Connection: Upgrade"], GONE[:2]),
    ("TLS", [b"Upgrade: h2", b"Connection: Upgrade"], [b"Upgrade"]),
]:
    once = [seen(method=b"GET")]
    sent = ask(*fields, method=b"GET")
    attack(name, sent, 200, forwarded=once, lacks=lacks)
    attack(f"{name}, and a preface", sent + PREFACE, 200, 505, forwarded=once, lacks=lacks)
attack("with content", ask(*H2C, length(EVIL)) + EVIL, 200, forwarded=[seen(EVIL)], lacks=GONE[:2])
attack("prior knowledge", PREFACE + EVIL, 505)

threat = "upgrade"
ONCE = [seen(method=b"GET")]
upgrade = ask(WEBSOCKET, method=b"GET")
next_one = EVIL.replace(b".evil", b".next")
both = [*ONCE, seen(method=b"GET", target=b"%T.next")]
attack("ignored, and a request", upgrade + next_one, 200, 200, forwarded=both)
attack("ignored, and frames", upgrade + b"\x81\x85maskhello", 200, 400, forwarded=ONCE)
malformed = ask(b"Content-Length: 4", CHUNKED)
attack("ignored, two framings", upgrade + malformed, 200, 400, forwarded=ONCE)
for name, old, new, status in [
    ("version 777", b"Version: 13", b"Version: 777", 426),
    ("no version", b"Sec-WebSocket-Version: 13\r\n", b"", 426),
    ("two versions", b"Version: 13", b"Version: 13, 8", 426),
    ("no key", b"Sec-WebSocket-Key: ", b"X: ", 400),
    ("short key", b"dGhlIHNhbXBsZSBub25jZQ==", b"AAAA", 400),
    ("key that is no base64", b"dGhlIHNhbXBsZSBub25jZQ==", b"????????????????????????", 400),
]:
    attack(name, ask(WEBSOCKET.replace(old, new), method=b"GET") + EVIL, status)
attack("POST", ask(WEBSOCKET) + EVIL, 400)
attack("HTTP/1.0", ask(WEBSOCKET, method=b"GET", version=b"1.0") + EVIL, 400)
attack("with content", ask(WEBSOCKET, length(EVIL), method=b"GET") + EVIL, 400)
attack("in chunks", ask(WEBSOCKET, CHUNKED, method=b"GET") + INSIDE, 400)
half = WEBSOCKET.replace(b"Connection: Upgrade\r\n", b"")
attack("not named by Connection", ask(half, method=b"GET") + next_one, 200, 200, forwarded=both)

# ---- Whom it is for

threat = "host"
for name, host in [
    ("none", None),
    ("twice", b"Host: a.test\r\nHost: evil.test"),
    ("twice the same", b"Host: a.test\r\nHost: a.test"),
    ("list", b"Host: a.test, evil.test"),
    ("empty", b"Host:"),
    ("user", b"Host: a.test@evil.test"),
    ("path", b"Host: a.test/evil"),
    ("space", b"Host: a.test evil.test"),
    ("port that is none", b"Host: a.test:evil"),
    ("port beyond 65535", b"Host: a.test:65536"),
    ("two ports", b"Host: a.test:80:80"),
    ("CR", b"Host: a.test\rX: y"),
    ("LF", b"Host: a.test\nX: y"),
    ("NUL", b"Host: a.test\0.evil.test"),
    ("obs-text", b"Host: a\xff.test"),
    ("white space before", b" Host: a.test"),
    ("white space before the colon", b"Host : a.test"),
    ("folded", b"Host:\r\n a.test"),
    ("bracket left open", b"Host: [::1"),
    ("scheme", b"Host: http://a.test"),
    ("named by Connection", b"Host: a.test\r\nConnection: Host"),
]:
    attack(name, ask(method=b"GET", host=host) + EVIL, 400)

threat = "absolute-form"
for name, target, host in [
    ("other host", b"http://evil.test%T", b"Host: a.test"),
    ("same host", b"http://evil.test%T", b"Host: evil.test"),
    ("upper case", b"HTTP://evil.test%T", b"Host: a.test"),
]:
    attack(
        name,
        ask(method=b"GET", target=target, host=host),
        200,
        forwarded=ONCE,
        has=[b"\r\nHost: evil.test\r\n", b"\r\nX-Forwarded-Host: evil.test\r\n"],
        lacks=[b"a.test", b"http:"],
    )
for name, target in [
    ("https", b"https://a.test%T"),
    ("ftp", b"ftp://a.test%T"),
    ("file", b"file://%T"),
    ("user", b"http://a.test@evil.test%T"),
    ("no authority", b"http://%T"),
    ("one slash", b"http:%T"),
    ("authority-form", b"a.test:80"),
    ("fragment", b"%T#x"),
    ("no slash", b"evil%T"),
    ("asterisk", b"*"),
    ("space", b"%T x"),
    ("tab", b"%T\tx"),
    ("line", b"%T HTTP/1.1\r\nX: y HTTP/1.1\nA: b"),
    ("NUL", b"%T\0x"),
    ("obs-text", b"%T\xff"),
]:
    attack(name, ask(method=b"GET", target=target) + EVIL, 400)
attack("without Host", ask(method=b"GET", target=b"http://a.test%T", host=None), 400)
attack("CONNECT", ask(method=b"CONNECT", target=b"evil.test:80") + EVIL, 405)
attack("TRACE", ask(method=b"TRACE") + EVIL, 405)

threat = "connection option"
for field in [
    b"Host",
    b"Content-Length",
    b"Transfer-Encoding",
    b"Cookie",
    b"Authorization",
    b"X-Forwarded-For",
    b"X-Forwarded-Host",
    b"X-Forwarded-Proto",
]:
    value = b"0" if field == b"Content-Length" else b"chunked" if b"-E" in field else b"a.test"
    named = [b"Connection: close, " + field.lower()]
    if field != b"Host":
        named.append(field + b": " + value)
    attack(field.decode(), ask(*named) + EVIL, 400)
attack("two words", ask(b"Connection: close Host", method=b"GET") + EVIL, 400)
attack("quoted", ask(b'Connection: "Host"', method=b"GET") + EVIL, 400)
SPOOFED = [b"X-Forwarded-For: 6.6.6.6", b"X-Forwarded-Host: evil.test", b"X-Forwarded-Proto: https"]
attack(
    "any field",
    ask(b"Connection: X-Secret", b"X-Secret: 1", b"Keep-Alive: x", method=b"GET"),
    200,
    forwarded=ONCE,
    lacks=[b"Secret", b"Keep-Alive", b"\r\nConnection"],
)
attack(
    "claims of a stranger",
    ask(*SPOOFED, method=b"GET"),
    200,
    forwarded=ONCE,
    has=[b"\r\nX-Forwarded-For: 127.0.0.1\r\n"],
    lacks=[b"6.6.6.6", b"evil", b"https"],
)
attack(
    "claims in disguise",
    ask(*(line.replace(b"-", b"_") for line in SPOOFED), method=b"GET"),
    200,
    forwarded=ONCE,
    has=[b"\r\nX-Forwarded-For: 127.0.0.1\r\n"],
    lacks=[b"6.6.6.6", b"evil", b"https"],
)

# ---- Too much

threat = "flood of a head"
ROOM = [b"X: y"] * 99
attack("100 fields", ask(*ROOM, method=b"GET"), 200, forwarded=ONCE)
attack("101 fields", ask(*ROOM, b"X: y", method=b"GET") + EVIL, 431)
attack("8,000 fields", ask(*[b"X: y"] * 8000, method=b"GET") + EVIL, 431)
attack("no end of fields", ask(*[b"X: y"] * 8000, method=b"GET")[:-2], 431)
attack("one long field", ask(b"X: " + b"y" * 20_000, method=b"GET") + EVIL, 431)
attack("one long name", ask(b"X" * 20_000 + b": y", method=b"GET") + EVIL, 431)
attack("one long target", ask(method=b"GET", target=b"%T?" + b"x" * 20_000) + EVIL, 414)
attack("one long method", ask(method=b"G" * 20_000) + EVIL, 414)
attack("one long host", ask(method=b"GET", host=b"Host: " + b"a" * 20_000) + EVIL, 431)
attack("empty lines", b"\r\n" * 1000 + EVIL, 400)
attack("NULs", b"\0" * 5000 + EVIL, 400)

# What is found out in a body is found out also when the head has long been forwarded.
ATTACKS += [
    dataclasses.replace(row, name=f"{row.name}, in two pieces", in_two=True)
    for row in ATTACKS
    if row.cut and row.statuses
]
