"""Writes indexed PNGs whose every byte follows from this file: zlib's output depends on who built it."""

import struct
import zlib  # crc32 and adler32 only


def png(width, height, palette, rows):
    """An indexed PNG (W3C PNG specification) of 8 bits a pixel."""
    def chunk(kind, body):
        return struct.pack(">I", len(body)) + kind + body + struct.pack(">I", zlib.crc32(kind + body))

    raw = b"".join(b"\0" + row for row in rows)
    colours = b"".join(bytes(colour) for colour in palette)
    header = struct.pack(">IIBBBBB", width, height, 8, 3, 0, 0, 0)
    data = b"\x78\x01" + deflate(raw, (1, 16, width + 1, 2 * (width + 1), 16 * (width + 1))) + struct.pack(">I", zlib.adler32(raw))
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"PLTE", colours) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


LENGTHS = [(257 + i, 3 + i, 0) for i in range(8)]
for extra in range(1, 6):
    LENGTHS += [(LENGTHS[-1][0] + 1 + i, (4 + i << extra) + 3, extra) for i in range(4)]
LENGTHS[-1] = (284, 227, 5)
LENGTHS.append((285, 258, 0))
DISTANCES = [(i, 1 + i, 0) for i in range(4)]
for extra in range(1, 14):
    DISTANCES += [(DISTANCES[-1][0] + 1 + i, (2 + i << extra) + 1, extra) for i in range(2)]


def deflate(data, distances):
    """Deflate (RFC 1951) in one block with the fixed codes, copying only from the given distances."""
    reversed_bits = lambda value, count: int(format(value, f"0{count}b")[::-1], 2)

    def literal(symbol):
        if symbol < 144:
            return reversed_bits(0x30 + symbol, 8), 8
        if symbol < 256:
            return reversed_bits(0x190 + symbol - 144, 9), 9
        if symbol < 280:
            return reversed_bits(symbol - 256, 7), 7
        return reversed_bits(0xC0 + symbol - 280, 8), 8

    codes = [literal(symbol) for symbol in range(286)]
    length_codes = {}
    for symbol, start, extra in LENGTHS:
        for length in range(start, min(start + (1 << extra), 259)):
            length_codes[length] = (*codes[symbol], length - start, extra)
    distance_codes = {}
    for distance in distances:
        symbol, start, extra = next(d for d in reversed(DISTANCES) if d[1] <= distance)
        distance_codes[distance] = (reversed_bits(symbol, 5), distance - start, extra)

    out, pending, filled, at = bytearray(), 3, 3, 0  # final block, fixed codes
    usable = [d for d in distances if d <= 32768]
    while at < len(data):
        best, chosen = 0, 0
        for distance in usable:
            if distance <= at:
                length = 0
                limit = min(258, len(data) - at)
                step = limit
                while step:
                    start = at + length
                    if length + step <= limit and same(data, start, distance, step):
                        length += step
                    step //= 2
                if length > best:
                    best, chosen = length, distance
        if best >= 4:
            code, count, rest, extra = length_codes[best]
            pending |= code << filled
            pending |= rest << filled + count
            filled += count + extra
            code, rest, extra = distance_codes[chosen]
            pending |= code << filled
            pending |= rest << filled + 5
            filled += 5 + extra
            at += best
        else:
            code, count = codes[data[at]]
            pending |= code << filled
            filled += count
            at += 1
        while filled >= 8:
            out.append(pending & 255)
            pending >>= 8
            filled -= 8
    filled += 7  # end of block: seven zero bits
    while filled > 0:
        out.append(pending & 255)
        pending >>= 8
        filled -= 8
    return bytes(out)


def same(data, start, distance, count):
    return data[start : start + count] == data[start - distance : start - distance + count]
