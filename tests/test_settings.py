"""Defaults < config file < environment < flags, and what is said when one of them is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest
from rich.pretty import pretty_repr

from sonickube_tui.errors import UserError
from sonickube_tui.settings import Settings, load


def test_defaults(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_CONFIG_HOME", str(tmp_path))
    assert load({}, environ={}) == Settings()


def test_each_layer_hides_the_one_before(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('theme = "file"\nselector = "file"\nengine = "silent"\nnamespaces = ["a", "b"]\n')
    settings = load(
        {"theme": "flag", "selector": None, "namespaces": ()},
        file,
        environ={"SONICKUBE_THEME": "env", "SONICKUBE_SELECTOR": "env", "SONICKUBE_ONSETS_PER_SECOND": "5"},
    )
    assert settings.theme == "flag"
    assert settings.selector == "env"
    assert settings.engine == "silent"
    assert settings.namespaces == ("a", "b")
    assert settings.onsets_per_second == 5.0


def test_a_list_in_the_environment_is_parted_by_commas(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    environ = {"SONICKUBE_NAMESPACES": "shop, payments", "SONICKUBE_CONTEXTS": "eu,us"}
    settings = load({}, file, environ=environ)
    assert settings.namespaces == ("shop", "payments")
    assert settings.contexts == ("eu", "us")


def test_a_context_that_is_named_twice_is_one_and_flags_hide_all_of_the_files(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text('contexts = ["eu", "us", "eu"]')
    assert load({}, file, environ={}).contexts == ("eu", "us")
    assert load({"contexts": ("prod",)}, file, environ={}).contexts == ("prod",)


@pytest.mark.parametrize(
    ("toml", "says"),
    [
        ('context = "prod"', r"config\.toml: unknown key 'context'; did you mean contexts\?"),
        ('contexts = "prod"', r"config\.toml: contexts: Expected `array`, got `str`, not 'prod'"),
        ('tehme = "zen"', r"config\.toml: unknown key 'tehme'; did you mean theme\?"),
        ("colour = 1", r"config\.toml: unknown key 'colour'; it can be: contexts, kubeconfig, "),
        ("theme = 3", r"config\.toml: theme: Expected `str`, got `int`, not 3"),
        ('engine = "loud"', r"config\.toml: engine: Invalid enum value 'loud', not 'loud'"),
        ("onsets_per_second = 0", r"config\.toml: onsets_per_second: .* > 0"),
        ("theme = zen", r"config\.toml is not TOML: .*line 1"),
    ],
)
def test_a_wrong_file_says_where_and_what(tmp_path: Path, toml: str, says: str) -> None:
    file = tmp_path / "config.toml"
    file.write_text(toml)
    with pytest.raises(UserError, match=says):
        load({}, file, environ={})


def test_a_named_file_must_be_there(tmp_path: Path) -> None:
    with pytest.raises(UserError, match=r"nowhere\.toml cannot be read: No such file"):
        load({}, tmp_path / "nowhere.toml", environ={})


def test_a_wrong_variable_is_named(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    with pytest.raises(UserError, match="SONICKUBE_LIGHT: light: Expected `bool`"):
        load({}, file, environ={"SONICKUBE_LIGHT": "perhaps"})


@pytest.mark.parametrize(
    ("variable", "meant"),
    [("SONICKUBE_CONTEXT", "CONTEXTS"), ("SONICKUBE_NAMESPACE", "NAMESPACES"), ("SONICKUBE_TEHME", "THEME")],
)
def test_a_variable_that_nearly_has_a_name_is_not_passed_over(
    tmp_path: Path, variable: str, meant: str
) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    with pytest.raises(UserError, match=f"unknown variable {variable}; did you mean SONICKUBE_{meant}\\?"):
        load({}, file, environ={variable: "prod"})


def test_variables_of_others_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "config.toml"
    file.write_text("")
    assert load({}, file, environ={"SONICKUBE_REQUIRE_REAL": "1", "SONICKUBE_HOME": "/"}) == Settings()


def test_what_a_crash_would_show_of_the_settings_has_no_token(tmp_path: Path) -> None:
    settings = load({"sonic_pi": "127.0.0.1:4557:-1234567890", "theme": "zen"}, environ={})
    for shown in (repr(settings), str(settings), pretty_repr(settings)):
        assert "1234567890" not in shown
        assert "theme='zen'" in shown
    assert settings.sonic_pi == "127.0.0.1:4557:-1234567890"
    config = tmp_path / "config.toml"
    config.write_text("sonic_pi = -1234567890")
    with pytest.raises(UserError, match=r"sonic_pi: Expected `str \| null`, got `int`$"):
        load({}, config, environ={})
