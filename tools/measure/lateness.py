#!/usr/bin/env python3
"""How late RTP packets are behind their own clock, from a capture of the network.

    lateness.py load.pcap

Reads a classic pcap file of Ethernet or loopback frames with UDP over IPv4 (tcpdump -s 74 is enough). A stream is an SSRC of
PCMU or PCMA. A run of packets that are one packet's time apart has its beginning as its clock; a packet earlier than that
sets the clock anew. Prints the streams, packets and sequence numbers missing, and the quantiles of the lateness in
milliseconds; then each moment at which packets were over 5 ms late.
"""
import struct
import sys
from collections import defaultdict

LATE = 0.005


def packets(file):
    little = struct.unpack("<I", file.read(24)[:4])[0] in (0xA1B2C3D4, 0xA1B23C4D)
    order = "<" if little else ">"
    while len(head := file.read(16)) == 16:
        seconds, micros, length, _ = struct.unpack(order + "IIII", head)
        frame = file.read(length)
        udp = 14 + (frame[14] & 15) * 4
        if len(frame) < udp + 20:
            continue
        port = struct.unpack(">H", frame[udp:udp + 2])[0]
        rtp = frame[udp + 8:]
        if port % 2 == 0 and rtp[1] & 127 in (0, 8):
            sequence, timestamp, ssrc = struct.unpack(">HII", rtp[2:12])
            yield seconds + micros / 1e6, sequence, timestamp, ssrc, rtp[1] >> 7


def main():
    streams = defaultdict(list)
    with open(sys.argv[1], "rb") as file:
        for at, sequence, timestamp, ssrc, marker in packets(file):
            streams[ssrc].append((at, sequence, timestamp, marker))
    lateness, missing = [], 0
    for stream in streams.values():
        base, last = None, None
        for at, sequence, timestamp, marker in stream:
            if last is not None:
                missing += (sequence - last[1] - 1) & 0xFFFF
            if last is None or marker or (timestamp - last[2]) & 0xFFFFFFFF != 160:
                base = (at, timestamp)
            else:
                late = at - base[0] - ((timestamp - base[1]) & 0xFFFFFFFF) / 8000
                lateness.append((late, at))
                if late < 0:
                    base = (at, timestamp)
            last = (at, sequence, timestamp)
    values = sorted(late for late, _ in lateness)
    quantile = lambda share: 1000 * values[min(len(values) - 1, int(share * len(values)))]
    print(f"{len(streams)} streams, {sum(map(len, streams.values()))} packets, {missing} sequence numbers missing")
    print(f"behind their clock: median {quantile(.5):.2f} ms, 99 % {quantile(.99):.2f}, 99.9 % {quantile(.999):.2f}, "
          f"most {1000 * values[-1]:.2f}; over 5 ms: {sum(late > LATE for late in values)}")
    groups = []
    for at, late in sorted((at, late) for late, at in lateness if late > LATE):
        if groups and at - groups[-1][-1][0] < 0.05:
            groups[-1].append((at, late))
        else:
            groups.append([(at, late)])
    for group in groups:
        print(f"  at {group[0][0]:.3f}: {len(group)} packets, most {1000 * max(late for _, late in group):.1f} ms")


main()
