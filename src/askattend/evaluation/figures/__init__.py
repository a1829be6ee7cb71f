"""The figures of an evaluation: a module each, and the list of them.

To add one, write a module with the three functions of `Figure` and its name into the list. Another
package adds its own by an entry point; see `Registry`.
"""

from __future__ import annotations

from askattend.errors import ConfigError
from askattend.evaluation.evaluate import Figure, Metrics
from askattend.registry import Registry

# In the order of the page. A figure's name is its module's, and its key in metrics.json.
_OWN = (
    "by_answer_type",
    "by_question_type",
    "by_first_words",
    "by_question_length",
    "wups",
    "published",
    "pairs",
    "paraphrases",
    "reliability",
    "abstention",
    "unknown_words",
    "unlike_pictures",
    "grounding",
    "grounding_by_type",
    "removal",
    "attribution",
    "lost_training",
    "map_stability",
    "human_maps",
    "without_image",
)
# Measured from answers alone, whoever gave them; see `AnsweredQuestions`.
_OF_ANSWERS = (
    *("by_answer_type", "by_question_type", "by_first_words", "by_question_length"),
    *("wups", "published", "pairs", "paraphrases", "reliability"),
)
FIGURES: Registry[Figure] = Registry(
    "askattend.figures", Figure, {name: f"{__name__}.{name}" for name in _OWN}
)


def all_figures() -> dict[str, Figure]:
    """Find every figure by name, those of other packages last.

    Raises:
        ConfigError: another package's cannot be imported, is none, or has a name that is taken.
    """
    found: dict[str, Figure] = {}
    for name in FIGURES.names():
        if name in Metrics.__struct_fields__:
            raise ConfigError(
                f"a figure cannot be called '{name}': metrics.json has that already",
                where=f"entry points '{FIGURES.group}'",
                remedy="Rename or uninstall it.",
            )
        figure = FIGURES.find(name)
        assert figure is not None
        found[name] = figure
    return found


def figures_of_answers() -> dict[str, Figure]:
    """Find the figures that need no network, by name."""
    return {name: figure for name, figure in all_figures().items() if name in _OF_ANSWERS}
