"""Ways to damage bytes: blindly, and by what a zip, a MATLAB file, a picture or JSON is made of.

Every function takes bytes and a random.Random, which alone decides, and gives bytes.
"""

import copy
import io
import json
import math
import struct
import warnings
import zipfile
import zlib

# Where counters, sizes and signs turn over.
EDGES = (0, 1, 2, 3, 7, 8, 127, 128, 255, 256, 32_767, 32_768, 65_535, 65_536, 2**24, 2**31 - 1)
EDGES += (2**31, 2**32 - 8, 2**32 - 1, 2**63, 2**64 - 1)


def flip_bits(content, rng):
    changed = bytearray(content)
    for _ in range(rng.choice((1, 1, 1, 2, 4, 16))):
        if changed:
            changed[rng.randrange(len(changed))] ^= 1 << rng.randrange(8)
    return bytes(changed)


def cut(content, rng):
    return content[: rng.randrange(len(content) + 1)]


def remove(content, rng):
    start, end = _span(content, rng)
    return content[:start] + content[end:]


def repeat(content, rng):
    start, end = _span(content, rng)
    return content[:end] + content[start:end] * rng.choice((1, 1, 2, 10)) + content[end:]


def overwrite(content, rng):
    start, end = _span(content, rng)
    filling = rng.choice((bytes(end - start), b"\xff" * (end - start), rng.randbytes(end - start)))
    return content[:start] + filling + content[end:]


def insert(content, rng):
    place = rng.randrange(len(content) + 1)
    return content[:place] + rng.randbytes(rng.choice((1, 2, 8, 100))) + content[place:]


def put_edge(content, rng):
    """Write a number from EDGES somewhere."""
    width, order = rng.choice((1, 2, 4, 8)), rng.choice("<>")
    place = rng.randrange(max(1, len(content) - width))
    return _with_number(content, place, width, rng.choice(EDGES), order)


BLIND = (flip_bits, flip_bits, cut, remove, repeat, overwrite, insert, put_edge)


def blindly(content, rng):
    """One to three changes that know nothing of the format."""
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        content = rng.choice(BLIND)(content, rng)
    return content


def _span(content, rng):
    start = rng.randrange(len(content) + 1)
    return start, min(len(content), start + rng.choice((1, 2, 4, 8, 64, 1000)))


def _with_number(content, place, width, value, order="<"):
    number = (value % 256**width).to_bytes(width, "little" if order == "<" else "big")
    return content[:place] + number + content[place + width :]


# Zip files. Source: PKWARE's APPNOTE.TXT, 4.3.7, 4.3.12 and 4.3.16: places and widths of the
# numbers that follow each signature.

ZIP_FIELDS = {
    b"PK\x03\x04": ((4, 2), (6, 2), (8, 2), (14, 4), (18, 4), (22, 4), (26, 2), (28, 2)),
    b"PK\x01\x02": (
        *((4, 2), (6, 2), (8, 2), (10, 2), (16, 4), (20, 4), (24, 4), (28, 2), (30, 2)),
        *((32, 2), (34, 2), (36, 2), (38, 4), (42, 4)),
    ),
    b"PK\x05\x06": ((4, 2), (6, 2), (8, 2), (10, 2), (12, 4), (16, 4), (20, 2)),
}


def zip_record(content, rng):
    """Change one number of one record of the archive."""
    signature = rng.choice(list(ZIP_FIELDS))
    places = _places(content, signature)
    if not places:
        return content
    offset, width = rng.choice(ZIP_FIELDS[signature])
    place = rng.choice(places) + offset
    old = int.from_bytes(content[place : place + width], "little")
    new = rng.choice((*EDGES, old + 1, old - 1, 2 * old, 1 << rng.randrange(8 * width)))
    return _with_number(content, place, width, new)


def zip_names(content, rng):
    """Change letters in one of the names, in both places, or in one of them."""
    place = rng.choice(_places(content, b"PK\x01\x02"))
    length = struct.unpack_from("<H", content, place + 28)[0]
    name = content[place + 46 : place + 46 + length]
    new = bytearray(name)
    for _ in range(rng.choice((1, 1, 2, 5))):
        new[rng.randrange(length)] = rng.choice(b"/\\.:\0\x1b\xff\x80 im0129")
    both = rng.random() < 0.5
    return content.replace(name, bytes(new), -1 if both else 1)


def zip_entry(of_name):
    """Damage what an entry holds by its own rules; the archive around it is whole again.

    Args:
        of_name: function of an entry's name, gives the mutation for its content.
    """

    def change(content, rng):
        with zipfile.ZipFile(io.BytesIO(content)) as archive:
            files = {name: archive.read(name) for name in archive.namelist()}
        chosen = rng.choice(sorted(files))
        if rng.random() < 0.85:
            files[chosen] = of_name(chosen)(files[chosen], rng)
        elif rng.random() < 0.5:
            del files[chosen]
        else:
            other = rng.choice(("im1.jpg", "images/im" + "9" * 20 + ".jpg", "joints.mat", "a/b/c"))
            files[other] = files.pop(chosen)
        return zipped(files, rng.choice((zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED)))

    return change


def zipped(files, method=zipfile.ZIP_DEFLATED):
    """A zip of name -> content, always the same bytes."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        for name, content in files.items():
            archive.writestr(zipfile.ZipInfo(name), content, method)
    return buffer.getvalue()


def _places(content, signature):
    places, place = [], content.find(signature)
    while place >= 0:
        places.append(place)
        place = content.find(signature, place + 1)
    return places


# MATLAB files of version 5: a header of 128 bytes, then elements of (type, size, content).

MATRIX, COMPRESSED = 14, 15


def mat_element(content, rng):
    """Change, repeat or drop one element, inside of compressed ones too."""
    order = "<" if content[126:128] == b"IM" else ">"
    return content[:128] + _changed_elements(content[128:], rng, order)


def _changed_elements(data, rng, order):
    elements = _elements(data, order)
    if not elements:
        return data
    start, end, kind = rng.choice(elements)
    body = data[start + 8 : end]
    if kind == COMPRESSED and rng.random() < 0.9:
        try:
            inner = _changed_elements(zlib.decompress(body), rng, order)
        except zlib.error:
            inner = b""
        packed = zlib.compress(inner)
        if rng.random() < 0.2:
            packed = blindly(packed, rng)
        new = struct.pack(f"{order}II", COMPRESSED, len(packed)) + packed
    elif kind == MATRIX and rng.random() < 0.7:
        inner = _changed_elements(body, rng, order)
        new = struct.pack(f"{order}II", MATRIX, len(inner)) + inner
    else:
        way = rng.choice((_other_tag, _other_body, _small, _many, _none))
        new = way(data[start:end], rng, order)
    return data[:start] + new + data[end:]


def _elements(data, order):
    """(start, end, kind) of each element as far as they make sense."""
    found, place = [], 0
    while len(data) - place >= 8:
        kind, size = struct.unpack_from(f"{order}II", data, place)
        if kind >> 16:
            kind, end = kind & 0xFFFF, place + 8
        else:
            end = place + 8 + (size if kind == COMPRESSED else -(-size // 8) * 8)
        if end > len(data):
            break
        found.append((place, end, kind))
        place = end
    return found


def _other_tag(element, rng, order):
    place = rng.choice((0, 4))
    old = int.from_bytes(element[place : place + 4], "little" if order == "<" else "big")
    value = rng.choice((*range(20), *EDGES, old + 8, old - 8, old + 1, old << 16))
    return _with_number(element, place, 4, value, order)


def _other_body(element, rng, order):
    if rng.random() < 0.3:
        numbers = (math.nan, math.inf, -1.0, 1e300, -1e6, 2.0, 5e-324)
        value = struct.pack(f"{order}d", rng.choice(numbers))
    else:
        value = struct.pack(f"{order}q", rng.choice((-1, -3, 0, 2, 3, 4, 14, 2**31 - 1, 2**40)))
    place = 8 + 8 * rng.randrange(max(1, len(element) // 8 - 1))
    width = rng.choice((4, 8))
    value = value[:width] if order == "<" else value[-width:]
    return element[:place] + value + element[place + width :]


def _small(element, rng, order):
    """The form with type and size in four bytes."""
    kind, size = rng.choice((1, 5, 9, COMPRESSED, 99)), rng.choice((1, 3, 4, 5, 65_535))
    return struct.pack(f"{order}I", size << 16 | kind) + element[8:12].ljust(4, b"\0")


def _many(element, rng, order):
    return element * rng.choice((2, 3, 50, 100_000 // len(element) + 1))


def _none(element, rng, order):
    return b""


def mat_bomb(content, rng):
    """Many compressed elements that each unpack to almost what one may."""
    order = "<" if content[126:128] == b"IM" else ">"
    packed = _compressed_zeros(rng.choice((1, 8, 63, 65)) << 20)
    bomb = struct.pack(f"{order}II", COMPRESSED, len(packed)) + packed
    return content[:128] + bomb * rng.choice((1, 10, 60)) + content[128:]


def mat_dust(content, rng):
    """Very many elements of nothing."""
    order = "<" if content[126:128] == b"IM" else ">"
    count = rng.choice((1000, 100_000, 4_000_000))
    return content[:128] + struct.pack(f"{order}II", 9, 0) * count + content[128:]


def _compressed_zeros(size):
    squeezer = zlib.compressobj(9)
    block = bytes(1 << 20)
    parts = [squeezer.compress(block) for _ in range(size >> 20)]
    return b"".join([*parts, squeezer.flush()])


# Pictures.


def jpeg_segment(content, rng):
    """Change, repeat, move or drop a segment before the pixels, or a number in it."""
    segments, tail = _jpeg_segments(content)
    if not segments:
        return content
    index = rng.randrange(len(segments))
    segment = segments[index]
    way = rng.randrange(6)
    if way == 0:
        segments.insert(rng.randrange(len(segments) + 1), segment)
    elif way == 1:
        segments.pop(index)
    elif way == 2:
        rng.shuffle(segments)
    elif way == 3:
        segments[index] = _with_number(segment, 2, 2, rng.choice(EDGES), ">")
    elif way == 4:
        place = 4 + rng.randrange(max(1, len(segment) - 5))
        segments[index] = _with_number(segment, place, rng.choice((1, 2)), rng.choice(EDGES), ">")
    else:
        segments[index] = segment[:1] + bytes([rng.randrange(0xC0, 0xFF)]) + segment[2:]
    return content[:2] + b"".join(segments) + tail


def jpeg_scans(content, rng):
    """Say many times what is shown: each scan of a progressive picture passes over all of it."""
    segments, tail = _jpeg_segments(content)
    first = tail.find(b"\xff\xda", 2)
    if not segments or first < 0:
        return content
    changed = [
        # A larger picture has more to pass over.
        _with_number(_with_number(segment, 5, 2, 6000, ">"), 7, 2, 6000, ">")
        if segment[1] == 0xC2 and rng.random() < 0.7
        else segment
        for segment in segments
    ]
    end = tail.rfind(b"\xff\xd9")
    last = tail[tail.rfind(b"\xff\xda", 0, end) : end]
    more = last * rng.choice((2, 50, 5000))
    return content[:2] + b"".join(changed) + tail[:end] + more + tail[end:]


def _jpeg_segments(content):
    """The segments between start and pixels, and the rest."""
    segments, place = [], 2
    while place + 4 <= len(content) and content[place] == 0xFF and content[place + 1] != 0xDA:
        end = place + 2 + int.from_bytes(content[place + 2 : place + 4], "big")
        segments.append(content[place:end])
        place = end
    return segments, content[place:]


def png_chunk(content, rng):
    """Change, repeat, move or drop a chunk; its checksum is right again, or mostly."""
    chunks = _png_chunks(content)
    if not chunks:
        return content
    index = rng.randrange(len(chunks))
    kind, body = chunks[index]
    way = rng.randrange(6)
    if way == 0:
        chunks.insert(rng.randrange(len(chunks) + 1), (kind, body))
    elif way == 1:
        chunks.pop(index)
    elif way == 2:
        rng.shuffle(chunks)
    elif way == 3:
        kinds = (b"IHDR", b"IDAT", b"PLTE", b"tRNS", b"iCCP", b"zTXt", b"eXIf", b"acTL", b"fdAT")
        chunks[index] = rng.choice(kinds), body
    elif kind == b"IHDR":
        place, width = rng.choice(((0, 4), (4, 4), (8, 1), (9, 1), (10, 1), (11, 1), (12, 1)))
        value = rng.choice((*EDGES, 4, 16, 6, 9999))
        chunks[index] = kind, _with_number(body, place, width, value, ">")
    elif kind == b"IDAT" and rng.random() < 0.5:
        try:
            chunks[index] = kind, zlib.compress(blindly(zlib.decompress(body), rng))
        except zlib.error:
            chunks[index] = kind, blindly(body, rng)
    else:
        chunks[index] = kind, blindly(body, rng)
    wrong = rng.randrange(len(chunks)) if chunks and rng.random() < 0.15 else None
    return content[:8] + b"".join(
        struct.pack(">I", len(body)) + kind + body + struct.pack(
            ">I", zlib.crc32(kind + body) ^ (number == wrong)
        )
        for number, (kind, body) in enumerate(chunks)
    )


def _png_chunks(content):
    chunks, place = [], 8
    while place + 12 <= len(content):
        size = int.from_bytes(content[place : place + 4], "big")
        body = content[place + 8 : place + 8 + size]
        chunks.append((content[place + 4 : place + 8], body))
        place += 12 + size
    return chunks


def of_picture(content, rng):
    """A change that knows pictures, or a blind one."""
    if rng.random() < 0.4:
        return blindly(content, rng)
    if content.startswith(b"\x89PNG"):
        return png_chunk(content, rng)
    return rng.choice((jpeg_segment,) * 19 + (jpeg_scans,))(content, rng)


def of_mat(content, rng):
    """A change that knows MATLAB files, or a blind one."""
    if rng.random() < 0.25 or len(content) < 136:
        return blindly(content, rng)
    rare = (mat_bomb, mat_dust)
    return (rng.choice(rare) if rng.random() < 0.01 else mat_element)(content, rng)


# JSON and other text.

STRANGE_VALUES = (
    *(None, True, False, 0, -1, 1, 2, 0.5, -0.0, 1e308, 2**31, 2**63, 10**30, 10**400),
    *(math.nan, math.inf, -math.inf, "", "0", "true", "\0", "\x1b[2J", "\ud800", "a" * 10_000),
    *("../../etc/passwd", "/etc/passwd", "é", [], {}, [[]], [None], {"": None}, [1, "1"]),
)
STRANGE_TEXTS = (
    *("[" * 100_000, "{" * 5000, '{"a":' * 100_000, "1" * 5000, "-", "1e999", "NaN", "", " "),
    *('{"a": 1} {"a": 2}', '{"a": 1, "a": 2}', "\ufeff{}", '"\\ud800"', "null", "[]", "1"),
)


def json_field(content, rng):
    """Change one value, key or item, wherever it is."""
    try:
        tree = json.loads(content)
    except (ValueError, RecursionError):
        return blindly(content, rng)
    root = {"": copy.deepcopy(tree)}
    for _ in range(rng.choice((1, 1, 1, 2, 3))):
        places = list(_inner(root))
        holder, key = rng.choice(places)
        way = rng.randrange(6)
        if way <= 2:
            holder[key] = copy.deepcopy(rng.choice(STRANGE_VALUES))
        elif way == 3:
            other, other_key = rng.choice(places)
            holder[key] = copy.deepcopy(other[other_key])
        elif way == 4 and holder is not root:
            holder.pop(key)
        elif isinstance(holder, list):
            holder.insert(key, copy.deepcopy(holder[key]))
        elif holder is not root:
            holder[rng.choice(("", "name", str(key).upper(), f"{key}s"))] = holder.pop(key)
        else:
            holder[key] = [holder[key]]
    return json.dumps(root[""], indent=rng.choice((None, 2))).encode()


def _inner(holder):
    """(container, key or index) of every value."""
    items = holder.items() if isinstance(holder, dict) else enumerate(holder)
    for key, value in items:
        yield holder, key
        if isinstance(value, (dict, list)):
            yield from _inner(value)


def of_json(content, rng):
    """A change that knows JSON, a blind one, or something else altogether."""
    draw = rng.random()
    if draw < 0.75:
        return json_field(content, rng)
    if draw < 0.97:
        return blindly(content, rng)
    return rng.choice(STRANGE_TEXTS).encode("utf-8", "surrogatepass")


def of_text(content, rng):
    """Changes of lines and cells of a table, or blind ones."""
    lines = content.split(b"\n")
    index = rng.randrange(len(lines))
    way = rng.randrange(5)
    if way == 0:
        lines.insert(index, rng.choice(lines))
    elif way == 1:
        lines.pop(index)
    elif way == 2:
        cells = lines[index].split(b",")
        odd = (b"", b"-1", b"9" * 5000, b"1e3", b'"', b"\0", "é".encode(), b"\xff", b"im00001.jpg")
        cells[rng.randrange(len(cells))] = rng.choice(odd)
        lines[index] = b",".join(cells)
    else:
        return blindly(content, rng)
    return b"\n".join(lines)
