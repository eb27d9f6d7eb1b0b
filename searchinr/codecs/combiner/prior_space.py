"""What a search space has to say about priors, and what follows from it."""

from collections.abc import Mapping

from searchinr.codecs.combiner.betas import MAX_BETAS, betas_text, canonical_betas, parse_betas
from searchinr.codecs.combiner.params import PRIOR_KEYS, CombinerParams
from searchinr.space import Choice, Domain, Finding, Range, Value

_BETAS = "neighbour.betas"


def completed(domains: Mapping[str, Domain]) -> tuple[dict[str, Domain], list[Finding]]:
    """See `Codec.completed`: the betas whose priors start from one another, if not given, are those of the space.

    What a prior depends on must have few values, or nearly every trial would get a prior of its own.
    """
    findings: list[Finding] = [
        (
            (key,),
            f"found the range {domain.low:g} to {domain.high:g}; allowed is a constant or a choice, since each "
            "value needs a prior of its own",
        )
        for key, domain in domains.items()
        if key in (*PRIOR_KEYS, "neighbour.steps") and isinstance(domain, Range)
    ]
    if findings or "neighbour" not in _values(domains.get("init", "scratch")):
        return dict(domains), findings
    betas = {float(beta) for beta in _values(domains.get("beta", CombinerParams.model_fields["beta"].default))}
    if _BETAS not in domains:
        if len(betas) > MAX_BETAS:
            text = f"found {len(betas)} values; allowed are at most {MAX_BETAS} where init can be neighbour"
            return dict(domains), [(("beta",), text)]
        return {**domains, _BETAS: betas_text(betas)}, []
    for held in _values(domains[_BETAS]):
        missing = betas - set(parse_betas(canonical_betas(str(held))))
        if missing:
            text = f"found {held!r}, which lacks {betas_text(missing)}; allowed is what has every beta"
            findings.append(((_BETAS,), text))
    return dict(domains), findings


def _values(domain: Domain) -> tuple[Value, ...]:
    """All values of a constant or a choice."""
    match domain:
        case Choice(values):
            return values
        case Range():
            return ()
        case _:
            return (domain,)
