"""What a search space with `init: supernet` has to say, and what follows from it."""

from collections.abc import Mapping

from searchinr.codecs.fields.registry import FIELDS
from searchinr.codecs.mlp.params import MlpParams
from searchinr.codecs.params.sizes import MAX_SIZES, parse_sizes, sizes_text
from searchinr.space import Choice, Domain, Finding, Range, Value

_WHY = "where init can be supernet, since each value needs one of its own"


def completed(domains: Mapping[str, Domain]) -> tuple[dict[str, Domain], list[Finding]]:
    """See `Codec.completed`: the supernet's sizes, if not given, are those of the space.

    What supernets depend on must have few values, or nearly every trial would get a supernet of its own.
    """
    if "supernet" not in (_values(domains.get("init", "scratch")) or ()):
        return dict(domains), []
    complete = dict(domains)
    findings: list[Finding] = [
        ((key,), f"found {_shown(domain)}; allowed is a constant or a short choice {_WHY}")
        for key, domain in domains.items()
        if (key == "batch_fraction" or key.partition(".")[0] in (*FIELDS, "supernet")) and _values(domain) is None
    ]
    for size in ("depth", "width"):
        key = f"supernet.{size}s"
        values = _values(domains.get(size, MlpParams.model_fields[size].default))
        if values is None or len(values) > MAX_SIZES:
            text = f"found {_shown(domains[size])}; allowed are at most {MAX_SIZES} values where init can be supernet"
            findings.append(((size,), text))
        elif key not in domains:
            complete[key] = sizes_text(map(int, values))
        else:
            for held in _values(domains[key]) or ():
                missing = set(values) - set(parse_sizes(str(held)))
                if missing:
                    text = (
                        f"found {held!r}, which lacks {sizes_text(map(int, missing))}; allowed is what has every {size}"
                    )
                    findings.append(((key,), text))
    return complete, findings


def _values(domain: Domain) -> tuple[Value, ...] | None:
    """All values of a domain; None where they are too many to list."""
    match domain:
        case Choice(values):
            return values
        case Range(low, high, _, integer):
            return tuple(range(int(low), int(high) + 1)) if integer and high - low < MAX_SIZES else None
        case _:
            return (domain,)


def _shown(domain: Domain) -> str:
    if isinstance(domain, Range):
        return f"the range {domain.low:g} to {domain.high:g}"
    return f"{len(domain.values)} values" if isinstance(domain, Choice) else str(domain)
