"""A package outside searchinr that brings one of each: a modality, a codec, a backbone and a quantiser."""

from pathlib import Path

MODULES = {
    "__init__": "",
    "modality": '''
"""Clips as text, a sample a line."""

import numpy as np

from searchinr.signals.modalities.audio import AudioModality
from searchinr.signals.signal import Layout, Signal


class LabClip(AudioModality):
    name = "lab_clip"
    id = 7
    suffixes = (".lab",)

    def read(self, path):
        samples = np.loadtxt(path, dtype=np.int16)[:, None]
        return Signal(path.stem, samples, Layout(self.name, samples.shape[:1], 1, 16, (8000,)))

    def write(self, signal, path):
        np.savetxt(path, signal.samples, fmt="%d")
''',
    "backbone": '''
"""A backbone that folds where ReLU cuts."""

from searchinr.codecs.fields.affine import affine
from searchinr.codecs.fields.relu import Relu


class Fold(Relu):
    name = "lab_fold"
    id = 15

    def nonlinear(self, layer, hidden, weight, bias):
        return affine(hidden, weight, bias).abs()
''',
    "quantizer": '''
"""Steps twice as coarse as they need to be."""

from searchinr.codecs.quantize.minmax import MinMax


class Coarse(MinMax):
    name = "lab_coarse"
    id = 15

    def _choose(self, grouped, symbols):
        return (super()._choose(grouped, symbols) + 6).clamp(max=255)
''',
    "codec": '''
"""The codec of coordinate networks under another name."""

from searchinr.codecs.mlp.codec import MlpCodec


class LabCodec(MlpCodec):
    name = "lab_codec"
    id = 31
''',
}
ENTRY_POINTS = """
[searchinr.modalities]
lab_clip = lab_inr.modality:LabClip
[searchinr.codecs]
lab_codec = lab_inr.codec:LabCodec
[searchinr.backbones]
lab_fold = lab_inr.backbone:Fold
[searchinr.quantizers]
lab_coarse = lab_inr.quantizer:Coarse
"""


def install(site: Path) -> None:
    """Puts the package and its metadata into a folder of the import path, as pip would."""
    (site / "lab_inr").mkdir(parents=True)
    for name, source in MODULES.items():
        (site / "lab_inr" / f"{name}.py").write_text(source.lstrip())
    info = site / "lab_inr-1.5.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: lab-inr\nVersion: 1.5\n")
    (info / "entry_points.txt").write_text(ENTRY_POINTS)
