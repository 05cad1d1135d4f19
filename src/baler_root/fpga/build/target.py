"""`Target`: the FPGA that firmware is for, from a TOML file; and clocks as people write them."""

from __future__ import annotations

import re
import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from baler_root.errors import ConfigError, nearest

DEFAULT = "vu13p"


SUFFIX = ".toml"


YOSYS_FAMILIES = ("xc7", "xcu", "xcup")


@dataclass(frozen=True, slots=True)
class Target:
    """A part, what it has, and how firmware for it is cut into stages."""

    name: str
    part: str
    """As the vendor's tools name it."""
    luts: int
    flip_flops: int
    dsps: int
    clock: str
    adder_levels: int
    """Adders one after another between two registers."""
    yosys_family: str

    @classmethod
    def load(cls, name: str) -> Self:
        """The target in a TOML file, or a built-in one by its name; raises ConfigError."""
        path = Path(name) if name.endswith(SUFFIX) else folder() / f"{name}{SUFFIX}"
        if not path.is_file():
            built_in = sorted(file.stem for file in folder().glob(f"*{SUFFIX}"))
            raise ConfigError(f"target {name!r}: no such file; built-in ones are {', '.join(built_in)}")
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise ConfigError(f"{path}: cannot be read as TOML ({error})") from None
        known = {field.name: int if field.type == "int" else str for field in fields(cls)}
        for key, value in document.items():
            if key not in known:
                hint = "".join(f"; did you mean {near!r}?" for near in nearest(key, known, 1))
                raise ConfigError(f"{path}: unknown key {key!r}{hint}")
            if not isinstance(value, known[key]) or isinstance(value, bool):
                raise ConfigError(f"{path}: {key} must be {known[key].__name__}, not {value!r}")
        if missing := [key for key in known if key not in document]:
            raise ConfigError(f"{path}: {', '.join(missing)} missing")
        out = cls(**document)
        parse_clock(out.clock)
        if out.yosys_family not in YOSYS_FAMILIES:
            raise ConfigError(f"{path}: yosys_family must be one of {', '.join(YOSYS_FAMILIES)}")
        if min(out.luts, out.flip_flops, out.adder_levels) < 1 or out.dsps < 0:
            raise ConfigError(f"{path}: luts, flip_flops and adder_levels must be positive")
        return out


def folder() -> Path:
    """Where the built-in targets are: `fpga/targets/` of the repository, or in the package that was installed."""
    installed = Path(__file__).parent / "targets"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "fpga" / "targets"


def parse_clock(text: str) -> float:
    """The frequency in MHz; raises ConfigError for what is none.

    >>> parse_clock("200MHz"), parse_clock("2.5 ns"), parse_clock("0.32 GHz")
    (200.0, 400.0, 320.0)
    """
    found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(MHz|GHz|ns)\s*", text, re.IGNORECASE)
    value = float(found[1]) if found else 0.0
    if not found or not value:
        raise ConfigError(f"clock {text!r}: write it as 200MHz or 5ns")
    unit = found[2].lower()
    return {"mhz": value, "ghz": 1000 * value, "ns": 1000 / value}[unit]
