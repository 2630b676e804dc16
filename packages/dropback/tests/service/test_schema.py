"""Requests made up from the OpenAPI document, right and wrong: every answer is as documented."""

import json

import pytest
import schemathesis
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from schemathesis import GenerationMode
from schemathesis.specs.openapi.checks import positive_data_acceptance

from examples.service import OPERATIONS


@pytest.fixture(scope="module")
def documented(client):
    return schemathesis.openapi.from_dict(json.loads(client.get("/openapi.json").content))


@pytest.mark.parametrize("mode", list(GenerationMode))
@pytest.mark.parametrize(("method", "path"), OPERATIONS)
@settings(
    max_examples=8,
    suppress_health_check=[
        HealthCheck.function_scoped_fixture,
        HealthCheck.too_slow,
        HealthCheck.filter_too_much,
        HealthCheck.data_too_large,
        HealthCheck.large_base_example,
    ],
)
@given(data=st.data())
@pytest.mark.sample(8)
def test_every_answer_is_as_documented(documented, client, method, path, mode, data):
    operation = documented[path][method]
    if mode is GenerationMode.NEGATIVE and not (operation.query or operation.body):
        return  # nothing of it can be wrong
    case = data.draw(operation.as_strategy(generation_mode=mode))
    response = case.call(base_url=str(client.base_url))
    # No schema says which plays are complete, or which splits are there.
    case.validate_response(response, excluded_checks=[positive_data_acceptance])
