"""What is kept between two starts: a mix for each cluster, and for each set of clusters."""

from __future__ import annotations

from pathlib import Path

import pytest

from players import Notebook, PaperEngine, conductor, event, score
from sonickube_tui.assemble import _with_its_mix
from sonickube_tui.errors import UserError
from sonickube_tui.event import Connection, Link
from sonickube_tui.music.mixer import Channel, Mixer
from sonickube_tui.state import load_mix, mix_file, save_mix

EKS = "arn:aws:eks:eu-west-1:123456789012:cluster/"


@pytest.fixture(autouse=True)
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path))
    return tmp_path


def test_each_set_of_clusters_has_a_file_whatever_its_order() -> None:
    assert mix_file(["prod"]).name == "prod.json"
    assert mix_file(["us", "eu"]) == mix_file(["eu", "us"])
    sets = [["eu"], ["us"], ["eu", "us"], ["eu+us"], ["eu/us"], ["eu", "us", "ap"]]
    assert len({mix_file(clusters) for clusters in sets}) == len(sets)
    assert {mix_file(clusters).parent for clusters in sets} == {mix_file(["eu"]).parent}


def test_many_long_names_have_a_file_too() -> None:
    many = [[f"{EKS}prod-{n}" for n in range(count)] for count in (8, 9)]
    for number, clusters in enumerate(many):
        save_mix(mix_file(clusters), Mixer((Channel(f"shop-{number}"),)))
    assert [channel.name for clusters in many for channel in load_mix(mix_file(clusters))] == [
        "shop-0", "shop-1"
    ]  # fmt: skip


def test_a_mix_comes_back_as_it_was_kept() -> None:
    mix = (Channel("batch", -3.0, muted=True), Channel("shop", soloed=True, pan=-0.4))
    save_mix(mix_file(["eu"]), Mixer(mix))
    assert tuple(load_mix(mix_file(["eu"]))) == mix


def test_a_mix_from_before_there_were_pans_is_in_the_middle() -> None:
    file = mix_file(["eu"])
    file.parent.mkdir(parents=True)
    file.write_text('[{"name": "shop", "gain_db": -3.0, "muted": true, "soloed": false}]')
    assert list(load_mix(file)) == [Channel("shop", -3.0, muted=True, pan=0.0)]


def test_a_mix_with_a_pan_beyond_the_ears_says_what_to_do() -> None:
    file = mix_file(["eu"])
    file.parent.mkdir(parents=True)
    file.write_text('[{"name": "shop", "pan": 7}]')
    with pytest.raises(UserError, match=r"pan must be between -1 and 1, not 7.*move it away"):
        load_mix(file)


@pytest.mark.parametrize(("clusters", "gain"), [((), -1.0), (("eu",), -1.0), (("us", "eu"), -2.0)])
async def test_the_mix_is_there_before_the_first_event(clusters: tuple[str, ...], gain: float) -> None:
    save_mix(mix_file(["eu"]), Mixer((Channel("shop", gain_db=-1.0),)))
    save_mix(mix_file(["eu", "us"]), Mixer((Channel("shop", gain_db=-2.0),)))
    desk = conductor(PaperEngine(), Notebook())
    connecting = Connection(at=1.0, cluster="eu", link=Link.CONNECTING)
    async for item in _with_its_mix(desk, score(connecting, event(), then_wait=False), clusters):
        if item is not connecting:
            assert desk.mixer["shop"].gain_db == gain
    assert len(desk.mixer) == 1
