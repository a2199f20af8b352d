"""The demo's training text: the six novels of Jane Austen (1775-1817), long in the public domain,
as Debian packages them in r-cran-janeaustenr. R keeps them compressed, as serialised vectors of
lines."""
import struct
import subprocess
import tempfile
import zlib
from pathlib import Path

PACKAGE = "r-cran-janeaustenr"
DATABASE = "usr/lib/R/site-library/janeaustenr/data/Rdata.rdb"


def database() -> bytes:
    """The package's file, from the system if it is installed, else from the archive."""
    installed = Path("/") / DATABASE
    if installed.exists():
        return installed.read_bytes()
    with tempfile.TemporaryDirectory() as directory:
        subprocess.run(["apt-get", "download", "-qq", PACKAGE], cwd=directory, check=True)
        package = next(Path(directory).glob("*.deb"))
        subprocess.run(["dpkg-deb", "-x", package, directory], check=True)
        return (Path(directory) / DATABASE).read_bytes()


def objects(data: bytes):
    """The serialised objects: each is its length and a zlib stream."""
    while data:
        (length,) = struct.unpack_from(">I", data)
        stream = zlib.decompressobj()
        text = stream.decompress(data[4:])
        assert len(text) == length
        data = stream.unused_data
        yield text


def lines(serialised: bytes) -> list:
    """A vector of strings in R's XDR format, version 3."""
    assert serialised.startswith(b"X\n\0\0\0\3"), "not R's XDR format, version 3"
    (name_length,) = struct.unpack_from(">i", serialised, 14)
    at = 18 + name_length
    flags, count = struct.unpack_from(">ii", serialised, at)
    assert flags & 0xFF == 16, "not a vector of strings"
    at += 8
    result = []
    for _ in range(count):
        flags, length = struct.unpack_from(">ii", serialised, at)
        assert flags & 0xFF == 9 and length >= 0, "not a string"
        result.append(serialised[at + 8 : at + 8 + length].decode("utf-8"))
        at += 8 + length
    return result


def paragraphs(text: list) -> str:
    """Lines of a page to lines of a paragraph, without the table of contents and the emphasis."""
    found, current = [], []
    for line in text + [""]:
        if line.strip():
            current.append(line.strip())
        elif current:
            found.append(" ".join(current).replace("_", ""))
            current = []
    return "\n\n".join(found) + "\n"


def novels() -> list:
    return [paragraphs(lines(each)) for each in objects(database())]
