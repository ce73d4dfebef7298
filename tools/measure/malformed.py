#!/usr/bin/env python3
"""Sends malformed SIP messages to a hotline, so many a second, for so long: an INVITE, an OPTIONS, a BYE and others, each cut,
doubled, or with octets changed; the same in every run. What comes back is read and counted, no more.

    tools/measure/malformed.py HOST:PORT A_SECOND SECONDS
"""
import random
import socket
import sys
import time

SDP = "v=0\r\no=- 1 1 IN IP4 127.0.0.1\r\ns=-\r\nc=IN IP4 127.0.0.1\r\nt=0 0\r\nm=audio 40000 RTP/AVP 8 101\r\n" \
      "a=rtpmap:101 telephone-event/8000\r\n"


def message(method, number, body=""):
    kind = "Content-Type: application/sdp\r\n" if body else ""
    return (f"{method} sip:100@127.0.0.1 SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:9;rport;branch=z9hG4bK{number}\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:1@127.0.0.1>;tag={number}\r\nTo: <sip:100@127.0.0.1>\r\nCall-ID: m{number}\r\n"
            f"CSeq: 1 {method}\r\nContact: <sip:1@127.0.0.1:9>\r\n{kind}Content-Length: {len(body)}\r\n\r\n{body}").encode()


def spoilt(octets, chance):
    octets = bytearray(octets)
    for _ in range(chance.randint(1, 8)):
        at = chance.randrange(len(octets))
        end = min(at + chance.randint(1, 40), len(octets))
        how = chance.randrange(5)
        if how == 0:
            octets[at] = chance.randrange(256)
        elif how == 1:
            del octets[at:end]
        elif how == 2:
            octets.insert(at, chance.choice(b"\r\n \t:;,=<>\"@/%\0\xff"))
        elif how == 3:
            octets[at:at] = octets[at:end]
        else:
            del octets[end:]
        if not octets:
            octets = bytearray(b"x")
    return bytes(octets)


def main():
    host, port = sys.argv[1].rsplit(":", 1)
    rate, seconds = float(sys.argv[2]), float(sys.argv[3])
    chance = random.Random(4475)
    line = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
    line.setblocking(False)
    begun, sent, answers = time.monotonic(), 0, 0
    while (now := time.monotonic()) - begun < seconds:
        while sent < (now - begun) * rate:
            method = chance.choice(["INVITE", "INVITE", "INVITE", "OPTIONS", "BYE", "CANCEL", "ACK", "REGISTER", "INFO"])
            whole = message(method, sent, SDP if method == "INVITE" else "")
            line.sendto(spoilt(whole, chance), (host, int(port)))
            sent += 1
        try:
            while True:
                line.recv(65536)
                answers += 1
        except (BlockingIOError, ConnectionRefusedError):
            pass
        time.sleep(0.02)
    print(f"malformed messages: {sent} sent, {answers} messages came back")


main()
