"""The few forms that answers of the Engine API have."""

from typing import Any

from swarm_operator.simulation.api.message import ApiResponse


def answer(body: Any, status: int = 200) -> ApiResponse:
    """JSON; None is its null."""
    return ApiResponse(status, body=body)


def empty(status: int = 200) -> ApiResponse:
    """No content at all."""
    return ApiResponse(status, has_body=False)


def refusal(status: int, message: str) -> ApiResponse:
    """The engine's form of an error."""
    return ApiResponse(status, body={"message": message})
