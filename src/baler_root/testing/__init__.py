"""The suite every codec must pass, for packages that offer one."""

from __future__ import annotations

from baler_root.testing.codec_suite import CodecSuite

__all__ = ["CodecSuite"]
