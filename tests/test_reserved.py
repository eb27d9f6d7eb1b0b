import pytest

from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.quantize.registry import QUANTIZERS
from searchinr.codecs.registry import CODECS
from searchinr.discover import Registry
from searchinr.reserved import reserved
from searchinr.signals.registry import MODALITIES


@pytest.mark.parametrize("registry", [MODALITIES, CODECS, FIELDS, QUANTIZERS], ids=lambda found: found.kind.noun)
def test_reservations_fit_their_kind(registry: Registry) -> None:
    kind, owners = registry.kind, reserved(registry.kind.noun)
    assert set(owners) <= set(kind.ids[:-1]), "the last id is for experiments"
    assert not set(owners) & {found.id for found in registry.values()}, "what is here needs no reservation"
    assert not {owner.name for owner in owners.values()} & set(registry)


def test_files_have_room_for_the_kinds() -> None:
    """Bits of an id in the container and in bodies: modality 3, codec 5, backbone and quantiser 4 (0 is fp16)."""
    assert MODALITIES.kind.ids == range(8)
    assert CODECS.kind.ids == range(32)
    assert FIELDS.kind.ids == range(16)
    assert QUANTIZERS.kind.ids == range(1, 16)
