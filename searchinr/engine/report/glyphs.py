"""Text in figures: names that users gave are shown as they are, whatever is in them."""

from contextlib import suppress
from functools import cache

from matplotlib.font_manager import FontEntry, findfont, fontManager, get_font
from matplotlib.text import Text


def show_plainly(words: Text) -> None:
    r"""Takes text for no formula, and for characters that its font lacks a font of this machine that has all of them.

    Where there is none, such a character is written by its code, as `\u5199`: other names would look the same as
    boxes.
    """
    words.set_parse_math(False)
    known = get_font(findfont(words.get_fontproperties())).get_charmap()
    missing = frozenset(c for c in words.get_text() if ord(c) not in known and c != "\n")
    if not missing:
        return
    if (font := _font_with(missing)) is not None:
        words.set_fontfamily([*words.get_fontfamily(), font.name])
        words.set_fontweight(font.weight)
    else:
        coded = (c.encode("unicode_escape").decode() if c in missing else c for c in words.get_text())
        words.set_text("".join(coded))


@cache
def _font_with(characters: frozenset[str]) -> FontEntry | None:
    """A font that has all of these characters; the fonts of last resort have a box for each."""
    for font in fontManager.ttflist:
        with suppress(OSError, RuntimeError):  # fonts that matplotlib cannot read
            known = get_font(font.fname).get_charmap().keys()
            if {ord(c) for c in characters} <= known and not font.name.replace(" ", "").startswith("LastResort"):
                return font
    return None
