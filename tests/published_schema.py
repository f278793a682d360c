"""Holds a document to the JSON Schema that `pj schema` prints for its kind."""

import jsonschema

from picojoule.report.published import json_schema


def validate(document):
    name, _, version = document["schema"].removeprefix("picojoule/").partition("/")
    assert version == "1"
    jsonschema.Draft202012Validator(json_schema(name)).validate(document)
    return document
