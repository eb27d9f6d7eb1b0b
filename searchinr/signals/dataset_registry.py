"""The data sets that are known by name: their files, where these come from, and their check sums."""

from collections.abc import Mapping
from dataclasses import dataclass, field

_KODAK_URL = "https://r0k.us/graphics/kodak/kodak/"
_LIBRISPEECH_URL = (
    "https://raw.githubusercontent.com/resemble-ai/Resemblyzer/15d828e/audio_data/librispeech_test-other/"
)


@dataclass(frozen=True)
class RemoteFile:
    """A file that can be downloaded.

    Attributes:
        url: Where from.
        sha256: Check sum of its content, hexadecimal.
    """

    url: str
    sha256: str


@dataclass(frozen=True)
class RegisteredDataset:
    """A data set known by name.

    Attributes:
        name: Name in space files.
        modality: Name of its modality.
        description: One line for people.
        remote: File name -> where to download it, in the order of the data set. Empty if it cannot be downloaded.
        bundled: File names inside the installed scikit-image -> check sums (SHA-256), in the order of the data set.
            Where neither these nor `remote` says which files there are, the data set consists of all the files in its
            folder.
        part: Folder inside that of the data set of which this one is a part, e.g. ``cifar10/test``; empty for others.
    """

    name: str
    modality: str
    description: str
    remote: Mapping[str, RemoteFile]
    bundled: Mapping[str, str] = field(default_factory=dict)
    part: str = ""

    @property
    def folder(self) -> str:
        """Its place below `<data folder>/<modality>`."""
        return self.part or self.name

    @property
    def sha256(self) -> Mapping[str, str]:
        """File names, in the order of the data set, -> check sums; empty if it is all the files in its folder."""
        return self.bundled or {name: file.sha256 for name, file in self.remote.items()}


_PHOTOS = {
    "astronaut.png": "88431cd9653ccd539741b555fb0a46b61558b301d4110412b5bc28b5e3ea6cb5",
    "chelsea.png": "596aa1e7cb875eb79f437e310381d26b338a81c2da23439704a73c4651e8c4bb",
    "coffee.png": "cc02f8ca188b167c775a7101b5d767d1e71792cf762c33d6fa15a4599b5a8de7",
    "rocket.jpg": "c2dd0de7c538df8d111e479619b129464d0269d0ae5fd18ca91d33a7fdfea95c",
    "motorcycle_left.png": "db18e9c4157617403c3537a6ba355dfeafe9a7eabb6b9b94cb33f6525dd49179",
    "hubble_deep_field.jpg": "3a19c5dd8a927a9334bb1229a6d63711b1c0c767fb27e2286e7c84a3e2c2f5f4",
    "retina.jpg": "38a07f36f27f095e818aea7b96d34202c05176d30253c66733f2e00379e9e0e6",
    "ihc.png": "f8dd1aa387ddd1f49d8ad13b50921b237df8e9b262606d258770687b0ef93cef",
}

_KODAK_SHA256 = (
    "a56e27cbf5f843c048b6af1d6e090760e9c92fadba88b7dee0205918a37523bd",
    "4f4b74a79237e311d72cad958237b5f7088d8bce1c82305ebefe1a70e3022dfd",
    "e25ca1ff2f0c0cb5fdfd5f9b0a0bb21ac4c3de3c84a67f35b09a85d3306249db",
    "e3b946107c5d3441c022f678d0c3caf1e224d81b1604ba840a4f88e562de61aa",
    "10349e963c5c813d327852f82c1795fa4148d69fedffc4c589bee458e3ac3d53",
    "363510303b715d4cbc384e1ce227e466b613a09e1b71ae985882bf8e7fbd9b18",
    "b77d3f006f42414bb242222e0482e750c0fb9e5ee8d4bed2f6f11c5605fe54a4",
    "ba23983c76b4832ee0e8af0592664756841a16779acd69f792e268fb6d13d6e7",
    "6a4361c2fc194feb4edaa9f9a4a0620fb9943e460ac7fdf037fb0f6dd6607a7d",
    "9dfb70f5867c29ff9ed6313683f19b3d867849e40fbc0c4c54a4a89df341cf23",
    "7936814b58b5387fce2e4e2488b4ec830dadd95fa9520f358ddb30990b50f2b6",
    "d78c37c2f04f23761ed2367dd77e2db584ddd4c3950833fecf89f199a8126980",
    "bc34a3ce58dea09dce1704c997171602de90cb34d0c8503a988b77f473d39b08",
    "55a94550ff18f3246c4074fd32b77b0c74447c26b6ad274d564d999c0450ba6e",
    "7538cbb80cb9103606c48b806eae57d56c885c7f90b9b3be70a41160f9cbb683",
    "a89c7268ccd4718ba424a99fc4643c572cf692ca6eae887185ceb4e9f11d2e54",
    "37afcc89fbdcb76d9518e04b2fc011027e2f4cd14b3b2f83cefd721641a47c5b",
    "1a9258c365988961d87a0598725b609139c303ad48a5aad6c503c3b1a87849aa",
    "b7450b264b1b0a411390d8931b112c27905a992520fc90569dc4b920aa32bbdc",
    "3b46c71e3b92a563820ba32936be8330c586c41f938efd94be938386aae4328a",
    "ac958597c82073f6bb65129c68f72b651db5b9efd82e11547d07350214bc268b",
    "1cee58eb1f2d9c7ebb254d208a03c783ce6cf2c4d8c2cf45e235dd23b4ce1b29",
    "e3111a2fd4da24af15d6459ef9eacfe54106b38e27b4a21821b75c3f5d2d5baf",
    "1071c68372cc5a01435c2c225a5cf7d4bb803846ec08bb6b3d6721b156d7cb96",
)

_LIBRISPEECH_SHA256 = {
    "1688-142285-0004": "223ff135fcf54e64334ce971b74c075ef2bef4bf0ae32ff48c0f4118ab21e191",
    "1688-142285-0007": "de4deef5036c6c67974dff3a321884fd5dc508994c2285fd76a5204b0525aa4a",
    "1998-15444-0001": "996cf36ef615e5a92c2743b633314008ecaf1599c8a5d07004a18f5e0fe6a06d",
    "1998-15444-0007": "8660d1924f0532c9e4a147acef48476d059d1e165d4d01f22e0d9967dbd3b241",
    "2414-128291-0006": "6b10d98e01b78ec33659dcb472caa263c9ceb45812c2bed093fcb2d14ec40559",
    "2414-128291-0007": "a7dddb96b9890671704a67067ab18450107a43438b83b538e6898974ac07327c",
    "2609-156975-0000": "99e81fa19b6506bb9d44485194e2c62d7c962fae5c9bf5738e5013a54fad5c4d",
    "2609-156975-0009": "8040aaa1b71a8f231a464d968fd126e8bd78c38bd0e6f56a392ade190687546d",
    "3005-163389-0001": "73f2f21e12f02916f61ad6dd58569318af93b65229c3c9dd212374c7f5945422",
    "3080-5032-0003": "b7047e4d3117e638fc26ae71e539ebea40793e0213aefd5f9031d9d6350a91bc",
}

_DATASETS = (
    RegisteredDataset(
        "photos", "image", "colour photographs that come with scikit-image; no download needed", {}, bundled=_PHOTOS
    ),
    RegisteredDataset(
        "kodak",
        "image",
        "Kodak Lossless True Color Image Suite, 24 photographs of 768x512 or 512x768",
        {
            f"kodim{number:02}.png": RemoteFile(f"{_KODAK_URL}kodim{number:02}.png", sha256)
            for number, sha256 in enumerate(_KODAK_SHA256, start=1)
        },
    ),
    RegisteredDataset("cifar10", "image", "CIFAR-10 images of 32x32 as PNG files, as many as the folder holds", {}),
    RegisteredDataset("cifar10-test", "image", "those in its folder `test`", {}, part="cifar10/test"),
    RegisteredDataset(
        "cifar10-train", "image", "those in its folder `train`: training signals", {}, part="cifar10/train"
    ),
    RegisteredDataset(
        "librispeech",
        "audio",
        "LibriSpeech (test-other), ten utterances of 3 to 7 s by six speakers, 16 kHz mono",
        {
            f"{utterance}.flac": RemoteFile(f"{_LIBRISPEECH_URL}{utterance.split('-')[0]}/{utterance}.flac", sha256)
            for utterance, sha256 in _LIBRISPEECH_SHA256.items()
        },
    ),
)

REGISTRY: Mapping[str, RegisteredDataset] = {dataset.name: dataset for dataset in _DATASETS}
