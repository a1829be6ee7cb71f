"""askattend: small visual question answering whose attention you can see."""

from askattend.errors import AskAttendError
from askattend.models import SAAA, SAN, Output, SAAAConfig, SANConfig
from askattend.models.steps import record
from askattend.predictor import Answer, Predictor, Scene

__all__ = [
    "SAAA",
    "SAN",
    "Answer",
    "AskAttendError",
    "Output",
    "Predictor",
    "SAAAConfig",
    "SANConfig",
    "Scene",
    "record",
]
