"""What the fitting work bought, as a figure for a paper (PNG)."""

from searchinr.engine.report import canvas, style
from searchinr.engine.report.front import FrontReport


def hypervolume_png(report: FrontReport) -> bytes:
    """Draws the hypervolume of the front against the training work spent until then.

    Returns:
        A PNG like that of `front_png`.
    """
    moments = report.milestones
    figure, axes = canvas.log_axes(style.log_range([now.macs for now in moments]), style.work)
    axes.set_ylim(0, 1.08 * report.hypervolume or 1)
    axes.set_xlabel("training work (multiply-accumulates)")
    axes.set_ylabel(style.hypervolume_title(report))
    work, value = [now.macs for now in moments], [now.hypervolume for now in moments]
    axes.step(work, value, where="post", color=style.COLOURS[0], linewidth=1.6)
    axes.plot(work[-1], value[-1], "o", color=style.COLOURS[0], markersize=5, markeredgecolor="white")
    axes.annotate(
        f"{value[-1]:.4g}", (work[-1], value[-1]), (0, 6), textcoords="offset points", ha="center", fontsize=8.5
    )
    return canvas.png(figure, report.dataset, style.subtitle(report), style.anytime_small_print(report))
