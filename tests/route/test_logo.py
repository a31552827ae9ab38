"""A city's mark on our pages draws, and does nothing else."""

from __future__ import annotations

import contextlib
import struct
import zlib

import pytest
from hypothesis import given
from hypothesis import strategies as st

from gateway.route.logo import LONGEST_LOGO, PNG, SVG, LogoError, read_logo

HEAD = '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" viewBox="0 0 48 48">'
PLAIN = f'<?xml version="1.0" encoding="UTF-8"?>\n{HEAD}<circle cx="24" cy="24" r="20" fill="#0a6b3d"/></svg>'
INKSCAPE = (
    '<svg xmlns="http://www.w3.org/2000/svg" xmlns:xlink="http://www.w3.org/1999/xlink" width="40" height="40"'
    ' xmlns:rdf="http://www.w3.org/1999/02/22-rdf-syntax-ns#" xmlns:dc="http://purl.org/dc/elements/1.1/"'
    ' xmlns:sodipodi="http://sodipodi.sourceforge.net/DTD/sodipodi-0.dtd">'
    '<sodipodi:namedview id="v"/><metadata><rdf:RDF><dc:title>市章</dc:title></rdf:RDF></metadata>'
    '<defs><linearGradient id="a"><stop offset="0" stop-color="#fff"/></linearGradient></defs>'
    "<style>.a { fill: url(#a) } .b { fill: url( '#a' ) }</style>"
    '<g style="fill:url(&quot;#a&quot;)"><path d="M0 0h9v9z"/></g><use xlink:href="#a"/></svg>'
)


def png(width: int, height: int) -> bytes:
    """Return the beginning of a PNG of a size."""
    head = struct.pack(">IIBBBBB", width, height, 8, 6, 0, 0, 0)
    chunk = b"IHDR" + head
    return b"\x89PNG\r\n\x1a\n" + struct.pack(">I", len(head)) + chunk + struct.pack(">I", zlib.crc32(chunk))


@pytest.mark.parametrize(
    ("content", "kind", "end"),
    [
        (PLAIN.encode(), SVG, ".svg"),
        (b"\xef\xbb\xbf" + PLAIN.encode(), SVG, ".svg"),
        (INKSCAPE.encode(), SVG, ".svg"),
        (png(144, 144), PNG, ".png"),
    ],
)
def test_a_picture_is_taken(content: bytes, kind: str, end: str) -> None:
    """Byte for byte, also with a drawing program's notes; its name changes with its content."""
    logo = read_logo(content)

    assert (logo.content, logo.type) == (content, kind)
    assert logo.name.startswith("logo-")
    assert logo.name.endswith(end)
    assert read_logo(content.replace(b"144", b"145") + b" ").name != logo.name


HOSTILE = [
    "<script>alert(1)</script>",
    '<x:script xmlns:x="http://www.w3.org/2000/svg">alert(1)</x:script>',
    '<x:script xmlns:x="http://www.w3.org/1999/xhtml">alert(1)</x:script>',
    '<script xmlns="">alert(1)</script>',
    '<math xmlns="http://www.w3.org/1998/Math/MathML" href="javascript:alert(1)"/>',
    '<path onload="alert(1)"/>',
    '<path OnClick="alert(1)"/>',
    '<metadata><path onload="alert(1)"/></metadata>',
    "<foreignObject><body/></foreignObject>",
    '<image href="https://a.example/x.png"/>',
    '<a href="javascript:alert(1)"><path/></a>',
    '<use href="https://a.example/x.svg#a"/>',
    '<use xlink:href="data:image/svg+xml;base64,AAAA#a"/>',
    '<use href=" #a"/>',
    '<set attributeName="href" to="javascript:alert(1)"/>',
    '<animate attributeName="d"/>',
    "<style>@import 'https://a.example/x.css';</style>",
    "<style>@/* */import 'x';</style>",
    "<style>\\40 import 'x';</style>",
    "<style>path { fill: url(https://a.example/#a) }</style>",
    "<style>path { fill: url('https://a.example/#a') }</style>",
    "<style>path { fill: UR\\4c (https://a.example/#a) }</style>",
    "<style>svg { background: image-set('https://a.example/x' 1x) }</style>",
    '<path style="fill:url(//a.example/x)"/>',
    '<path fill="url( https://a.example/x )"/>',
    '<g xml:base="https://a.example/"><use href="#a"/></g>',
    '<?xml-stylesheet href="https://a.example/x.css"?>',
    "<iframe/>",
]


@pytest.mark.parametrize("inside", HOSTILE)
def test_a_picture_that_does_more_than_draw_is_refused(inside: str) -> None:
    """Nothing in it runs, loads or leads anywhere. The message says what it was, and how to save it."""
    with pytest.raises(LogoError) as refused:
        read_logo(f"{HEAD}{inside}</svg>".encode())

    assert "SVG" in refused.value.what.en
    assert refused.value.remedy.ja


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"GIF89a",
        b"<html><svg/></html>",
        b"<svg/>",
        b"\xff\xd8\xff\xe0",
        HEAD.encode(),
        HEAD.replace("viewBox", "view").encode() + b"</svg>",
        PLAIN.encode("utf-16"),
        PLAIN.replace("UTF-8", "UTF-7").encode(),
        PLAIN.replace("UTF-8", "ISO-2022-JP").encode(),
        b'<!DOCTYPE svg [<!ENTITY a "aaaa">]>' + HEAD.encode() + b"&a;</svg>",
        HEAD.encode() + b" " * LONGEST_LOGO + b"</svg>",
        png(0, 10),
        png(10, 1_025),
        b"\x89PNG\r\n\x1a\n",
    ],
)
def test_what_is_no_picture_is_said_to_be_none(content: bytes) -> None:
    """A page, a photograph, other signs than a browser would read, an entity that grows, and what is too large."""
    with pytest.raises(LogoError):
        read_logo(content)


@given(st.binary(max_size=200))
def test_no_file_breaks_the_reading(content: bytes) -> None:
    """A file of anything is a logo or a mistake that is told, also inside an SVG."""
    for each in (content, HEAD.encode() + content + b"</svg>", png(1, 1)[:16] + content):
        with contextlib.suppress(LogoError):
            read_logo(each)
