"""XML as a stream of events, from parts of an archive that is opened with a limit. DTDs, so entities, are refused."""

import zipfile
import zlib
from collections.abc import Callable, Iterator
from typing import BinaryIO
from xml.parsers import expat

from documents.extraction.refusals import Locked, TooLarge, Unreadable

_DAMAGED = (
    zipfile.BadZipFile, OSError, KeyError, RuntimeError, NotImplementedError, EOFError, ValueError, zlib.error,
)  # fmt: skip
CHUNK = 128 * 1024
MEMBERS_LIMIT = 20_000


class Archive:
    """A ZIP whose members may not unpack to more than so many bytes together."""

    def __init__(self, file: BinaryIO, limit_bytes: int) -> None:
        file.seek(0)
        try:
            self._zip = zipfile.ZipFile(file)
        except (zipfile.BadZipFile, OSError, ValueError, NotImplementedError) as error:
            raise Unreadable from error
        self._left = limit_bytes
        self.names = self._zip.namelist()[:MEMBERS_LIMIT]
        self._known = set(self.names)

    def __contains__(self, name: str) -> bool:
        return name in self._known

    def chunks(self, name: str) -> Iterator[bytes]:
        """The bytes of a member, as many as there really are, whatever it claims. Raises TooLarge, Locked."""
        try:
            info = self._zip.getinfo(name)
            if info.flag_bits & 1:
                raise Locked
            if info.file_size > self._left:
                raise TooLarge
            with self._zip.open(info) as member:
                while chunk := member.read(CHUNK):
                    self._left -= len(chunk)
                    if self._left < 0:
                        raise TooLarge
                    yield chunk
        except (
            zipfile.BadZipFile,
            OSError,
            KeyError,
            RuntimeError,
            NotImplementedError,
            EOFError,
            ValueError,
        ) as error:
            raise Unreadable from error
        except Exception as error:
            if type(error).__module__ == "zlib":
                raise Unreadable from error
            raise

    def read(self, name: str) -> bytes:
        return b"".join(self.chunks(name))


Attributes = dict[str, str]


def parse(
    chunks: Iterator[bytes],
    start: Callable[[str, Attributes], None] = lambda name, attributes: None,
    end: Callable[[str], None] = lambda name: None,
    text: Callable[[str], None] = lambda data: None,
    is_enough: Callable[[], bool] = lambda: False,
) -> None:
    """Feed a document to handlers, until they have enough; names come as "prefix:name" was written.

    Raises Unreadable.
    """
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.StartElementHandler, parser.EndElementHandler, parser.CharacterDataHandler = start, end, text
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = _refuse
    parser.SetParamEntityParsing(expat.XML_PARAM_ENTITY_PARSING_NEVER)
    try:
        for chunk in chunks:
            parser.Parse(chunk, False)
            if is_enough():
                return
        parser.Parse(b"", True)
    except expat.ExpatError as error:
        raise Unreadable from error


def _refuse(*_said: object) -> None:
    raise Unreadable
