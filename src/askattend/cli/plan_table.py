"""A plan as a table that is read in ten seconds."""

from __future__ import annotations

from collections.abc import Iterator

from askattend.planning.pipeline import Job
from askattend.planning.plan import HOUR, Phase, Plan
from askattend.planning.rates import Rates


def table(job: Job, rates: Rates, plan: Plan) -> str:
    """Write a plan: the job, the answer, what limits it, and where each rate is from."""
    return "\n".join([_title(job, rates), "", *_totals(job, plan), *_phases(plan)])


def _title(job: Job, rates: Rates) -> str:
    hosts = f"{job.hosts:,} host{'s' * (job.hosts != 1)}"
    each = f"{job.gpus} × {rates.title}, " if rates.gpu else ""
    cores = f"{rates.cores} core{'s' * (rates.cores != 1)}"
    questions = f"{job.questions_per_image:g} question{'s' * (job.questions_per_image != 1)}"
    images = f"{job.images:,} image{'s' * (job.images != 1)} with {questions} each"
    return f"{job.work}: {images}; {hosts} of {each}{cores}\n{job.backbone} at {job.image_size} px"


def _totals(job: Job, plan: Plan) -> Iterator[str]:
    gpus = f", {plan.gpu_hours:,.1f} GPU hours" if plan.gpu_hours else ""
    yield f"time      {duration(plan.hours * HOUR)}{gpus}"
    if job.work == "predict":
        yield f"results   {size(plan.results_bytes)} (assumed {job.answer_bytes:g} bytes an answer)"
    would = ", ".join(f"{size(value)} as {dtype}" for dtype, value in plan.features_bytes.items())
    if job.store:
        yield f"features  {size(plan.stored_bytes)} stored as {job.dtype} (all: {would})"
    else:
        yield f"features  none stored (they would be {would})"
    yield f"network   {size(plan.read_bytes)} read"
    if plan.money:
        kinds = ", ".join(f"{kind} {amount:,.2f}" for kind, amount in plan.money.items())
        yield f"money     {sum(plan.money.values()):,.2f} ({kinds})"


def _phases(plan: Plan) -> Iterator[str]:
    for phase in plan.phases:
        yield from ("", f"{phase.name:<9} {'images/s':>12}  busy  rate from")
        for step in phase.steps:
            mark = " ◀ " if step.name == phase.bottleneck else "   "
            yield f"{step.name:<9} {rate(step.rate):>12} {step.busy:>5.0%}{mark}{step.source}"
        yield from _limit(phase)


def _limit(phase: Phase) -> Iterator[str]:
    text = f"{phase.bottleneck} limits; twice as quick, {duration(phase.doubled_seconds)}"
    if phase.moves_to is not None and phase.moves_at is not None:
        text += f"; from {phase.moves_at:.3g} times on, {phase.moves_to} limits"
    yield f"next      {text} (now {duration(phase.seconds)})"


def rate(images: float) -> str:
    """Write images a second: whole ones, or a few digits of what is very small or large."""
    return f"{images:,.0f}" if 10 <= images < 1e15 or not images else f"{images:.2g}"


def duration(seconds: float) -> str:
    """Write a time in its largest fitting unit: ``"4.9 hours"``."""
    for unit, least in (("years", 8766 * HOUR), ("days", 24 * HOUR), ("hours", HOUR)):
        if seconds >= (2 * least if unit == "days" else least):
            return f"{seconds / least:,.1f} {unit}"
    return f"{seconds / 60:.1f} minutes" if seconds >= 60 else f"{seconds:.1f} seconds"


def size(count: float) -> str:
    """Write bytes with a unit of powers of 1,000: ``"15.7 TB"``."""
    for unit in ("bytes", "kB", "MB", "GB", "TB", "PB"):
        if count < 1000:
            return f"{count:.3g} {unit}"
        count /= 1000
    return f"{count:,.3g} EB"
