"""The shipped themes are whole and readable; what is wrong with a theme is said with file and field."""

from __future__ import annotations

from pathlib import Path

import pytest

from players import ROOT
from sonickube_tui.errors import UserError
from sonickube_tui.event import Kind, Severity
from sonickube_tui.music.snippets import Library
from sonickube_tui.music.theme import Palette, load_theme, read_theme, themes

SHIPPED = ("classic", "zen")

PALETTE = "\n".join(f'{colour} = "#000000"' for colour in Palette.__struct_fields__)

THEME = f"""\
name = "own"
description = "for the tests"
tempo = 90
[colours.dark]
{PALETTE}
[colours.light]
{PALETTE}
[snippets]
ready = "chime"
crashed = ""
[fallback]
ok = "hum"
error = "thud"
"""


def own(folder: Path, old: str = "", new: str = "") -> Path:
    """The theme of these tests in a file, with one thing changed."""
    assert old in THEME
    file = folder / "own.toml"
    file.write_text(THEME.replace(old, new, 1))
    return file


def luminance(colour: str) -> float:
    """Relative luminance; https://www.w3.org/TR/WCAG22/#dfn-relative-luminance"""
    channels = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue


def contrast(one: str, other: str) -> float:
    """From 1 to 21; https://www.w3.org/TR/WCAG22/#dfn-contrast-ratio"""
    dark, light = sorted((luminance(one), luminance(other)))
    return (light + 0.05) / (dark + 0.05)


def test_the_contrast_is_wcags() -> None:
    assert contrast("#000000", "#ffffff") == pytest.approx(21)
    assert contrast("#777777", "#ffffff") == pytest.approx(4.48, abs=0.005)


@pytest.mark.parametrize("room", ["dark", "light"])
@pytest.mark.parametrize("name", SHIPPED)
def test_everything_written_on_the_screen_can_be_read(name: str, room: str) -> None:
    palette: Palette = getattr(load_theme(name, [ROOT / "themes"]).colours, room)
    written = ["foreground", "dim", "accent", *Severity]
    ratios = {colour: contrast(getattr(palette, colour), palette.background) for colour in written}
    assert {colour: ratio for colour, ratio in ratios.items() if ratio < 4.5} == {}
    assert ratios["foreground"] >= 7


def test_both_themes_are_shipped() -> None:
    assert set(SHIPPED) <= set(themes([ROOT / "themes"]))


@pytest.mark.parametrize("name", themes([ROOT / "themes"]))
def test_a_shipped_theme_has_a_snippet_for_every_kind_and_names_none_that_is_missing(name: str) -> None:
    theme = load_theme(name, [ROOT / "themes"])
    library = Library([ROOT / "snippets" / name])
    assert {*theme.snippets.values(), *theme.fallback.values()} <= set(library.names)
    assert [kind for kind in Kind if library.pick(theme, kind) is None] == []
    assert set(theme.fallback) == set(Severity)
    assert theme.description


@pytest.mark.parametrize(
    ("kind", "names"),
    [
        (Kind.READY, ["chime", "hum"]),
        (Kind.COMPLETED, ["hum"]),
        (Kind.IMAGE_FAILED, ["thud"]),
        (Kind.CRASHED, []),
        (Kind.UNREADY, []),
    ],
)
def test_a_kinds_own_snippet_comes_before_its_severitys_and_the_empty_name_is_silence(
    tmp_path: Path, kind: Kind, names: list[str]
) -> None:
    assert read_theme(own(tmp_path)).candidates(kind) == names


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("ready =", "raedy =", r"\[snippets\] has 'raedy'; it can be one of: node_lost, .*, ready, "),
        (
            'error = "thud"',
            'awful = "thud"',
            r"\[fallback\] has 'awful'; it can be one of: ok, info, .*critical$",
        ),
        ('dim = "#000000"', 'dim = "red"', r"Expected `str` matching .* - at `colours\.dark\.dim`"),
        ('dim = "#000000"', 'dim = "#0000"', r"Expected `str` matching .* - at `colours\.dark\.dim`"),
        ('dim = "#000000"', "dim = 0", r"Expected `str`, got `int` - at `colours\.dark\.dim`"),
        ('dim = "#000000"\n', "", r"missing required field `dim` - at `colours\.dark`"),
        ('dim = "#000000"', 'dimm = "#000000"', r"unknown key `dimm` - at `colours\.dark`"),
        ("tempo = 90", 'tempo = "fast"', r"Expected `float`, got `str` - at `tempo`"),
        ("tempo = 90", "tempo = 0", r"Expected `float` >= 1\.0 - at `tempo`"),
        ("tempo = 90", "tempo = nan", r"Expected `float` .* - at `tempo`"),
        ("tempo = 90", "tempo = 90\nwindow = 6", r"Expected `float` <= 5\.0 - at `window`"),
        ("tempo = 90", "temper = 90", r"unknown key `temper`"),
        ('"chime"', '"../chime"', r"\[snippets\] ready = '\.\./chime': a snippet's name"),
        ('"own"', '"other"', r"name is 'other', but the file's name says 'own'"),
        ('name = "own"\n', "", r"missing required field `name`"),
        ('"own"', "own", r"Invalid value \(at line 1, column 8\)"),
    ],
)
def test_a_wrong_theme_says_file_and_field_in_one_line(tmp_path: Path, old: str, new: str, says: str) -> None:
    file = own(tmp_path, old, new)
    with pytest.raises(UserError, match=says) as refused:
        read_theme(file)
    assert str(refused.value).startswith(f"{file}: ")
    assert len(str(refused.value).splitlines()) == 1


@pytest.mark.parametrize("value", ["3", '"../chime"'])
def test_a_wrong_snippet_name_says_for_which_kind(tmp_path: Path, value: str) -> None:
    with pytest.raises(UserError, match="ready"):
        read_theme(own(tmp_path, '"chime"', value))


@pytest.mark.parametrize(("old", "new"), [('"chime"', r'"chime\n"'), ('"#000000"', r'"#000000\n"')])
def test_a_newline_is_no_part_of_a_name_or_a_colour(tmp_path: Path, old: str, new: str) -> None:
    with pytest.raises(UserError):
        read_theme(own(tmp_path, old, new))


def test_a_file_that_cannot_be_read_is_named(tmp_path: Path) -> None:
    (tmp_path / "latin.toml").write_bytes('name = "día"'.encode("latin-1"))
    for name, says in {"latin": "can't decode", "missing": "No such file"}.items():
        with pytest.raises(UserError, match=rf"{name}\.toml: .*{says}"):
            read_theme(tmp_path / f"{name}.toml")


def test_an_unknown_theme_says_which_there_are(tmp_path: Path) -> None:
    own(tmp_path)
    with pytest.raises(UserError, match=r"no theme called 'jazz'; there are: .*zen.*, own"):
        load_theme("jazz", [ROOT / "themes", tmp_path])


def test_the_users_theme_hides_the_shipped_one(tmp_path: Path) -> None:
    (tmp_path / "zen.toml").write_text(THEME.replace('"own"', '"zen"'))
    assert load_theme("zen", [ROOT / "themes", tmp_path]).description == "for the tests"
    assert load_theme("classic", [ROOT / "themes", tmp_path]).description != "for the tests"


def test_a_folder_that_is_not_there_has_no_themes(tmp_path: Path) -> None:
    assert themes([tmp_path / "nowhere"]) == {}
