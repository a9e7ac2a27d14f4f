"""The page Policy."""

from typing import Annotated

from fastapi import APIRouter, Request, Response

from fraud_detection_api.console.access import POLICY
from fraud_detection_api.console.frame import POLICY_PAGE, render
from fraud_detection_api.console.policy.view import PolicyReader
from fraud_detection_api.console.route import ConsoleRoute, redirect
from fraud_detection_api.routes.protocol.dependencies import provided

router = APIRouter(route_class=ConsoleRoute, include_in_schema=False)


@router.get(POLICY)
def get_policy(request: Request, reader: Annotated[PolicyReader, provided(PolicyReader)]) -> Response:
    """The policy in force, and another one; a form is led to the short address of what it asks for."""
    query, visitor = dict(request.query_params), request.state.visitor
    if (settled := reader.settled(query)) is not None:
        return redirect(f"{visitor.prefix}{POLICY}{'?' if settled else ''}{settled}")
    return render(POLICY_PAGE, visitor, reader.view(query))
