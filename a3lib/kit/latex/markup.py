"""LaTeX for a run's results: texts of a language model, numbers, tables; all of it pure ASCII.

The macros are those of writeup/a3.sty.
"""

import unicodedata
from collections.abc import Mapping, Sequence
from functools import partial
from itertools import pairwise

from a3lib.results.samples import Samples
from a3lib.util.numbers import decimals

# Shown where a number was not measured.
NO_NUMBER = "--"
# A number with a fixed count of decimals; see `numbers.decimals`.
number = partial(decimals, missing=NO_NUMBER)
# Words longer than this can break at every character: few ordinary words are.
LONGEST_WORD = 20
# LaTeX reads lines of limited length, so a long text is written on several.
CHARACTERS_PER_LINE = 60

SPECIAL = {
    "\\": r"\textbackslash{}",
    "{": r"\textbraceleft{}",
    "}": r"\textbraceright{}",
    "$": r"\textdollar{}",
    "&": r"\&{}",
    "#": r"\#{}",
    "%": r"\%{}",
    "_": r"\_{}",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
    "<": r"\textless{}",
    ">": r"\textgreater{}",
    "|": r"\textbar{}",
    '"': r"\textquotedbl{}",
    "'": r"\textquotesingle{}",
    "`": r"\textasciigrave{}",
    # After \\ or \item these would begin an argument.
    "[": "{[}",
    "]": "{]}",
    "*": "{*}",
    # Two of them would become one sign.
    "-": "-{}",
    ",": ",{}",
    "\n": r"\newlinemark{}",
}
# Typographic signs that every LaTeX font has.
SIGNS = {
    "\u2018": "textquoteleft",
    "\u2019": "textquoteright",
    "\u201c": "textquotedblleft",
    "\u201d": "textquotedblright",
    "\u2013": "textendash",
    "\u2014": "textemdash",
    "\u2026": "textellipsis",
    "\u2022": "textbullet",
    "\u20ac": "texteuro",
    "\u2122": "texttrademark",
    "\u00a3": "textsterling",
    "\u00a7": "S",
    "\u00a9": "textcopyright",
    "\u00ae": "textregistered",
    "\u00b0": "textdegree",
    "\u00b7": "textperiodcentered",
    "\u00bd": "textonehalf",
    "\u00a1": "textexclamdown",
    "\u00bf": "textquestiondown",
    "\u00ab": "guillemotleft",
    "\u00bb": "guillemotright",
    "\u00df": "ss",
    "\u00c6": "AE",
    "\u00e6": "ae",
    "\u00d8": "O",
    "\u00f8": "o",
    "\u0141": "L",
    "\u0142": "l",
    "\u0152": "OE",
    "\u0153": "oe",
}
# The accent command of a combining mark, for letters that form one character with their accent.
ACCENTS = {
    "\u0300": "`",
    "\u0301": "'",
    "\u0302": "^",
    "\u0303": "~",
    "\u0308": '"',
    "\u030a": "r",
    "\u030c": "v",
    "\u0327": "c",
}
RIGHT_TO_LEFT = ("R", "AL")
# What may stand between right-to-left letters of one run. Brackets may not: they would have to be
# mirrored; nor may digits, which run from left to right.
INSIDE_A_RUN = ("NSM", "WS", "ON", "CS", "ES")


def is_visible(character: str) -> bool:
    """Say whether a character is visible: no control, format or private one and no odd space."""
    category = unicodedata.category(character)
    is_selector = 0xFE00 <= ord(character) <= 0xFE0F or 0xE0100 <= ord(character) <= 0xE01EF
    return category[0] != "C" and category not in ("Zs", "Zl", "Zp") and not is_selector


def latex_of_character(character: str) -> str:
    """Return LaTeX that shows one character other than a space."""
    if character in SPECIAL:
        return SPECIAL[character]
    if "!" <= character <= "~":
        return character
    if character in SIGNS:
        return f"\\{SIGNS[character]}{{}}"
    parts = unicodedata.normalize("NFD", character)
    is_letter = parts[0].isascii() and unicodedata.is_normalized("NFC", character)
    if is_letter and len(parts) == 2 and parts[1] in ACCENTS:
        return f"\\{ACCENTS[parts[1]]}{{{parts[0]}}}"
    return f"\\{'character' if is_visible(character) else 'codepoint'}{{{ord(character):04X}}}"


def latex_of_word(word: str) -> list[str]:
    """Return the LaTeX of each character; a long word gets places where it may break."""
    characters = [latex_of_character(character) for character in word]
    if len(word) <= LONGEST_WORD:
        return characters
    # A mark stays with the letter that it stands on.
    is_mark = [unicodedata.category(character)[0] == "M" for character in word]
    return [
        latex if place == 0 or is_mark[place] else rf"\breakhere{{}}{latex}"
        for place, latex in enumerate(characters)
    ]


def right_to_left_runs(text: str) -> list[tuple[int, int]]:
    """Return where runs of right-to-left text begin and end: their first and last letters."""
    runs: list[tuple[int, int]] = []
    is_open = False
    for place, character in enumerate(text):
        direction = unicodedata.bidirectional(character)
        if direction in RIGHT_TO_LEFT:
            first = runs.pop()[0] if is_open else place
            runs.append((first, place))
            is_open = True
        elif direction not in INSIDE_A_RUN or unicodedata.mirrored(character):
            is_open = False
    return runs


def escape(text: str) -> str:
    r"""Return a text as ASCII LaTeX that typesets to what the text says, whatever is in it.

    Latin letters and signs are LaTeX's own. Any other character is \character{its code point}, and
    shows it or a box; an invisible one is \codepoint{...}, always a box.
    """
    words = text.split(" ")
    characters = latex_of_word(words[0])
    for before, word in pairwise(words):
        # LaTeX merges several spaces into one.
        characters += [" " if before else r"\space{}", *latex_of_word(word)]
    for first, last in right_to_left_runs(text):
        characters[first] = rf"\righttoleft{{{characters[first]}"
        characters[last] += "}"
    lines, length = "", 0
    for latex in characters:
        # LaTeX drops spaces at the start of a line.
        if length >= CHARACTERS_PER_LINE and latex != " ":
            lines, length = f"{lines}%\n", 0
        lines, length = lines + latex, length + 1
    return lines


def results_file(results: Mapping[str, str]) -> str:
    r"""Return the LaTeX that gives each name its value, for \result{name}."""
    return "".join(rf"\setresult{{{name}}}{{{value}}}" + "\n" for name, value in results.items())


def table(header: Sequence[str], rows: Sequence[Sequence[str]], columns: str) -> str:
    """Return a table whose cells are LaTeX; `columns` are letters such as lrr."""
    lines = [" & ".join(cells) + r" \\" for cells in (header, *rows)]
    lines.insert(1, r"\midrule")
    return "\n".join([rf"\begin{{resulttabular}}{{{columns}}}", *lines, r"\end{resulttabular}", ""])


def generations(samples: Samples) -> str:
    """Return the prompts, and after each what every model wrote, with its reward."""
    lines = [r"\begin{generatedtexts}"]
    for place, prompt in enumerate(samples.prompts):
        lines.append(rf"\prompt{{{escape(prompt)}}}")
        for model in samples.models:
            name, reward = escape(model.name), number(model.rewards[place], 2)
            completion = escape(model.completions[place])
            lines.append(rf"\completion{{{name}}}{{{reward}}}{{{completion}}}")
    return "\n".join([*lines, r"\end{generatedtexts}", ""])
