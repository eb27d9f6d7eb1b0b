"""Code books of weights by k-means (Gordon et al.; Han et al., "Deep Compression", ICLR 2016)."""

from collections.abc import Mapping, Sequence
from typing import ClassVar

import torch
from torch import Tensor

from searchinr.codecs.bitstream.quant_spec import BOOK, QuantSpec, worth_a_book
from searchinr.codecs.bitstream.steps import nearest_code, symbol_range
from searchinr.codecs.quantize.contract import STEP, Coded, Quantizer
from searchinr.codecs.quantize.lsq import Lsq
from searchinr.codecs.quantize.uniform import round_through, step_of

_ITERATIONS = 30
_BITS_PER_ENTRY = 7  # entries ascend within 1,024 values, and files hold the gaps between them


class KMeans(Quantizer):
    """Weights are replaced by the nearest of 2**bits learnt values.

    Either each tensor has a code book of its own, or all share one that is scaled to the largest weight of each tensor
    or channel. The cheaper way at equal error is chosen: one bit per weight divides the squared error by four, so
    sharing pays if the bits of the saved books exceed half the binary logarithm of the errors' ratio for every weight.
    """

    name: ClassVar[str] = "kmeans"
    id: ClassVar[int] = 8
    has_book: ClassVar[bool] = True

    def __init__(self, parts: Sequence[QuantSpec]) -> None:
        super().__init__(parts)
        self._large = [part for part in self.parts if worth_a_book(part)]
        self._small = Lsq([part for part in self.parts if not worth_a_book(part)])

    def start(self, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
        """See `Quantizer.start`.

        Returns:
            The weights; `name:step`, `(B, G)`; `name:book`, `(B, K)`, for each part with a code book of its own; and
            `:book b` for each bit-width b whose parts share one. Entries are real numbers; 1 stands for the largest
            weight.
        """
        latents = self._small.start(weights)
        scaled: dict[int, dict[QuantSpec, Tensor]] = {}
        for part in self._large:
            latents[part.name] = weights[part.name].detach().clone()
            peaks = part.group(latents[part.name]).abs().amax(-1)  # (B, G)
            latents[f"{part.name}{STEP}"] = torch.log((peaks / BOOK.high).clamp_min(2.0**-29))
            scaled.setdefault(part.bits, {})[part] = _numbers(part, latents, step_of(_steps(part, latents)))
        for bits, flats in scaled.items():
            latents.update(_books(bits, flats))
        return latents

    def values(self, latents: Mapping[str, Tensor], progress: float = 1.0) -> dict[str, Tensor]:
        """See `Quantizer.values`; gradients reach the weights (straight through) and the entries that replace them."""
        values = self._small.values(latents, progress)
        for part in self._large:
            book, steps = _book(part, latents), step_of(_steps(part, latents))  # (B, K), (B, G)
            numbers = _numbers(part, latents, steps)  # (B, n)
            entries = round_through(book.clamp(*BOOK)).gather(1, _nearest_entry(numbers, book))
            through = (entries + (numbers - numbers.detach())).view(*steps.shape, -1)  # (B, n) -> (B, G, m)
            values[part.name] = part.ungroup(through * steps.unsqueeze(-1))
        return values

    def coded(self, latents: Mapping[str, Tensor]) -> dict[str, Coded]:
        """See `Quantizer.coded`."""
        coded = self._small.coded(latents)
        for part in self._large:
            book = _book(part, latents).detach()  # (B, K)
            steps = _steps(part, latents)  # (B, G)
            indices = _nearest_entry(_numbers(part, latents, step_of(steps)), book)  # (B, n)
            order = book.argsort(1)  # training may have changed it
            rank = order.argsort(1)
            entries = torch.round(book.gather(1, order).clamp(*BOOK)).long()  # (B, K)
            symbols = rank.gather(1, indices).view(*steps.shape, -1)  # (B, n) -> (B, G, m)
            coded[part.name] = Coded(symbols, steps, book=entries)
        return coded


def _steps(part: QuantSpec, latents: Mapping[str, Tensor]) -> Tensor:
    """The bytes that name the steps of a part, `(B, G)`."""
    return nearest_code(latents[f"{part.name}{STEP}"])


def _numbers(part: QuantSpec, latents: Mapping[str, Tensor], steps: Tensor) -> Tensor:
    """The weights of a part in units of its steps `(B, G)`, group after group: `(B, n)`."""
    return (part.group(latents[part.name]) / steps.unsqueeze(-1)).flatten(1)  # (B, G, m) -> (B, n)


def _book(part: QuantSpec, latents: Mapping[str, Tensor]) -> Tensor:
    """The code book of a part in units of its steps, `(B, K)`."""
    own = f"{part.name}:book"
    return BOOK.high * latents[own if own in latents else f":book {part.bits}"]


def _books(bits: int, flats: Mapping[QuantSpec, Tensor]) -> dict[str, Tensor]:
    """Makes code books for the parts of one bit-width: one for each part, or one for all of them.

    Args:
        bits: The bit-width.
        flats: The weights of each part in units of its steps, `(B, n)`.
    """
    count = symbol_range(bits).number
    own = {part: lloyd(flat, count) for part, flat in flats.items()}
    shared = lloyd(torch.cat(list(flats.values()), dim=1), count)  # (B, K)
    lost = sum(
        flat.shape[1] * 0.5 * torch.log2(_error(flat, shared) / _error(flat, own[part])).mean()
        for part, flat in flats.items()
    )
    if lost < (len(flats) - 1) * count * _BITS_PER_ENTRY:
        return {f":book {bits}": shared / BOOK.high}
    return {f"{part.name}:book": book / BOOK.high for part, book in own.items()}


def _error(flat: Tensor, book: Tensor) -> Tensor:
    """Squared error of the nearest entries, `(B,)`. Files hold integers, so some error is always left."""
    entries = torch.round(book).gather(1, _nearest_entry(flat, book))
    return (entries - flat).square().sum(1) + flat.shape[1] / 12


def lloyd(flat: Tensor, count: int) -> Tensor:
    """Finds the centres of `count` clusters in each row, by Lloyd's iterations from evenly spaced quantiles.

    Args:
        flat: `(B, n)`, where n is at least `count`.
        count: Number of clusters, K.

    Returns:
        `(B, K)`, ascending.
    """
    ordered = flat.sort(1).values
    places = (torch.arange(count, device=flat.device) + 0.5) / count * flat.shape[1]
    centres = ordered[:, places.long()]  # (B, K)
    for _ in range(_ITERATIONS):
        member = torch.searchsorted(_between(centres), ordered)  # (B, n)
        total = torch.zeros_like(centres).scatter_add_(1, member, ordered)
        weight = torch.zeros_like(centres).scatter_add_(1, member, torch.ones_like(ordered))
        centres = torch.where(weight > 0, total / weight.clamp_min(1), centres).sort(1).values
    return centres


def _between(centres: Tensor) -> Tensor:
    """The borders between neighbouring ones of the ascending centres: `(B, K)` -> `(B, K - 1)`."""
    return ((centres[:, 1:] + centres[:, :-1]) / 2).contiguous()


def _nearest_entry(numbers: Tensor, book: Tensor) -> Tensor:
    """The index of the rounded entry that is nearest to each number: `(B, n)`, `(B, K)` -> `(B, n)`."""
    entries, order = torch.round(book.detach().clamp(*BOOK)).sort(dim=1, stable=True)
    place = torch.searchsorted(_between(entries), numbers.detach().contiguous())  # (B, n)
    return order.gather(1, place)


QUANTIZER = KMeans
