"""What is remembered of images."""

from dataclasses import dataclass, field
from typing import Any, cast

import pytest

from swarm_operator.observed.errors import OutsideError
from swarm_operator.runtime.image_volumes import ASK_AGAIN_S, ImageVolumes


@dataclass
class Engine:
    """Has some images; counts what it is asked."""

    images: dict[str, bool] = field(default_factory=dict)
    asked: list[str] = field(default_factory=list)
    now: float = 100.0
    is_away: bool = False

    def image_volumes(self, image: str) -> bool | None:
        self.asked.append(image)
        if self.is_away:
            raise OutsideError("away")
        return self.images.get(image)

    def monotonic(self) -> float:
        return self.now


def volumes(engine: Engine, remembered: int = 3) -> ImageVolumes:
    return ImageVolumes(cast("Any", engine), cast("Any", engine), remembered)


def test_an_answer_holds() -> None:
    engine = Engine({"a": True, "b": False})
    found = volumes(engine)
    assert [found("a"), found("b"), found("a"), found("b")] == [True, False, True, False]
    engine.now += 100 * ASK_AGAIN_S
    assert found("a") is True
    assert engine.asked == ["a", "b"]


@pytest.mark.parametrize("is_away", [False, True])
def test_what_cannot_be_seen_is_asked_for_again_after_a_while(is_away: bool) -> None:
    engine = Engine(is_away=is_away)
    found = volumes(engine)
    assert [found("a"), found("a")] == [None, None]
    assert engine.asked == ["a"]
    engine.now += ASK_AGAIN_S
    engine.images["a"], engine.is_away = True, False
    assert found("a") is True


def test_memory_is_bounded_and_what_is_in_use_stays() -> None:
    """Each release is another image, known or not."""
    engine = Engine({"used": True, **{f"release-{n}": False for n in range(0, 1000, 2)}})
    found = volumes(engine)
    for number in range(1000):
        found(f"release-{number}")
        assert found("used") is True
    assert engine.asked.count("used") == 1
    assert len(found._known) == 3
