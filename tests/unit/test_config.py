"""Configuration: every mistake names the file, the key and the nearest right one."""

from pathlib import Path

import pytest

from edge.config import Config, load, split_address
from edge.errors import EXIT_CONFIG, ConfigError


def written(folder: Path, text: str) -> Path:
    path = folder / "edge.toml"
    path.write_text(text, encoding="utf-8")
    return path


def test_an_empty_file_gives_the_defaults(tmp_path: Path) -> None:
    assert load(written(tmp_path, "")) == Config()


def test_the_documented_example_is_understood(tmp_path: Path) -> None:
    config = load(
        written(
            tmp_path,
            """
[node]
name = "clinic-7"
ae_title = "CLINIC7"
data_dir = "/var/lib/edge"
[api]
listen = "127.0.0.1:8042"
[receive]
listen = "0.0.0.0:11112"
[[source]]
name = "probe"
kind = "v4l2"
device = "/dev/video0"
[[destination]]
name = "vna"
kind = "dimse"
host = "10.0.0.5"
port = 104
ae_title = "VNA"
is_required = true
[worklist]
host = "10.0.0.6"
port = 104
ae_title = "RIS"
[inbox]
slides = "/srv/scans"
""",
        )
    )
    assert config.destination[0].ae_title == "VNA"
    assert config.find_source("probe") is config.source[0]
    assert config.worklist is not None and config.worklist.port == 104


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ('[node]\nae_tittle = "X"\n', "Did you mean node.ae_title?"),
        ('[nod]\nname = "X"\n', "Did you mean node?"),
        ('[[destination]]\nname = "a"\nhots = "h"\n', "Did you mean destination.host?"),
        ("[worklist]\nhost = 'h'\nrefresh = 3\n", "Did you mean worklist.refresh_s?"),
        ('[[source]]\nname = "a"\nkind = "laser"\n', "Invalid enum value"),
        ('[[source]]\nname = "a"\nkind = "v4l2"\n', "needs the key 'device'"),
        ('[[source]]\nname = "../a"\nkind = "synthetic"\n', "may hold only"),
        ('[[destination]]\nname = "a"\n[[destination]]\nname = "a"\n', "two entries [[destination]]"),
        ('[api]\nlisten = "8042"\n', "host:port"),
        ('[[destination]]\nname = "a"\nkind = "stow"\n', "needs the key 'url'"),
        ('[[destination]]\nname = "a"\nkind = "stow"\nurl = "pacs/dicom-web"\n', "is not a web address"),
        ('[[route]]\ndestinations = ["nowhere"]\n', "leads to 'nowhere'"),
        ('[node]\nae_title = "FAR TOO LONG FOR DICOM"\n', "is not an AE title"),
        ("[node\n", "not valid TOML"),
        ('[[peer]]\nname = "a"\n', "ae_title"),
        ('[[peer]]\nname = "a"\nae_title = "A"\n[[peer]]\nname = "b"\nae_title = "A"\n', "have the AE title 'A'"),
        ('[[peer]]\nname = "a"\nae_title = "A"\naddresses = ["10.0.0.300"]\n', "is not an address or a network"),
        ('[[peer]]\nname = "a"\nae_title = "A"\nservices = ["everything"]\n', "services"),
        ("[record]\nclip_s_max = 'long'\n", "clip_s_max"),
    ],
)
def test_a_mistake_is_named(tmp_path: Path, text: str, expected: str) -> None:
    path = written(tmp_path, text)
    with pytest.raises(ConfigError) as caught:
        load(path)
    assert expected in str(caught.value)
    assert str(path) in str(caught.value)
    assert caught.value.exit_code == EXIT_CONFIG


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="does not exist"):
        load(tmp_path / "none.toml")


def test_addresses_may_be_ipv6() -> None:
    assert split_address("[::1]:104") == ("::1", 104)


@pytest.mark.parametrize("address", ["", "host", "host:", ":x", "h:70000"])
def test_a_wrong_address_is_refused(address: str) -> None:
    with pytest.raises(ConfigError):
        split_address(address)


def test_every_setting_is_documented() -> None:
    """The operating guide has a line for each key."""
    import msgspec

    guide = (Path(__file__).parents[2] / "docs" / "configuration.md").read_text(encoding="utf-8")
    for section in msgspec.structs.fields(Config):
        inner = next(
            part
            for part in (section.type, *getattr(section.type, "__args__", ()))
            if isinstance(part, type) and issubclass(part, msgspec.Struct)
        )
        for field in msgspec.structs.fields(inner):
            assert f"`{section.name}.{field.name}`" in guide
