"""What of a text may be put before a person.

Everything here takes bounded bytes and time that grows with them; nothing is parsed.
"""

import re

# What reorders the characters around it, so that a text reads differently from what it says.
_REORDERING = re.compile("[\u202a-\u202e\u2066-\u2069]")
_CONTROLS = {code: 0x2400 + code for code in range(0x20) if chr(code) not in "\t\n"} | {0x7F: 0x2421}
_NEWLINES = re.compile("\r\n?|\u2028|\u2029|\x0c")


def presentable(text: str) -> str:
    """With plain line ends, and with what is invisible or reorders others made visible."""
    text = _NEWLINES.sub("\n", text).translate(_CONTROLS)
    return _REORDERING.sub(lambda found: f"\u27e8U+{ord(found.group()):04X}\u27e9", text)
