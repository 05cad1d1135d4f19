"""`Target`: the FPGA that firmware is made for, read from a TOML file."""

from __future__ import annotations

import tomllib
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Self

from baler_root.errors import ConfigError, nearest
from baler_root.training.hardware.budget import parse_clock

DEFAULT = "vu13p"
"""Name of the default target."""


SUFFIX = ".toml"


YOSYS_FAMILIES = ("xc7", "xcu", "xcup")
"""Families of `synth_xilinx` in yosys that targets can name."""


@dataclass(frozen=True, slots=True)
class Target:
    """A part, its resources, and how firmware for it is pipelined.

    The attributes are the keys of the TOML file.
    """

    name: str
    part: str
    """Name of the part in the vendor's tools."""
    luts: int
    flip_flops: int
    dsps: int
    clock: str
    """Default clock, such as `200MHz`."""
    adder_levels: int
    """Default for the adders in series between two registers."""
    yosys_family: str

    @classmethod
    def load(cls, name: str) -> Self:
        """Read a TOML file, or a built-in target by its name; raises ConfigError."""
        path = Path(name) if name.endswith(SUFFIX) else folder() / f"{name}{SUFFIX}"
        if not path.is_file():
            built_in = sorted(file.stem for file in folder().glob(f"*{SUFFIX}"))
            raise ConfigError(f"target {name!r}: no such file; built-in ones are {', '.join(built_in)}")
        try:
            document = tomllib.loads(path.read_text(encoding="utf-8"))
        except (ValueError, OSError) as error:
            raise ConfigError(f"{path}: cannot be read as TOML ({error})") from None
        types = {field.name: int if field.type == "int" else str for field in fields(cls)}
        for key, value in document.items():
            if key not in types:
                hint = "".join(f"; did you mean {near!r}?" for near in nearest(key, types, 1))
                raise ConfigError(f"{path}: unknown key {key!r}{hint}")
            if not isinstance(value, types[key]) or isinstance(value, bool):
                raise ConfigError(f"{path}: {key} must be {types[key].__name__}, not {value!r}")
        if missing := [key for key in types if key not in document]:
            raise ConfigError(f"{path}: {', '.join(missing)} missing")
        target = cls(**document)
        parse_clock(target.clock)
        if target.yosys_family not in YOSYS_FAMILIES:
            raise ConfigError(f"{path}: yosys_family must be one of {', '.join(YOSYS_FAMILIES)}")
        if min(target.luts, target.flip_flops, target.adder_levels) < 1 or target.dsps < 0:
            raise ConfigError(f"{path}: luts, flip_flops and adder_levels must be positive")
        return target


def folder() -> Path:
    """Folder of the built-in targets: in an installed package, or `fpga/targets/` of the repository."""
    installed = Path(__file__).parent / "targets"
    return installed if installed.is_dir() else Path(__file__).parents[4] / "fpga" / "targets"
