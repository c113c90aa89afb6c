"""Texts of a language model in LaTeX: what is read is what was written, whatever was written.

A reader of our own undoes the escaping, so that nothing is lost; then the text is typeset, and read
back from the PDF.
"""

import math
import re
import shutil
import subprocess
import unicodedata
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from a3lib.kit.latex.engine import installed_engines, typeset
from a3lib.kit.latex.markup import (
    escape,
    generations,
    number,
    results_file,
    right_to_left_runs,
    table,
)
from a3lib.results.samples import ModelSamples, Samples
from a3lib.util.files import PROJECT

HEBREW, ARABIC = "\u05e9\u05dc\u05d5\u05dd", "\u0645\u0631\u062d\u0628\u0627"
FAMILY = "\U0001f468\u200d\U0001f469\u200d\U0001f467"
HOSTILE = (
    r"\input{/etc/passwd} \end{document} \write18{id} \catcode`\%=12 ^^5cinput ^^M",
    "a % b $x$ # & _ ^ ~ {} { } } \\\\[2cm] \\\\* \"double\" 'single' `back` `` '' -- --- << >> ,,",
    "".join(map(chr, (0, 1, 7, 8, 9, 11, 12, 13, 27, 127, 128, 0x85, 0x9F))) + "a\nb\r\nc\u2028d",
    "\ud800 lone \udfff \ufffd zero\u200bwidth \u202eevil\u202c \u2066x\u2069 \ufeff no\u00a0break",
    "a\u0301 z\u0351\u036b\u0343\u036a\u0302\u031e caf\u00e9 na\u00efve \u0141\u00f3d\u017a \u212b",
    f"\U0001f600 {FAMILY} \U0001f1ec\U0001f1e7 \u2764\ufe0f",
    f"{HEBREW} {HEBREW}, ({HEBREW}) 42 {ARABIC} latin",
    "\u4f60\u597d\u4e16\u754c \u0440\u0443\u0441\u0441\u043a\u0438\u0439 \u0939\u093f \ue000",
    "x" * 5000,
    "\U0001f600" * 500,
    "\u4f60" * 500,
    "\u0301" * 500,
    HEBREW * 20,
    "#" * 500,
    "",
    " ",
    "   two  spaces ",
    "[2cm] first",
    "* star",
    "flower \u2018q\u2019 \u201cd\u201d \u2013 \u2014 \u2026 \u20ac \u00bd \u00ab\u00bb ?` !`",
)

# The reader: what a macro of the escaping stands for.
MACROS = {
    **{r"\textbackslash": "\\", r"\textbraceleft": "{", r"\textbraceright": "}"},
    **{r"\textdollar": "$", r"\&": "&", r"\#": "#", r"\%": "%", r"\_": "_"},
    **{r"\textasciicircum": "^", r"\textasciitilde": "~", r"\textless": "<"},
    **{r"\textgreater": ">", r"\textbar": "|", r"\textquotedbl": '"'},
    **{r"\textquotesingle": "'", r"\textasciigrave": "`", r"\newlinemark": "\n"},
    **{r"\space": " ", r"\breakhere": ""},
    **{r"\textquoteleft": "\u2018", r"\textquoteright": "\u2019"},
    **{r"\textquotedblleft": "\u201c", r"\textquotedblright": "\u201d"},
    **{r"\textendash": "\u2013", r"\textemdash": "\u2014", r"\textellipsis": "\u2026"},
    **{r"\textbullet": "\u2022", r"\texteuro": "\u20ac", r"\texttrademark": "\u2122"},
    **{r"\textsterling": "\u00a3", r"\S": "\u00a7", r"\textcopyright": "\u00a9"},
    **{r"\textregistered": "\u00ae", r"\textdegree": "\u00b0", r"\textonehalf": "\u00bd"},
    **{r"\textperiodcentered": "\u00b7", r"\textexclamdown": "\u00a1"},
    **{r"\textquestiondown": "\u00bf", r"\guillemotleft": "\u00ab", r"\guillemotright": "\u00bb"},
    **{r"\ss": "\u00df", r"\AE": "\u00c6", r"\ae": "\u00e6", r"\O": "\u00d8", r"\o": "\u00f8"},
    **{r"\L": "\u0141", r"\l": "\u0142", r"\OE": "\u0152", r"\oe": "\u0153"},
}
MARKS = {"`": "GRAVE ACCENT", "'": "ACUTE ACCENT", "^": "CIRCUMFLEX ACCENT", "~": "TILDE"}
MARKS |= {'"': "DIAERESIS", "r": "RING ABOVE", "v": "CARON", "c": "CEDILLA"}
TOKEN = re.compile(
    r"\\(?:character|codepoint)\{(?P<code>[0-9A-F]{4,6})\}"
    r"|(?P<macro>\\(?:[A-Za-z]+|[&#%_]))\{\}"
    r"|\\righttoleft(?P<run>\{)"
    r"|\\(?P<accent>[`'^~\"rvc])\{(?P<letter>[A-Za-z])\}"
    r"|(?P<line>%\n)"
    r"|\{(?P<guarded>[\[\]*])\}"
    r"|(?P<sign>[-,])\{\}"
    r"|(?P<end>\})"
    # What stands for itself: none of the characters that LaTeX gives a meaning.
    r"|(?P<plain>[ A-Za-z0-9!().:;?/=+@])"
)


def read_back(latex: str) -> str:
    """Return the text that LaTeX shows; raises ValueError at what the escaping never writes."""
    text, place, depth, before = "", 0, 0, ""
    while place < len(latex):
        token = TOKEN.match(latex, place)
        if token is None:
            raise ValueError(f"not of the escaping: {latex[place : place + 30]!r}")
        kind, place = token.lastgroup, token.end()
        if kind == "plain":
            # LaTeX drops a space that begins a line or follows another one.
            if token[0] == " " and before in ("line", "space"):
                raise ValueError("a space that LaTeX drops")
            text += token[0]
        elif kind == "code":
            text += chr(int(token["code"], 16))
        elif kind == "macro":
            text += MACROS[token["macro"]]
        elif kind == "letter":
            mark = unicodedata.lookup(f"COMBINING {MARKS[token['accent']]}")
            text += unicodedata.normalize("NFC", token["letter"] + mark)
        elif kind == "guarded" or kind == "sign":
            text += token[kind]
        depth += (kind == "run") - (kind == "end")
        if depth not in (0, 1):
            raise ValueError("braces that do not match")
        before = "space" if token[0] == " " else kind or ""
    if depth:
        raise ValueError("an open brace")
    return text


@settings(max_examples=400, deadline=None, derandomize=True)
@given(st.text(st.characters(exclude_categories=()), max_size=90))
@example("a" * 19 + " " + "b" * 21)
@example("x" * 60 + " y")
@example("x" * 59 + "  y")
@example("\u05d0" * 70)
def test_no_text_changes(text: str) -> None:
    made = escape(text)
    assert made.isascii()
    assert read_back(made) == text


@pytest.mark.parametrize("text", HOSTILE)
def test_no_hostile_text_changes(text: str) -> None:
    assert read_back(escape(text)) == text


@settings(max_examples=200, deadline=None, derandomize=True)
@given(st.text(st.sampled_from("\\{}$&#%_^~<>|\"'`[]*-,ab \n\u05d0\u0301\u200b"), max_size=140))
def test_no_mixture_of_special_characters_changes(text: str) -> None:
    assert read_back(escape(text)) == text


def test_the_reader_refuses_what_is_dangerous() -> None:
    for latex in (
        "%x",
        "^^5c",
        r"\input{a}",
        "$",
        "{",
        "}",
        "~",
        "--",
        "a#",
        "%\n b",
        "a  b",
        "\n",
    ):
        with pytest.raises((ValueError, KeyError)):
            read_back(latex)


def test_only_long_words_break_at_every_character_and_marks_stay_with_their_letters() -> None:
    assert r"\breakhere" not in escape("a" * 20 + " " + "b" * 20)
    assert escape("a" * 21).count(r"\breakhere{}") == 20
    assert escape("a\u0301" * 11).count(r"\breakhere{}") == 10


def test_what_cannot_be_seen_is_a_box_with_its_code() -> None:
    unseen = ("\0", "\x1b", "\x7f", "\x85", "\u200b", "\u202e", "\ufe0f", "\ud800", "\ue000")
    for character in (*unseen, "\u00a0", "\u2028", "\U000e0100", "\U000e0041"):
        assert escape(character) == f"\\codepoint{{{ord(character):04X}}}"
    for character in ("\u05e9", "\u4f60", "\U0001f600", "\ufffd", "\u0301", "\ufe10"):
        assert f"\\character{{{ord(character):04X}}}" in escape(character)


def test_right_to_left_text_is_one_run_up_to_its_last_letter() -> None:
    assert right_to_left_runs("ab \u05d0\u05d1, \u05d2 c") == [(3, 7)]
    assert right_to_left_runs("\u05d0 1 \u05d1") == [(0, 0), (4, 4)]
    assert right_to_left_runs("\u05d0(\u05d1") == [(0, 0), (2, 2)]
    assert right_to_left_runs("\u0627\u064b \u0628.") == [(0, 3)]
    assert escape("a \u05d0") == r"a \righttoleft{\character{05D0}}"


def test_long_texts_are_written_on_lines_that_latex_can_read() -> None:
    assert max(map(len, escape("\U0001f600" * 5000).split("\n"))) < 3000


# Numbers, tables, generations


def test_numbers_that_are_none_are_dashes() -> None:
    assert [number(v) for v in (0.12345, 2, None, math.nan, math.inf, "x")] == [
        "0.123",
        "2.000",
        "--",
        "--",
        "--",
        "--",
    ]
    assert number(235.44, 1) == "235.4"


def test_results_get_names() -> None:
    assert results_file({"a": "0.5", "b-c": "--"}) == "\\setresult{a}{0.5}\n\\setresult{b-c}{--}\n"


def test_a_table_has_its_rule_below_the_header() -> None:
    made = table(["a", "b"], [["1", "2"], ["3", "4"]], "lr").split("\n")
    assert made == [
        r"\begin{resulttabular}{lr}",
        r"a & b \\",
        r"\midrule",
        r"1 & 2 \\",
        r"3 & 4 \\",
        r"\end{resulttabular}",
        "",
    ]


def samples_of(texts: tuple[str, ...], prompts: tuple[str, ...] | None = None) -> Samples:
    """One model's samples; the prompts are the same texts unless given."""
    rewards = tuple(0.5 for _ in texts)
    model = ModelSamples("KL, alpha = 0_1", texts, rewards, (None,) * len(texts))
    return Samples(prompts or texts, (model,))


def test_a_generation_is_its_prompt_and_then_a_paragraph_a_model() -> None:
    made = generations(samples_of(("100%",), ("a_b",))).split("\n")
    assert made == [
        r"\begin{generatedtexts}",
        r"\prompt{a\_{}b}",
        r"\completion{KL,{} alpha = 0\_{}1}{0.50}{100\%{}}",
        r"\end{generatedtexts}",
        "",
    ]


# In the PDF

needs_latex = pytest.mark.skipif(
    not installed_engines() or not shutil.which("pdftotext"),
    reason="needs a LaTeX (lualatex or pdflatex) and pdftotext",
)


def pdf_text(pdf: bytes, folder: Path) -> str:
    """What pdftotext reads in a PDF."""
    (folder / "read.pdf").write_bytes(pdf)
    command = ["pdftotext", "-layout", "-enc", "UTF-8", str(folder / "read.pdf"), "-"]
    return subprocess.run(command, capture_output=True, check=True).stdout.decode("utf-8")


def hostile_document(folder: Path) -> Path:
    """A document of all hostile texts, as prompts and as completions."""
    shutil.copy(PROJECT / "writeup/a3.sty", folder)
    body = generations(samples_of(HOSTILE)) + "THE END"
    preamble = "\\documentclass[11pt]{article}\n\\usepackage{a3}\n\\begin{document}\n"
    file = folder / "hostile.tex"
    file.write_text(f"{preamble}{body}\n\\end{{document}}\n", encoding="ascii")
    return file


@needs_latex
@pytest.mark.parametrize("engine", ["lualatex", "pdflatex"])
def test_hostile_texts_are_in_the_pdf(engine: str, tmp_path: Path) -> None:
    if engine not in installed_engines():
        pytest.skip(f"{engine} is not installed")
    made = typeset(engine, hostile_document(tmp_path))
    errors = re.findall(r"^(?:!|[^\n:]+:\d+:).*", made.log, re.MULTILINE)
    assert errors == []
    # Nothing sticks out by more than a letter; TeX says what was wider than its line.
    wide = [float(points) for points in re.findall(r"Overfull \\hbox \((.*?)pt too", made.log)]
    assert max(wide, default=0) < 10
    assert "Missing character" not in made.log

    text = pdf_text(made.pdf, tmp_path)
    assert "root:" not in text
    flat = re.sub(r"\s+", " ", text)
    for shown in (
        r"\input{/etc/passwd} \end{document} \write18{id} \catcode`\%=12 ^^5cinput ^^M",
        "a % b $x$ # & _ ^ ~ {} { } }",
        "\"double\" 'single' `back`",
        "-- --- << >> ,,",
        "caf\u00e9 na\u00efve \u0141\u00f3d\u017a",
        "[2cm] first",
        "* star",
        "THE END",
        "flower \u2018q\u2019 \u201cd\u201d \u2013 \u2014",
        "\u20ac",
        "(no text)",
        # Boxes: control characters, a lone surrogate, a bidi override, a zero-width space.
        "001B",
        "0085",
        "D800",
        "202E",
        "200B",
        "2066",
    ):
        assert shown in flat
    assert flat.count("x" * 50) >= 2 * 5000 // 100
    if engine == "lualatex" and "DejaVuSans" in made.log:
        assert text.count(HEBREW) >= 6
        assert "0627" not in text
        assert "\u0440\u0443\u0441\u0441\u043a\u0438\u0439" in text
    if engine == "pdflatex":
        assert "05E905DC05D505DD" in re.sub(r"\s", "", text)
