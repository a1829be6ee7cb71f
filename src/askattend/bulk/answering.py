"""The rows of a shard: its images looked at once, all their questions answered."""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterator, Sequence
from dataclasses import dataclass, field

from askattend.bulk.items import Asked, Item
from askattend.bulk.regions import Looked, RegionReader
from askattend.bulk.rows import NO_WORD, Row
from askattend.runs.answer import Answer
from askattend.runs.answerer import Answerer
from askattend.runs.several_images import answer_images


@dataclass(frozen=True)
class ShardAnswerer:
    """Answers shard after shard; it knows nothing of files or of who else is at work.

    Attributes:
        answerer: the network.
        regions: what looks at images.
        common: questions of every image, before those of its own.
        batch_size: images that are looked at together; of a shard, only the last are fewer.
        top: answers to list.
        attention: True to keep maps.
    """

    answerer: Answerer
    regions: RegionReader = field(repr=False)
    common: tuple[Asked, ...]
    batch_size: int
    top: int
    attention: bool

    def rows(
        self,
        items: Sequence[Item],
        broken: dict[str, str],
        advance: Callable[[int], None] = lambda count: None,
    ) -> Generator[Row, None, None]:
        """Answer a shard.

        Args:
            items: its images.
            broken: filled with those that cannot be read, and why.
            advance: called with the number of images of each batch, once it is answered.
        """
        for looked in self.regions.batches(items, self.batch_size):
            for item, reason in zip(looked.items, looked.reasons, strict=True):
                if reason:
                    broken[item.image] = reason
            yield from self._batch(looked)
            advance(len(looked.items))

    def _batch(self, looked: Looked) -> Iterator[Row]:
        """Answer about broken images, and questions without words, too: the other answers may
        depend in their last bit on how many there are."""
        asked = [(*self.common, *item.asked) for item in looked.items]
        texts = [[question.text for question in each] for each in asked]
        answered = answer_images(self.answerer, looked.regions, texts, top=self.top)
        for item, reason, questions, answers in zip(
            looked.items, looked.reasons, asked, answered, strict=True
        ):
            for question, answer in zip(questions, answers, strict=True):
                yield self._row(item.image, question, answer, reason)

    def _row(self, image: str, question: Asked, answer: Answer, reason: str) -> Row:
        words = self.answerer.run.words
        error = reason or ("" if any(words.tokenise(question.text)) else NO_WORD)
        if error:
            return Row(image, question.text, question.id, error=error)
        return Row.answered(image, question.id, answer, attention=self.attention)
