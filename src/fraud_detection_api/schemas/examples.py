"""Examples of answers, made of those that their fields declare."""

from collections.abc import Mapping
from typing import Any


def example_of(schema: Mapping[str, Any], schemas: Mapping[str, Any]) -> Any:
    """A value that follows the schema, whose references lead to `schemas`.

    Raises LookupError for a schema that neither has an example nor says what a value is.

    >>> example_of({"properties": {"a": {"examples": [7]}, "b": {"type": "array", "items": {"const": "x"}}}}, {})
    {'a': 7, 'b': ['x']}
    """
    if "$ref" in schema and "examples" not in schema:
        return example_of(schemas[schema["$ref"].rpartition("/")[2]], schemas)
    for given in ("example", "const", "default"):
        if given in schema:
            return schema[given]
    for listed in ("examples", "enum"):
        if listed in schema:
            return schema[listed][0]
    if "anyOf" in schema:
        return example_of(schema["anyOf"][0], schemas)
    if "items" in schema:
        return [example_of(schema["items"], schemas)]
    return {name: example_of(field, schemas) for name, field in schema["properties"].items()}
