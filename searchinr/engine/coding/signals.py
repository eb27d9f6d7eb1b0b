"""encode, decode and inspect in memory: what the commands do with files, and the Python API with arrays."""

from pathlib import Path
from typing import Any

import torch
from rich.progress import Progress

from searchinr.allocator import keep_freed_memory
from searchinr.codecs.bitstream import container
from searchinr.codecs.contract import Asset, AssetSpec, Level
from searchinr.codecs.level_names import level_name
from searchinr.codecs.registry import CODECS, codec_of, decode
from searchinr.codecs.work import Work, refuse_too_much
from searchinr.cores import usable_cores
from searchinr.engine.coding.bars import bars, watch_on
from searchinr.engine.coding.config_file import EncodeConfig
from searchinr.engine.store.asset_files import find_asset, read_asset
from searchinr.errors import TrialError, UserError
from searchinr.search.configs import Config
from searchinr.signals.contract import Modality
from searchinr.signals.registry import MODALITIES
from searchinr.signals.signal import Layout, Signal
from searchinr.trial import Measurement, asset_spec, base_spec, build_asset, run_trial

MAX_SCALE = 1000.0
_LONG_S = 10.0  # what takes longer is said before


def encode_signal(signal: Signal, config: EncodeConfig, asset: Asset | None, *, quiet: bool) -> Measurement:
    """Compresses one signal: its file, and what is measured of it, by the config and asset that `with_asset` returned.

    Raises:
        UserError: The signal is too large, or the config does not train on it.
    """
    if signal.samples.size > container.MAX_VALUES:
        raise UserError(f"{signal.samples.size} values found; allowed are {container.MAX_VALUES}; crop it first")
    if (reason := CODECS[config.codec].refusal(signal.layout)) is not None:
        raise UserError(f"codec {config.codec} cannot code it: {reason}")
    try:
        return _fit(signal, config, asset, quiet)
    except TrialError as error:
        raise UserError(f"{error}; try a lower `lr`, a smaller `width`, or another backbone") from error


def with_asset(config: EncodeConfig, config_file: Path | None, given: Path | None) -> tuple[EncodeConfig, Asset | None]:
    """A config with the parameters of the asset that its files need to be decoded, and that asset.

    The asset is `given`, or the one that the config names, which is looked for beside the file of the config, if it has
    one.

    Returns:
        The config as it is, and None, if its files need no asset.

    Raises:
        UserError: The asset is missing, or of another codec, or none is needed.
    """
    spec = asset_spec(Config(config.codec, config.params))
    if spec is None or not spec.needed_to_decode:
        if given is not None:
            raise UserError(f"--asset: {given} found; codec {config.codec} needs none with these parameters")
        return config, None
    path = given
    if path is None and config.asset is not None:
        path = (config_file or Path("config")).parent / config.asset
    if path is None or not path.exists():
        raise UserError(
            f"{path or config_file or 'config'}: codec {config.codec} needs a {spec.name}, which is not there; "
            "`searchinr export` writes it beside a config, `searchinr asset export` alone: name it with --asset FILE"
        )
    found = read_asset(path)
    if found.codec != config.codec:
        raise UserError(f"{path}: an asset of codec {found.codec} found; allowed is one of {config.codec}")
    # which was made for these parameters, whatever the config says
    return config.model_copy(update={"params": {**config.params, **found.asset.spec.params}}), found.asset


def _fit(signal: Signal, config: EncodeConfig, stored: Asset | None, quiet: bool) -> Measurement:
    keep_freed_memory()
    torch.set_num_threads(min(torch.get_num_threads(), usable_cores()))  # PyTorch knows of no quota
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    with bars(quiet) as progress:
        asset = stored or _build(signal, config, device, progress)
        task = progress.add_task("fitting", total=config.steps)
        for state in run_trial(
            Config(config.codec, config.params),
            [signal],
            [config.steps],
            seed=config.seed,
            device=device,
            asset=asset,
            watch=watch_on(progress, "measuring"),
        ):
            progress.update(task, completed=state.steps)
            if isinstance(state, Measurement):
                return state
    raise AssertionError("a fit ends with a measurement")


def _build(signal: Signal, config: EncodeConfig, device: torch.device, progress: Progress) -> Asset | None:
    """What the fit starts from, where its config asks for more than an initialisation."""

    def built(spec: AssetSpec | None) -> Asset | None:
        if spec is None:
            return None
        base = built(base_spec(config.codec, spec))
        task = progress.add_task(f"building the {spec.name}")
        for state in build_asset(config.codec, spec, [signal], seed=config.seed, device=device, base=base):
            progress.update(task, completed=state.steps, total=state.total)
        return state.asset

    return built(asset_spec(Config(config.codec, config.params)))


def decode_signal(
    file: container.Container,
    source: Path | None,
    scale: float = 1.0,
    level: Level | None = None,
    asset_file: Path | None = None,
    poses: Path | None = None,
    *,
    no_limit: bool = False,
    quiet: bool,
) -> Signal:
    """The signal in an `.inr` file that lies at `source`, if it lies anywhere; for the arguments see `decode_file`."""
    modality = MODALITIES[file.layout.modality]
    layout = None if poses is None else modality.posed(file.layout_at(scale), poses)
    with bars(quiet) as progress:
        asset = find_asset(file, source, asset_file)
        watch = watch_on(progress, "decoding")

        def approve(work: Work) -> None:
            if not no_limit:
                refuse_too_much(work)
            if work.seconds > _LONG_S and not progress.disable:
                progress.console.print(f"decoding {work}")

        return decode(file, asset=asset, scale=scale, level=level, watch=watch, layout=layout, approve=approve)


def check_scale(layout: Layout, modality: Modality, scale: float) -> None:
    """Makes sure that a file can be rendered at a multiple of its resolution; `UserError` if not."""
    if not 0 < scale <= MAX_SCALE:  # nan is not
        raise UserError(f"--scale: {scale:g} found; allowed is a number above 0, at most {MAX_SCALE:g}")
    resized = modality.resized(layout, scale)
    if resized.points * resized.channels > container.MAX_VALUES:
        size = " x ".join(map(str, (*resized.grid, resized.channels)))
        raise UserError(f"--scale: {scale:g} found, which gives {size} values; allowed are {container.MAX_VALUES}")


def inspect_container(
    file: container.Container, source: Path | None, asset_file: Path | None, signal: Signal | None, *, quiet: bool
) -> dict[str, Any]:
    """What `inspect_file` says, of a file that need not lie anywhere; `signal` has the layout of the file."""
    layout, modality = file.layout, MODALITIES[file.layout.modality]
    with bars(quiet) as progress:
        codec, asset = codec_of(file), find_asset(file, source, asset_file)
        content = codec.inspect(file, asset=asset)

        def quality(level: Level | None) -> dict[str, float]:
            if signal is None:
                return {}
            watch = watch_on(progress, "decoding" if level is None else f"decoding {level_name(level)}")
            decoded = decode(file, asset=asset, level=level, watch=watch, layout=signal.judged_at)
            return modality.quality(signal.measured, decoded.samples)

        rows = [
            {**level, "bytes": size, "rate": modality.rate(layout, size), **quality(level)}
            for level, size in codec.levels(file)
        ]
        of_whole = quality(None)
    observation = modality.observation(layout)
    queries = 1 if observation is None else observation.queries_per_point
    return {
        "bytes": file.size,
        "rate": modality.rate(layout, file.size),
        "rate_unit": modality.rate_unit,
        **of_whole,
        "modality": layout.modality,
        "grid": list(layout.grid),
        "channels": layout.channels,
        "bit_depth": layout.bit_depth,
        **modality.facts(layout),
        "codec": codec.name,
        **content.about,
        **({} if content.macs_per_point is None else {"macs_per_point": queries * content.macs_per_point}),
        "bits": dict(content.bits),
        **({"levels": rows} if rows else {}),
    }


def checked_layout(signal: Signal, layout: Layout) -> Signal:
    """The signal, which must have this layout; `UserError` if it has another."""
    if signal.layout.in_file != layout:
        found, allowed = (MODALITIES[each.modality].described(each) for each in (signal.layout, layout))
        raise UserError(f"{found} found; the encoded signal has {allowed}")
    return signal
