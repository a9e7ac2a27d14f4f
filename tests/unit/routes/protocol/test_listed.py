import pytest
from pydantic import BaseModel

from fraud_detection_api.routes.protocol.listed import listed_answer


class Item(BaseModel):
    number: float
    text: str | None = None


class Answer(BaseModel):
    before: str
    items: list[Item]
    after: int | None = None


@pytest.mark.parametrize("count", [0, 1, 3])
def test_the_answer_is_the_json_of_the_model(count):
    answer = Answer(before='"items":[]', items=[Item(number=0.1 * n, text='"items":[') for n in range(count)])
    assert listed_answer(answer, "items").body == answer.model_dump_json().encode()
