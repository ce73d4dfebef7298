#!/usr/bin/env python3
"""Writes the checked-in inputs of the fuzz targets, corpus/<target>/; no argument.

With two arguments, FOREIGN and FOLDER, makes inputs of recordings that are not ours and writes them to FOLDER/<target>/:
FOREIGN/rfc4475/*.dat as they are, FOREIGN/dtmf-pcap/*.pcap as datagrams, FOREIGN/dtmf-wav/**/*.wav as samples.
"""
import math
import struct
import sys
import wave
from pathlib import Path

HERE = Path(__file__).parent

OFFER = """v=0
o=- 1 1 IN IP4 198.51.100.7
s=-
c=IN IP4 198.51.100.7
t=0 0
m=audio 49170 RTP/AVP 102 9 0 8 103 101 13
a=rtpmap:102 opus/48000/2
a=rtpmap:103 telephone-event/48000
a=rtpmap:101 telephone-event/8000
a=fmtp:101 0-16
a=ptime:30
a=maxptime:60
a=rtcp:49173
a=sendonly
m=video 51372 RTP/AVP 31
"""
KEY = "PS1uQCVeeCFCanVmcjkpPywjNWhcYD0mXXtxaVBR"
SECURE = f"""v=0
o=- 1 1 IN IP6 2001:db8::7
s=-
c=IN IP6 2001:db8::7
t=0 0
m=audio 49170 RTP/SAVP 8 101
a=crypto:1 AES_CM_128_HMAC_SHA1_80 inline:{KEY}|2^20|1:4
a=crypto:2 AES_CM_128_HMAC_SHA1_32 inline:{KEY}
a=rtpmap:101 telephone-event/8000
a=rtcp-mux
a=inactive
"""
ANSWER = """v=0
o=- 2 1 IN IP4 198.51.100.7
s=-
c=IN IP4 198.51.100.7
t=0 0
m=audio 50000 RTP/AVP 8 96
a=rtpmap:96 telephone-event/8000
"""


def crlf(text):
    return text.replace("\n", "\r\n").encode()


def message(method, via="UDP", more="", body=b"", length=True, to=""):
    head = f"""{method} sip:12333@192.0.2.1 SIP/2.0
Via: SIP/2.0/{via} 198.51.100.7:5070;branch=z9hG4bK1;rport, SIP/2.0/UDP p2.example
Max-Forwards: 70
From: "Zhang \\"San\\"" <sip:+8610@198.51.100.7;user=phone>;tag=f
To: <sip:12333@192.0.2.1>{to}
Call-ID: a84b4c76e66710@198.51.100.7
CSeq: 1 {method}
Contact: <sip:+8610@198.51.100.7:5070>
{more}"""
    head += f"Content-Length: {len(body)}\n\n" if length else "\n"
    return crlf(head) + body


def rtp(payload_type, sequence, timestamp, payload, marker=False, ssrc=77, first=0x80):
    head = struct.pack(">BBHII", first, payload_type | (128 if marker else 0),
                       sequence & 0xFFFF, timestamp & 0xFFFFFFFF, ssrc)
    return head + payload


def datagrams(pairs):
    """(milliseconds since the last one, octets) as the targets take them."""
    return b"".join(bytes([min(wait, 255), min(len(octets), 255)]) + octets[:255] for wait, octets in pairs)


def event(code, end, duration, volume=10):
    return struct.pack(">BBH", code, (128 if end else 0) | volume, duration)


def press(code, sequence, timestamp, payload_type=100, new_timestamps=False, marker=True):
    reports = [(False, 160), (False, 320), (False, 480), (True, 640), (True, 640), (True, 640)]
    return [
        (20, rtp(payload_type, sequence + at, timestamp + (at * 160 if new_timestamps else 0),
                 event(code, end, duration), marker and at == 0))
        for at, (end, duration) in enumerate(reports)
    ]


def tone(low, high, samples, level=6000.0):
    return [int(level * (math.sin(2 * math.pi * low * t / 8000) + math.sin(2 * math.pi * high * t / 8000)))
            for t in range(samples)]


def sound(portion, samples):
    return bytes([portion]) + struct.pack(f"<{len(samples)}h", *samples)


def ours():
    """(target, name, octets)"""
    sdp = "Content-Type: application/sdp\n"
    invite = message("INVITE", more=sdp, body=crlf(OFFER))
    for name, octets in [
        ("invite", invite),
        ("no-length", message("INVITE", more=sdp, body=crlf(OFFER), length=False)),
        ("compact", invite.replace(b"From:", b"f:").replace(b"To:", b"t :").replace(b"Via:", b"v:")
         .replace(b"Call-ID:", b"i:").replace(b"Contact:", b"m:").replace(b"Content-Type:", b"c:")
         .replace(b"Content-Length:", b"l:")),
        ("folded", invite.replace(b";tag=f", b"\r\n\t;tag=f")),
        ("bare-lf", message("OPTIONS").replace(b"\r\n", b"\n")),
        ("latin", message("OPTIONS", more="Subject: caf#\n").replace(b"#", b"\xe9")),
        ("options", message("OPTIONS")),
        ("require", message("INVITE", more="Require: 100rel, x\nRequire: y\n")),
        ("bye", message("BYE", to=";tag=t")),
        ("cancel", message("CANCEL")),
        ("ack", message("ACK", to=";tag=t")),
        ("info", message("INFO", more="Content-Type: application/dtmf-relay\n", body=b"Signal=5\r\n", to=";tag=t")),
        ("refer", message("REFER", more="Refer-To: <sip:x@h>\n")),
        ("notify", message("NOTIFY", more="Event: refer\n", body=b"SIP/2.0 200 OK\r\n", to=";tag=t")),
        ("update", message("UPDATE", more="Session-Expires: 1800;refresher=uac\nSupported: timer\n", to=";tag=t")),
        ("response", message("INVITE", to=";tag=t").replace(b"INVITE sip:12333@192.0.2.1 SIP/2.0", b"SIP/2.0 200 OK", 1)),
        ("routes", message("INVITE", more="Record-Route: <sip:p1;lr>, \"x\" <sip:p2;lr>\n")),
        ("tel", message("OPTIONS").replace(b"sip:12333@192.0.2.1 SIP", b"tel:+12333;phone-context=cn SIP", 1)),
        ("seven", message("OPTIONS").replace(b"SIP/2.0\r\nVia", b"SIP/7.0\r\nVia", 1)),
        ("keep-alive", b"\r\n\r\n"),
    ]:
        yield "gate", name, octets
    for name, octets in [
        ("two", message("OPTIONS", "TCP") + message("INVITE", "TCP", sdp, crlf(OFFER))),
        ("pings", b"\r\n\r\n" + message("OPTIONS", "TCP") + b"\r\n\r\n\r\n" + message("BYE", "TCP")),
        ("no-length", message("OPTIONS", "TCP", length=False) + message("OPTIONS", "TCP")),
        ("two-lengths", message("OPTIONS", "TCP", "l: 0\n")),
        ("long", message("OPTIONS", "TCP").replace(b"Content-Length: 0", b"Content-Length: 99999")),
        ("breaks-inside", message("MESSAGE", "TCP", "Content-Type: text/plain\n", b"x\r\n\r\n" * 20)),
        ("folded-length", message("BYE", "TCP").replace(b"Content-Length: 0", b"Content-Length:\r\n 0")),
        ("tls", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"),
        ("http", b"GET / HTTP/1.1\r\nHost: h\r\n\r\n"),
    ]:
        yield "framing", name, octets
    for name, text in [
        ("offer", OFFER),
        ("secure", SECURE),
        ("answer", ANSWER),
        ("held", ANSWER.replace("198.51.100.7", "0.0.0.0")),
        ("bare", OFFER.replace("a=sendonly\n", "").split("m=video")[0]),
    ]:
        yield "sdp", name, crlf(text)
    mixed = "--b1\nContent-Type: application/isup\n\n12\n--b1\ncontent-type: application/sdp; x=y\n\n" + OFFER + "--b1--\n"
    for name, octets in [
        ("alone", b"application/sdp; charset=x\r\n" + crlf(OFFER)),
        ("mixed", b'multipart/mixed;boundary="b1"\r\n' + crlf(mixed)),
        ("unended", b"multipart/mixed;boundary=b1\r\n" + crlf(mixed)[:-8]),
        ("no-boundary", b"multipart/mixed\r\n" + crlf(mixed)),
        ("many", b"multipart/alternative;boundary=x\r\n" + b"--x\r\nA: b\r\n\r\n" * 20),
    ]:
        yield "multipart", name, octets
    for name, octets in [
        ("relay", b"application/dtmf-relay\r\nSignal=5\r\nDuration=160"),
        ("bare", b"application/dtmf\r\n*"),
        ("number", b"Application/DTMF ; x=y\r\nDuration: 1\r\nsignal : \"11\"\r\n"),
        ("flash", b"application/dtmf\r\n16"),
        ("other", b"text/plain\r\n5"),
    ]:
        yield "info_keys", name, octets
    g711 = [(20, rtp(8, at, at * 160, b"\xd5" * 160)) for at in range(5)]
    extended = rtp(0, 1, 2, b"\0\0\0\x09" + b"\xbe\xde\0\1\1\2\3\4" + b"\7\7\7\0\0\3", first=0xB1)
    yield "rtp", "g711", datagrams(g711)
    yield "rtp", "extended", datagrams([(0, extended), (200, rtp(9, 65535, 0, b"\x55" * 160)), (5, rtp(9, 0, 160, b"\1" * 80))])
    yield "rtp", "short", datagrams([(0, b"\x80"), (0, b""), (0, rtp(8, 1, 1, b"")[:11])])
    sender_report = struct.pack(">BBHIIIIII", 0x81, 200, 12, 2, 0x12345678, 0x9ABCDEF0, 480, 3, 480)
    block = struct.pack(">IIIIII", 1, 0x40000001, 65536, 9, 0, 0)
    description = struct.pack(">BBHIBB", 0x81, 202, 3, 2, 1, 3) + b"abc\0\0\0"[:6]
    goodbye = struct.pack(">BBHI", 0x81, 203, 1, 2)
    receiver_report = struct.pack(">BBHI", 0x81, 201, 7, 2) + block
    yield "rtcp", "sender", datagrams([(100, sender_report + block + description + goodbye), (255, sender_report + block)])
    yield "rtcp", "receiver", datagrams([(0, receiver_report), (1, goodbye), (3, b"\x80\xc9\0\1\0\0\0\2")])
    yield "rtcp", "stray", datagrams([(0, rtp(8, 1, 1, b"\0" * 20)), (0, b"\x81\xcc\0\3NAME\0\0\0\1")])
    yield "telephone_event", "two-keys", datagrams(press(5, 1, 1000) + [(200, b"")] + press(5, 9, 4000) + press(11, 20, 9000))
    yield "telephone_event", "d08-moving", datagrams(press(2, 1, 1000, new_timestamps=True, marker=False))
    yield "telephone_event", "clock-48000", datagrams(press(10, 65533, 0xFFFFFF00, payload_type=103))
    held = [(200, rtp(100, at, 0 if at < 41 else 65535, event(1, False, at * 1600 % 65536), at == 0)) for at in range(60)]
    yield "telephone_event", "held", datagrams(held)
    several = rtp(100, 1, 100, event(1, True, 400) + event(2, True, 400) + event(3, True, 400) + event(16, True, 4))
    yield "telephone_event", "several", datagrams([(20, several), (20, several)])
    yield "srtp", "genuine", bytes([0, 1, 0x50]) + b"0123456789" + bytes([0x50]) + b"0123456789"
    yield "srtp", "changed", bytes([1, 0, 0x51]) + b"0123456789" + bytes([2, 5, 0, 2, 14, 255, 0x50]) + b"abcdefghij"
    yield "srtp", "reports", bytes([0, 16, 0x53]) + sender_report[:20] + bytes([0x33]) + goodbye * 2
    yield "srtp", "wrapping", bytes([0, 0]) + bytes([4, 255]) * 12
    keys = [tone(697, 1209, 400), [0] * 320, tone(941, 1336, 400), [0] * 320]
    yield "in_band", "two-keys", sound(159, sum(keys, []))
    yield "in_band", "one-tone", sound(40, tone(770, 770, 600))
    yield "in_band", "square", sound(0, [30000 if at // 5 % 2 else -30000 for at in range(600)])
    yield "in_band", "keys-at-once", sound(79, [a + b for a, b in zip(tone(697, 1209, 500, 3000), tone(852, 1477, 500, 3000))])
    script = (HERE.parent / "src/menu/example.toml").read_bytes()
    yield "menu", "example", script
    yield "menu", "small", b'[hotline]\nname = "x"\nstart = "a"\nlanguages = ["en"]\n[a]\nsay = "hello"\nthen = "b"\n[b]\nhang-up = true\n'
    yield "menu", "broken", b'[hotline]\nname = 3\n[a]\nmenu = "m"\n1 = "nowhere"\n"#" = "@back"\nx = 1\n[a]\n'
    yield "prompts", "plain", "a = Hello.\n    .no-input = 请按{ DIGITS($n) }。\n-t = b\nc = { -t } { COUNT($x) }\n".encode()
    yield "prompts", "selector", "# x\na = { $x ->\n    [one] one\n    [2] two { MONEY($m) }\n   *[other] { a.b }\n }\n    .b = { DATE($d) }, { MONTH($o) }; { \"\\u4F59\" }\n".encode()
    people = "id_number,number,kind,pension,medical\n119999198503150010,10000001,employee,86523.05,3120.4\n"
    payments = "id_number,insurance,month,base,personal,employer\n119999198503150010,pension,2026-09,7900.00,632,1264\n"
    yield "records_import", "good", (people + "\0" + payments).encode()
    named = "身份证号,险种,缴费月份,缴费基数,个人缴费,单位缴费\n119999198503150010,养老保险,2026年9月,1,1,1\n"
    yield "records_import", "gb18030", people.encode() + b"\0" + named.encode("gb18030")
    twice = people + "119999198503150010,10000001,retired,-1,1.005\n\"1,2\n"
    yield "records_import", "broken", (twice + "\0" + payments + "x,养老,2027-01,1e3,,\n" + payments).encode()
    yield "records_import", "blank", ("\ufeff \r\n" + people + "\0" + payments).encode()
    wide = "personal_number,card,kind,id_number,medical,pension,number,x\r\n5001202,HL731000021,退休,32999919780419007X,1,0.5,10000002,\"a,b\"\r\n"
    yield "records_import", "wide", b"\xef\xbb\xbf" + (wide + "\0" + payments.replace("119999198503150010", "32999919780419007X")).encode()
    for name, url in [("verified", "postgresql://h:p%40ss@[::1]:5432/r?sslmode=verify-full&connect_timeout=3&application_name=x"),
                      ("hosts", "postgres://u@a:1,b:2/r?target_session_attrs=read-write&options=-c%20x"), ("local", "http://127.0.0.1:8080"),
                      ("folder", "./records/../a b.db"), ("two-at", "postgres://hotline@server:1,correct-horse@db.example/records"),
                      ("at-in-path", "https://hotline:1234/correct@records.example"), ("scheme", "Postgres://hotline:correct-horse@db.example/r")]:
        yield "records_url", name, url.encode()
    for name, url in [("postgres", "postgresql://hotline@db.example:5432/records?sslmode=require"), ("password", "postgres://hotline:correct-horse@db.example/records"), ("service", "https://records.example:8443/hotline/"), ("file", "hotline.db")]:
        yield "records_url", name, url.encode()
    def answer(kind, body, status="200 OK", more=""):
        head = f"HTTP/1.1 {status}\r\nContent-Type: application/json\r\nContent-Length: {len(body)}\r\n{more}\r\n"
        return bytes([kind]) + head.encode() + body.encode()
    yield "service_answer", "matched", answer(0, '{"result":"matched","person":1}')
    yield "service_answer", "locked", answer(0, '{"result":"locked","minutes":30}')
    yield "service_answer", "balances", answer(1, '{"pension":8652305,"medical":312040,"as-of":"2026-09"}')
    yield "service_answer", "payments", answer(3, '{"paid":[{"month":"2026-01","base":790000,"personal":63200,"employer":126400}],"first-ever":"2015-03","as-of":"2026-09"}')
    yield "service_answer", "chunked", bytes([1]) + b'HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n'
    yield "service_answer", "initial", answer(0, '{"result":"initial-password","person":9}', more="Connection: close\r\n")
    yield "service_answer", "summary", answer(2, '{"insurances":[{"insurance":"medical","months-paid":9,"first":"2026-01","last":"2026-09"}],"as-of":"2026-09"}')
    yield "service_answer", "none-paid", answer(3, '{"paid":[],"first-ever":null,"as-of":"2026-09"}')
    yield "service_answer", "weak", answer(4, '{"result":"weak","why":"birthday"}')
    yield "service_answer", "opened", answer(5, '{"result":"opened","number":"00000018"}')
    yield "service_answer", "too-many", answer(5, '{"result":"too-many"}', "201 Created")
    yield "service_answer", "busy", answer(1, "", "503 Service Unavailable", "Retry-After: 1\r\n")
    yield "service_answer", "refused", answer(2, '{"title":"no such person"}', "404 Not Found")
    yield "prompts", "broken", "a = { b\nc = { $x -> }\n-d = { FOO() }\na = {{{}\n".encode()


def of_capture(path):
    """A classic pcap: Ethernet or Linux cooked, IPv4, UDP."""
    octets = path.read_bytes()
    link = {1: 14, 113: 16}[struct.unpack_from("<I", octets, 20)[0]]
    at, last, found = 24, None, []
    while at + 16 <= len(octets):
        seconds, micros, length = struct.unpack_from("<III", octets, at)
        ip = octets[at + 16 + link : at + 16 + length]
        now = seconds * 1000 + micros // 1000
        found.append((0 if last is None else max(0, now - last), ip[(ip[0] & 15) * 4 + 8 :]))
        last, at = now, at + 16 + length
    return datagrams(found)


def of_wave(path):
    with wave.open(str(path)) as file:
        frames = file.readframes(file.getnframes())
        assert (file.getnchannels(), file.getsampwidth(), file.getframerate()) == (1, 2, 8000), path
    # Half a second: the keys are at the beginning, and short inputs are quick.
    return b"\x9f" + frames[:8192]


def foreign(folder):
    for path in sorted((folder / "rfc4475").glob("*.dat")):
        yield "gate", path.stem, path.read_bytes()
        yield "framing", path.stem, path.read_bytes()
    for path in sorted((folder / "dtmf-pcap").glob("*.pcap")):
        for target in ["telephone_event", "rtp"]:
            yield target, path.stem, of_capture(path)
    for path in sorted((folder / "dtmf-wav").glob("**/*.wav")):
        yield "in_band", f"{path.parent.name}-{path.stem}", of_wave(path)


def main():
    inputs, root = (foreign(Path(sys.argv[1])), Path(sys.argv[2])) if len(sys.argv) == 3 else (ours(), HERE / "corpus")
    for target, name, octets in inputs:
        (root / target).mkdir(parents=True, exist_ok=True)
        (root / target / name).write_bytes(octets)


main()
