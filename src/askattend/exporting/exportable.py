"""Refusal, by its name, of what in a run has no graph."""

from __future__ import annotations

from askattend.errors import FeatureError, RunError
from askattend.features.spec import OWN, UNKNOWN, FeatureSpec
from askattend.runs.run_folder import Run

HUB = "hf:"
_ALONE = "--no-backbone exports the network alone, which is then given the regions."


def require_exportable(run: Run, *, backbone: bool) -> None:
    """Refuse a run of which a part has no graph.

    Args:
        run: to be exported.
        backbone: True where its backbone is to be exported, too.

    Raises:
        RunError: it has no weights, or brings an attention of somebody's own.
        FeatureError: its backbone is the model hub's, a module of somebody's own, or not known.
    """
    run.require_weights()
    if run.attention is not None:
        raise RunError(
            f"its attention is somebody's own code ({run.attention.name}), which is not exported",
            where=run.folder,
            remedy="Export a run of the paper's attention; ask, serve and predict take this one.",
        )
    if backbone:
        _require_backbone(run.features, run)


def _require_backbone(spec: FeatureSpec, run: Run) -> None:
    if spec.backbone.startswith(HUB):
        problem = f"the model hub's backbone {spec.backbone.removeprefix(HUB)} is not exported"
    elif spec.backbone.startswith(OWN):
        problem = f"its backbone {spec.backbone} is a module of somebody's own, not exported"
    elif spec.backbone == UNKNOWN:
        problem = "it is not known which backbone its features came from"
    else:
        return
    raise FeatureError(problem, where=run.folder, remedy=_ALONE)
