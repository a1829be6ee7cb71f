"""askattend: small visual question answering whose attention you can see."""

from askattend.checking import CheckReport, check
from askattend.errors import AskAttendError
from askattend.models import SAAA, SAN, Output, SAAAConfig, SANConfig
from askattend.predictor import Answer, Predictor, Scene

__all__ = [
    "SAAA",
    "SAN",
    "Answer",
    "AskAttendError",
    "CheckReport",
    "Output",
    "Predictor",
    "SAAAConfig",
    "SANConfig",
    "Scene",
    "check",
]
